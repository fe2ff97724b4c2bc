// Conditions, files of commands, the shell.
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/command.h"
#include "mail/leave.h"
#include "mail/rc.h"
#include "mail/run.h"
#include "mail/set_commands.h"
#include "mail/table.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

// What we cannot answer in a file (s-nail's expressions) skips both branches.
Result<Next> open_condition(Session& session, const Call& call) {
  const auto answer = condition(session, call.words);
  if (answer == Answer::unknown && session.sourcing == 0)
    return Error{Kind::usage, cat("Unrecognized if-keyword: \"", call.text, "\"")};
  const bool holds = answer == Answer::yes;
  session.conditions.push_back({holds, holds || answer == Answer::unknown});
  return Next::go_on;
}

Result<Next> elif (Session& session, const Call& call) {
  if (session.conditions.empty()) return Error{Kind::usage, "\"Elif\" without matching \"if\""};
  auto& open = session.conditions.back();
  open.holds = !open.spent && condition(session, call.words) == Answer::yes;
  open.spent = open.spent || open.holds;
  return Next::go_on;
}

Result<Next> otherwise(Session& session, const Call&) {
  if (session.conditions.empty()) return Error{Kind::usage, "\"Else\" without matching \"if\""};
  auto& open = session.conditions.back();
  open.holds = !open.spent;
  open.spent = true;
  return Next::go_on;
}

Result<Next> endif(Session& session, const Call&) {
  if (session.conditions.empty()) return Error{Kind::usage, "\"Endif\" without matching \"if\""};
  session.conditions.pop_back();
  return Next::go_on;
}

Result<Next> source(Session& session, const Call& call) {
  if (call.words.empty()) return Error{Kind::usage, "No file specified."};
  TRY_LET(path, expand_name(session, call.words[0]));
  const auto trust = session.sourcing > 0 ? Trust::user_and_root : Trust::anybody;
  TRY(source_file(session, path, trust));
  return Next::go_on;
}

Result<Next> echo(Session& session, const Call& call) {
  std::string line;
  for (const auto& word : call.words) {
    const auto path = word.empty() ? Result<std::string>(word) : expand_name(session, word);
    if (&word != call.words.data()) line += " ";
    line += path ? path.value() : word;
  }
  show(session, line + "\n");
  return Next::go_on;
}

Result<Next> change_folder(Session& session, const Call& call) {
  TRY_LET(path, expand_name(session, call.words.empty() ? "~" : call.words[0]));
  if (::chdir(path.c_str()) == 0) return Next::go_on;
  return Error{Kind::no_input, cat(path, ": ", std::strerror(errno))};
}

// Each `!` that no backslash quotes becomes the last command, where `bang` is set (POSIX).
std::string with_bangs(const Session& session, const std::string& text) {
  if (!session.variables.is_set("bang")) return text;
  std::string command;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '!') command.push_back(text[++i]);
    else if (text[i] == '!') command += session.last_command;
    else command.push_back(text[i]);
  }
  return command;
}

Result<Next> bang(Session& session, const Call& call) {
  const auto command = with_bangs(session, call.text);
  if (command != call.text) show(session, cat("!", command, "\n"));
  session.last_command = command;
  TRY(run_shell(session, command));
  base::print("!\n");
  return Next::go_on;
}

Result<Next> shell(Session& session, const Call&) {
  TRY(run_program(session, {shell_of(session)}));
  base::print("\n");
  return Next::go_on;
}

constexpr Command rows[] = {
    {"if", 1, Takes::words, true, open_condition,
     "s|r|t  what follows only when sending, reading, at a terminal"},
    {"elif", 4, Takes::words, true, elif, "s|r|t  else if"},
    {"else", 2, Takes::nothing, true, otherwise, "  what follows only in the other case"},
    {"endif", 2, Takes::nothing, true, endif, "  end of if"},
    {"source", 2, Takes::words, true, source, "file  commands from a file"},
    {"echo", 2, Takes::words, true, echo, "word …  print words, file names expanded"},
    {"cd", 2, Takes::words, true, change_folder, "[folder]  go to a folder, or home"},
    {"chdir", 2, Takes::words, true, change_folder, "[folder]  the same as cd"},
    {"!", 1, Takes::text, false, bang, "command  run a command by the shell"},
    {"shell", 2, Takes::nothing, false, shell, "  start a shell"},
};

}  // namespace

std::span<const Command> flow_commands() { return rows; }

}  // namespace reader
