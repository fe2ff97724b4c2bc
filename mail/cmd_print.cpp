// Messages are printed.
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/command.h"
#include "mail/input.h"
#include "mail/print_commands.h"
#include "mail/select.h"
#include "mail/show.h"
#include "mail/walk.h"

namespace reader {

using base::Error;
using base::Kind;
using base::Result;

namespace {
// They are seen, and the last of them is the current one.
void mark_printed(Session& session, std::size_t index) {
  touch(session, index);
  session.marks[index] |= Mark::printed;
  session.dot = index;
}

// Many messages are not held in memory where nobody pages them.
bool paged(const Session& session) {
  return session.terminal.output && session.variables.is_set("crt");
}

Result<Next> print_all(Session& session, const Call& call, const FieldList& fields, bool always) {
  std::string text;
  for (const auto index : call.messages) {
    if (take_interrupt()) return Error{Kind::usage, "Interrupt"};
    TRY_LET(message, message_text(session, index, fields));
    mark_printed(session, index);
    text.append(message);
    if (always || paged(session)) continue;
    base::print(text);
    text.clear();
  }
  if (always) page_always(session, text);
  else if (!text.empty()) page(session, text);
  return Next::go_on;
}

Result<Next> print_shown(Session& session, const Call& call) {
  return print_all(session, call, session.shown, false);
}
Result<Next> print_whole(Session& session, const Call& call) {
  return print_all(session, call, FieldList{}, false);
}
Result<Next> page_shown(Session& session, const Call& call) {
  return print_all(session, call, session.shown, true);
}
Result<Next> page_whole(Session& session, const Call& call) {
  return print_all(session, call, FieldList{}, true);
}

// "Message 3:" and the From_ line, then `toplines` lines.
Result<Next> print_top(Session& session, const Call& call) {
  const long lines = session.variables.number("toplines").value_or(5);
  for (const auto index : call.messages) {
    if (take_interrupt()) return Error{Kind::usage, "Interrupt"};
    TRY_LET(message, message_text(session, index, session.shown));
    std::string_view rest = message;
    for (long line = 0; line < lines + 2 && !rest.empty(); ++line)
      base::print(base::cat(base::take(rest, '\n'), "\n"));
    touch(session, index);
    session.dot = index;
  }
  return Next::go_on;
}

// The first one of a list behind the current one, else the first.
std::size_t next_of(const Session& session, const std::vector<std::size_t>& messages) {
  const auto here = place_of(session, session.dot);
  for (const auto index : messages)
    if (place_of(session, index) > here) return index;
  return messages.front();
}

// The current message if nobody has seen it in this session, else the one behind it.
std::optional<std::size_t> next_unprinted(const Session& session) {
  const auto current = nearest(session, Among::present);
  if (!current) return std::nullopt;
  if (!has_mark(session, *current, Mark::printed)) return current;
  for (auto place = place_of(session, *current) + 1; place < message_count(session); ++place)
    if (belongs(session, message_at(session, place), Among::present))
      return message_at(session, place);
  return std::nullopt;
}

Result<Next> print_next(Session& session, const Call& call) {
  Call chosen;
  if (call.words.empty()) {
    const auto next = next_unprinted(session);
    if (!next) {
      base::print("At EOF\n");
      return Next::go_on;
    }
    chosen.messages = {*next};
  } else {
    TRY_LET(messages, select_messages(session, call.words, Among::present));
    chosen.messages = {next_of(session, messages)};
  }
  return print_all(session, chosen, session.shown, false);
}
}  // namespace

std::span<const Command> print_commands() {
  constexpr auto messages = Takes::messages;
  static constexpr Command rows[] = {
      {"print", 1, messages, false, print_shown, "[messages]  print messages"},
      {"type", 1, messages, false, print_shown, "[messages]  the same as print"},
      {"Print", 1, messages, false, print_whole, "[messages]  print with all header fields"},
      {"Type", 1, messages, false, print_whole, "[messages]  the same as Print"},
      {"more", 2, messages, false, page_shown, "[messages]  print through the pager"},
      {"page", 3, messages, false, page_shown, "[messages]  the same as more"},
      {"More", 2, messages, false, page_whole, "[messages]  Print through the pager"},
      {"Page", 3, messages, false, page_whole, "[messages]  the same as More"},
      {"top", 2, messages, false, print_top, "[messages]  print the first lines of messages"},
      {"next", 1, Takes::words, false, print_next, "[message]  go to the next one and print it"},
      {"write", 1, Takes::text, false, write_messages,
       "[messages] file  save texts without headers, and attachments; or a part (write 3.2 file)"},
      {"detach", 3, Takes::text, false, detach_parts,
       "[messages or part] [folder]  save attachments under their own names"},
      {"parts", 3, messages, false, list_parts, "[messages]  list the parts of messages"},
      {"struct", 3, messages, false, list_parts, "[messages]  the same as parts"},
      {"open", 2, Takes::text, false, open_part,
       "[message or part]  show an attachment with the program that `viewer` names"},
      {"pipe", 2, Takes::text, false, pipe_messages,
       "[messages] command  give messages as they are to a command"},
      {"|", 1, Takes::text, false, pipe_messages, "[messages] command  the same as pipe"},
      {"Pipe", 2, Takes::text, false, pipe_displayed,
       "[messages] command  give messages as they are printed to a command"},
  };
  return rows;
}

}  // namespace reader
