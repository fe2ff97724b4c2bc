#include "mail/rc.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/table.h"
#include "mail/words.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::size_t file_limit = 4 << 20;
constexpr unsigned deepest = 16;  // `source` within `source`

// Commands of s-nail and mailutils that have no meaning here.
constexpr std::string_view foreign[] = {
    "account",      "bind",
    "call",         "call_if",
    "charsetalias", "cm",
    "colour",       "collapse",
    "commandalias", "cwd",
    "define",       "digmsg",
    "environ",      "errors",
    "eval",         "filetype",
    "ghost",        "localopts",
    "mimetype",     "mlist",
    "mlsubscribe",  "mtaaliases",
    "netrc",        "nounfold",
    "readctl",      "sendheader",
    "setenv",       "shcodec",
    "shortcut",     "shift",
    "spamset",      "struct",
    "unaccount",    "unbind",
    "uncolour",     "uncommandalias",
    "uncollapse",   "undefine",
    "unfold",       "unmimetype",
    "unmlist",      "unmlsubscribe",
    "unsetenv",     "unshortcut",
    "varshow",      "vexpr",
    "vpospar",      "xcall",
    "headerline",   "metamail",
    "nosender",     "uncharsetalias",
};

// s-nail's words before a command, and its backslash (no alias).
std::string_view without_modifiers(std::string_view line) {
  for (;;) {
    if (line.starts_with('\\')) line.remove_prefix(1);
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    const auto word = line.substr(0, end);
    if (word != "wysh" && word != "ignerr" && word != "local" && word != "global" && word != "our")
      return line;
    line = base::trim(line.substr(end));
  }
}

bool opens_block(std::string_view line) {
  return line.ends_with('{') &&
         (line.starts_with("define ") || line.starts_with("account ") || line.starts_with("def ") ||
          line.starts_with("defi ") || line.starts_with("acc "));
}

void remark(Session& session, const std::string& place, const std::string& text) {
  if (!talkative(session) || !session.told.insert(text).second) return;
  base::flush_output();
  base::complain(cat(place, ": ", text));
}

// In a session each line of a file is as if it were typed.
void tell_failure(Session& session, const std::string& place, const Error& error) {
  if (session.starting) {
    remark(session, place, error.text);
    return;
  }
  base::flush_output();
  base::complain(cat(place, ": ", error.text));
}

void tell_unknown_variables(Session& session, const std::string& place, std::string_view line) {
  const auto [word, rest] = split_command(line);
  const auto* const command = find_command(word);
  if (command == nullptr || command->name != "set" || !carried_out(session)) return;
  for (const auto& each : split_words(rest)) {
    if (each.starts_with('#')) return;
    const auto name = each.substr(0, each.find('='));
    if (known_variable(name) || (name.starts_with("no") && known_variable(name.substr(2))))
      continue;
    remark(session, place, cat("unknown variable \"", name, "\""));
  }
}

// False: the rest of the file is not for us (`quit`, `exit`).
bool run_rc_line(Session& session, const std::string& place, std::string_view line) {
  line = without_modifiers(line);
  const auto word = split_command(line).word;
  if (find_command(word) == nullptr &&
      std::find(std::begin(foreign), std::end(foreign), word) != std::end(foreign))
    return true;
  tell_unknown_variables(session, place, line);
  const auto done = run_line(session, line);
  if (!done) tell_failure(session, place, done.error());
  return !done || done.value() == Next::go_on;
}

std::string_view sentence(int number) { return std::strerror(number); }

Result<std::string> trusted_text(const Session& session, const std::string& path, Trust trust) {
  auto file = base::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path);
  if (!file) {
    const int number = file.error().system_error;
    return Error{number == ENOENT ? Kind::no_input : Kind::io, cat(path, ": ", sentence(number)),
                 number};
  }
  struct stat status {};
  if (::fstat(file.value().number(), &status) != 0) return base::system_error(path, "stat", errno);
  if (S_ISCHR(status.st_mode)) return std::string();
  if (!S_ISREG(status.st_mode))
    return Error{Kind::no_permission, cat(path, ": not a regular file")};
  if (trust == Trust::user_and_root && status.st_uid != 0 && status.st_uid != session.person.uid)
    return Error{Kind::no_permission, cat(path, ": not read: it belongs to somebody else")};
  if (trust == Trust::user_and_root && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return Error{Kind::no_permission, cat(path, ": not read: others may write it")};
  if (static_cast<std::uint64_t>(status.st_size) > file_limit)
    return Error{Kind::data, cat(path, ": too large")};
  std::string text;
  char buffer[16384];
  for (;;) {
    TRY_LET(got, base::read_at(file.value().number(), buffer, text.size(), path));
    if (got == 0 || text.size() > file_limit) return text;
    text.append(buffer, got);
  }
}

}  // namespace

bool goes_on(std::string_view line) {
  const auto last = line.find_last_not_of('\\');
  const auto count = line.size() - (last == std::string_view::npos ? 0 : last + 1);
  return count % 2 == 1;
}

bool talkative(const Session& session) {
  return !session.sending || session.terminal.input || session.variables.is_set("verbose");
}

std::vector<RcLine> rc_lines(std::string_view text) {
  std::vector<RcLine> lines;
  std::string line;
  std::size_t number = 0, begun = 1;
  bool in_block = false;
  while (!text.empty()) {
    const auto piece = base::take(text, '\n');
    ++number;
    if (line.empty()) begun = number;
    line += piece;
    if (goes_on(line) && !text.empty()) {
      line.back() = ' ';
      continue;
    }
    const auto whole = base::trim(line);
    if (in_block) in_block = whole != "}";
    else if (opens_block(without_modifiers(whole))) in_block = true;
    else if (!whole.empty() && whole[0] != '#') lines.push_back({begun, std::string(whole)});
    line.clear();
  }
  return lines;
}

void run_rc(Session& session, const std::string& name, std::string_view text) {
  // Those of the file that sourced it hold, and are none of its business.
  auto outer = std::exchange(session.conditions, {});
  ++session.sourcing;
  bool to_the_end = true;
  for (const auto& line : rc_lines(text)) {
    to_the_end = run_rc_line(session, cat(name, ":", line.number), line.text);
    if (!to_the_end) break;
  }
  --session.sourcing;
  if (to_the_end && !session.conditions.empty())
    remark(session, name, "\"if\" without matching \"endif\"");
  session.conditions = std::move(outer);
}

Result<> source_file(Session& session, const std::string& path, Trust trust) {
  if (session.sourcing >= deepest)
    return Error{Kind::usage, cat(path, ": too many files within files")};
  TRY_LET(text, trusted_text(session, path, trust));
  run_rc(session, path, text);
  return {};
}

Answer condition(const Session& session, const std::vector<std::string>& words) {
  if (words.size() != 1) return Answer::unknown;
  const auto word = base::lowered(words[0]);
  const auto answer = [](bool yes) { return yes ? Answer::yes : Answer::no; };
  if (word == "r" || word == "receive") return answer(!session.sending);
  if (word == "s" || word == "send") return answer(session.sending);
  if (word == "t" || word == "terminal" || word == "$tty") return answer(session.terminal.input);
  if (word == "true" || word == "yes" || word == "1") return Answer::yes;
  if (word == "false" || word == "no" || word == "0") return Answer::no;
  return Answer::unknown;
}

}  // namespace reader
