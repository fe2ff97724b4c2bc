// Lists of headers.
#include <algorithm>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/append.h"
#include "mail/command.h"
#include "mail/input.h"
#include "mail/screen.h"
#include "mail/show.h"
#include "mail/table.h"
#include "mail/walk.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

// One line a message. Those that are gone are left out; where nothing is left, that is told.
template <typename LineOf>
Result<> print_each(const std::vector<std::size_t>& messages, LineOf line_of) {
  Result<> done;
  bool any = false;
  for (const auto index : messages) {
    if (take_interrupt()) return Error{Kind::usage, "Interrupt"};
    const Result<std::string> line = line_of(index);
    if (!line && !is_gone(line.error())) return line.error();
    if (!line) done = line.error();
    else base::print(line.value());
    any = any || line;
  }
  return any ? Result<>() : done;
}

// As bsd-mailx: four lines of the screen are for the rest.
std::size_t page_size(const Session& session) {
  const auto set = session.variables.number("screen").value_or(0);
  if (set > 0) return static_cast<std::size_t>(set);
  return static_cast<std::size_t>(std::max(session.terminal.rows - 4, 1));
}

void put_on_page(Session& session, std::size_t place) {
  const auto size = page_size(session);
  session.screen = place / size * size;
}

// The messages of the page that are not deleted: it is filled from behind it.
std::vector<std::size_t> on_page(const Session& session) {
  std::vector<std::size_t> list;
  const auto size = page_size(session);
  for (auto at = session.screen; at < message_count(session) && list.size() < size; ++at) {
    const auto index = message_at(session, at);
    if (!has_mark(session, index, Mark::deleted)) list.push_back(index);
  }
  return list;
}

Result<Next> headers(Session& session, const Call& call) {
  TRY(list_page(session, call.messages.front()));
  return Next::go_on;
}

Result<Next> from(Session& session, const Call& call) {
  auto list = call.messages;
  if (!session.order.empty())
    std::sort(list.begin(), list.end(), [&](auto one, auto other) {
      return place_of(session, one) < place_of(session, other);
    });
  TRY(print_headlines(session, list));
  session.dot = list.back();
  return Next::go_on;
}

bool interesting(const Session& session, std::size_t index) {
  return !has_mark(session, index, Mark::deleted) &&
         (has_mark(session, index, Mark::is_new) ||
          (flags_now(session, index) & Flag::flagged) != 0);
}

// Whether the page holds something new or flagged.
bool interesting_page(const Session& session, std::size_t first) {
  const auto end = std::min(first + page_size(session), message_count(session));
  for (auto at = first; at < end; ++at)
    if (interesting(session, message_at(session, at))) return true;
  return false;
}

Result<Next> show_page(Session& session) {
  const auto list = on_page(session);
  session.dot = list.empty() ? message_at(session, session.screen) : list.front();
  if (list.empty()) return Error{Kind::usage, "No more mail."};
  TRY(print_headlines(session, list));
  return Next::go_on;
}

Result<Next> scroll(Session& session, const Call& call) {
  const auto count = message_count(session);
  if (count == 0) return Error{Kind::usage, "No applicable messages"};
  const bool wanted_only = call.name == "Z";
  const auto direction = base::trim(call.text);
  if (!direction.empty() && direction != "+" && direction != "-")
    return Error{Kind::usage, cat("Unrecognized scrolling command \"", direction, "\"")};
  const auto size = page_size(session);
  put_on_page(session, session.screen);
  auto first = session.screen;
  do {
    if (direction == "-" ? first < size : first + size >= count) {
      base::print(direction == "-" ? "On first screenful of messages\n"
                                   : "On last screenful of messages\n");
      return Next::go_on;
    }
    first = direction == "-" ? first - size : first + size;
  } while (wanted_only && !interesting_page(session, first));
  session.screen = first;
  return show_page(session);
}

Result<Next> number(Session& session, const Call&) {
  base::print(cat(message_count(session) == 0 ? 0 : session.dot + 1, "\n"));
  return Next::go_on;
}

Result<Next> size(Session& session, const Call& call) {
  TRY(print_each(call.messages, [&](std::size_t index) -> Result<std::string> {
    TRY_LET(lines, session.folder->lines(index));
    return cat(index + 1, ": ", lines, "/", session.folder->size(index), "\n");
  }));
  session.dot = call.messages.back();
  return Next::go_on;
}

constexpr auto messages = Takes::messages;

constexpr Command rows[] = {
    {"headers", 1, messages, false, headers, "[message]  the page of headers that holds a message"},
    {"from", 1, messages, false, from, "[messages]  their headers"},
    {"z", 1, Takes::text, false, scroll, "[+|-]  the next page of headers, or the one before"},
    {"Z", 1, Takes::text, false, scroll, "[+|-]  the next page with new or flagged messages"},
    {"=", 1, Takes::nothing, false, number, "  number of the current message"},
    {"size", 2, messages, false, size, "[messages]  their lines and bytes"},
};

}  // namespace

Result<> print_headlines(Session& session, const std::vector<std::size_t>& messages) {
  return print_each(messages, [&](std::size_t index) { return headline(session, index); });
}

Result<> list_page(Session& session, std::size_t index) {
  put_on_page(session, place_of(session, index));
  const auto list = on_page(session);
  if (list.empty()) return Error{Kind::usage, "No more mail."};
  if (session.dot != index) session.dot = list.front();
  return print_headlines(session, list);
}

std::span<const Command> list_commands() { return rows; }

}  // namespace reader
