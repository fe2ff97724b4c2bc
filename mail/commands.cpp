#include <unistd.h>

#include <algorithm>
#include <span>

#include "lib/base/fd.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/command.h"
#include "mail/select.h"
#include "mail/table.h"
#include "mail/words.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

std::vector<Command> all_commands() {
  std::vector<Command> all;
  for (const auto rows : {list_commands(), print_commands(), state_commands(), file_commands(),
                          folder_commands(), send_commands(), sort_commands(), set_commands()})
    all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view without_blanks_before(std::string_view text) {
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  return text;
}

bool conditional(const Command& command) {
  return command.name == "if" || command.name == "elif" || command.name == "else" ||
         command.name == "endif";
}

Result<Next> call(Session& session, const Command& command, std::string_view rest) {
  Call arguments;
  arguments.name = command.name;
  arguments.text = without_blanks_before(rest);
  if (command.takes == Takes::words || command.takes == Takes::messages ||
      command.takes == Takes::undelete)
    arguments.words = split_words(rest);
  if (command.takes == Takes::messages || command.takes == Takes::undelete) {
    const auto among = command.takes == Takes::undelete ? Among::deleted : Among::present;
    TRY_LET(messages, select_messages(session, arguments.words, among));
    arguments.messages = std::move(messages);
  }
  return command.handler(session, arguments);
}

// Commands that keep something: a message that is missing then is missed. So is another mailbox:
// what follows was meant for that one.
bool keeps(const Command& command) {
  constexpr std::string_view names[] = {"save",   "Save", "copy", "Copy", "mbox", "write",
                                        "detach", "pipe", "|",    "Pipe", "file", "folder"};
  return std::find(std::begin(names), std::end(names), command.name) != std::end(names);
}

// Where no person types, who started us learns by the exit status what failed. Mistakes in the
// command itself are none of its business, as in bsd-mailx.
void note_failure(Session& session, const Command& command, const Error& error) {
  const bool person = session.input && session.input->person();
  const bool mistake =
      error.kind == Kind::usage || (error.kind == Kind::no_input && !keeps(command));
  if (!person && !mistake && !session.starting) session.status = static_cast<int>(error.kind);
}

}  // namespace

std::span<const Command> commands() {
  static const auto all = all_commands();
  return all;
}

const Command* find_command(std::string_view word) {
  const auto table = commands();
  const auto exact = std::find_if(table.begin(), table.end(),
                                  [&](const Command& each) { return each.name == word; });
  if (exact != table.end()) return &*exact;
  const auto found = std::find_if(table.begin(), table.end(), [&](const Command& each) {
    return word.size() >= each.shortest && each.name.starts_with(word);
  });
  return found == table.end() ? nullptr : &*found;
}

CommandWord split_command(std::string_view line) {
  constexpr std::string_view single = "!#|=?";
  if (!line.empty() && single.find(line[0]) != std::string_view::npos)
    return {line.substr(0, 1), line.substr(1)};
  const auto end = std::min(line.find_first_of(" \t\n\r0123456789$^.:/-+*'\""), line.size());
  return {line.substr(0, end), line.substr(end)};
}

bool carried_out(const Session& session) {
  return std::all_of(session.conditions.begin(), session.conditions.end(),
                     [](const Condition& each) { return each.holds; });
}

Result<Next> print_messages(Session& session, std::vector<std::size_t> messages) {
  const auto* const print = find_command("print");
  Call arguments;
  arguments.name = print->name;
  arguments.messages = std::move(messages);
  return print->handler(session, arguments);
}

void show(const Session& session, std::string_view text) {
  base::print(for_charset(displayable_lines(text), session.terminal.charset));
}

void tell(const Session& session, std::string_view text) {
  base::flush_output();
  (void)base::write_all(STDERR_FILENO,
                        for_charset(displayable_lines(text), session.terminal.charset) + "\n",
                        "standard error");
}

Result<Next> run_line(Session& session, std::string_view line) {
  const auto [word, rest] = split_command(without_blanks_before(line));
  if (word == "#" || (word.empty() && rest.empty() && session.sourcing > 0)) return Next::go_on;
  const auto* const command = find_command(word.empty() ? "next" : word);
  if (!carried_out(session) && (command == nullptr || !conditional(*command))) return Next::go_on;
  if (command == nullptr) return Error{Kind::usage, cat("Unknown command: \"", word, "\"")};
  if (session.starting && session.sourcing > 0 && !command->in_rc)
    return Error{Kind::usage, cat("May not execute \"", command->name, "\" while sourcing")};
  auto done = call(session, *command, rest);
  if (!done) note_failure(session, *command, done.error());
  return done;
}

}  // namespace reader
