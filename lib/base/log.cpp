#include "lib/base/log.h"

#include <syslog.h>
#include <unistd.h>

#include <string>

#include "lib/base/fd.h"
#include "lib/base/text.h"

namespace base {

namespace {
bool on_stderr = false;

int priority(Level level) {
  return LOG_MAIL | (level == Level::info      ? LOG_INFO
                     : level == Level::warning ? LOG_WARNING
                                               : LOG_ERR);
}
}  // namespace

void log_to_stderr(bool on) { on_stderr = on; }

void log(std::string_view part, Level level, std::string_view line) {
  static std::string tag;  // openlog keeps the pointer
  const std::string text = printable(line, 2000);
  if (const auto wanted = cat("postbag/", part); wanted != tag) {
    ::closelog();
    tag = wanted;
    ::openlog(tag.c_str(), LOG_PID, LOG_MAIL);
  }
  ::syslog(priority(level), "%s", text.c_str());
  if (on_stderr)
    (void)write_all(STDERR_FILENO, cat("postbag/", part, ": ", text, "\n"), "standard error");
}

}  // namespace base
