// mail_rc.cpp - no text of a start-up file starts a program, leaves an `if` open or a folder
// opened.
#include <sys/wait.h>

#include <cerrno>

#include "lib/base/text.h"
#include "mail/rc.h"
#include "mail/session.h"
#include "tests/fuzz/require.h"

namespace {

// Other files are not the text's business here: they would be this machine's.
bool leads_out(const std::string& line) {
  return line.find("so") != std::string::npos || line.find("cd") != std::string::npos ||
         line.find("ch") != std::string::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  std::size_t before = 0;
  for (const auto& line : reader::rc_lines(text)) {
    require(line.number > before, "lines are numbered as they come");
    before = line.number;
    require(!line.text.empty() && line.text[0] != '#' && base::trim(line.text) == line.text &&
                line.text.find('\n') == std::string::npos,
            "a line is one command");
    if (leads_out(line.text)) return 0;
  }
  reader::Session session;
  session.sending = true;
  session.environment.all = {"HOME=/nonexistent"};
  reader::run_rc(session, "rc", text);
  require(session.conditions.empty() && session.sourcing == 0, "nothing is left open");
  require(session.folder == nullptr && session.marks.empty(), "no mailbox is opened");
  require(::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD, "no program is started");
  return 0;
}
