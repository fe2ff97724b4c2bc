// cmd_sort.cpp - the order of the list, and what is looked for in all of it.
#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/append.h"
#include "mail/command.h"
#include "mail/fields.h"
#include "mail/fold.h"
#include "mail/select.h"
#include "mail/sent_date.h"
#include "mail/show.h"
#include "mail/summary_name.h"
#include "mail/table.h"
#include "mail/thread.h"
#include "mail/walk.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

// What a message is sorted by: a number first, then a text.
struct Sorted {
  std::int64_t number = 0;
  std::string text;
  std::uint32_t index = 0;
};

std::string field_text(std::string_view header, std::string_view name) {
  return folded(readable(field_body(header, name).value_or("")));
}

// Answers stand beside what they answer.
std::string bare_subject(std::string_view header) {
  const std::string text = field_text(header, "subject");
  std::string_view subject = base::trim(text);
  for (;;) {
    const auto mark = subject.find(':');
    if (mark == std::string_view::npos) break;
    const auto word = base::trim(subject.substr(0, mark));
    if (word != "re" && word != "fwd" && word != "fw" && word != "aw" && word != "sv") break;
    subject = base::trim(subject.substr(mark + 1));
  }
  return std::string(subject);
}

std::int64_t rank_of(const Session& session, std::size_t index) {
  if ((flags_now(session, index) & Flag::flagged) != 0) return 0;
  if (has_mark(session, index, Mark::is_read)) return 3;
  return has_mark(session, index, Mark::is_new) ? 1 : 2;
}

using Measure = void (*)(Session&, std::string_view header, Sorted&);
struct Key {
  std::string_view name;
  bool reads_header;
  Measure measure;
};
constexpr std::array keys = {
    Key{"date", true,
        [](Session&, std::string_view header, Sorted& made) {
          made.number = sent_date(field_body(header, "date").value_or("")).value_or(0);
        }},
    Key{"from", true,
        [](Session&, std::string_view header, Sorted& made) {
          made.text = folded(bare_addresses(field_body(header, "from").value_or("")));
        }},
    Key{"to", true,
        [](Session&, std::string_view header, Sorted& made) {
          made.text = folded(bare_addresses(field_body(header, "to").value_or("")));
        }},
    Key{"subject", true,
        [](Session&, std::string_view header, Sorted& made) { made.text = bare_subject(header); }},
    Key{"size", false,
        [](Session& session, std::string_view, Sorted& made) {
          made.number = static_cast<std::int64_t>(session.folder->size(made.index));
        }},
    Key{"status", false,
        [](Session& session, std::string_view, Sorted& made) {
          made.number = rank_of(session, made.index);
        }},
};

// Of a message that is gone there is none: it stands where one without fields does.
Result<std::string> header_of(Session& session, std::size_t index) {
  auto header = session.folder->header(index);
  if (!header && is_gone(header.error())) return std::string();
  return header;
}

Result<std::vector<std::uint32_t>> sorted_by(Session& session, const Key& key, bool reverse) {
  std::vector<Sorted> messages(session.folder->count());
  for (std::uint32_t index = 0; index < messages.size(); ++index) {
    messages[index].index = index;
    std::string header;
    if (key.reads_header) {
      TRY_LET(text, header_of(session, index));
      header = std::move(text);
    }
    key.measure(session, header, messages[index]);
  }
  std::stable_sort(messages.begin(), messages.end(), [](const Sorted& a, const Sorted& b) {
    return std::tie(a.number, a.text) < std::tie(b.number, b.text);
  });
  if (reverse) std::reverse(messages.begin(), messages.end());
  std::vector<std::uint32_t> order;
  order.reserve(messages.size());
  for (const auto& message : messages) order.push_back(message.index);
  return order;
}

Result<Threads> threads(Session& session) {
  std::vector<Referrer> referrers;
  referrers.reserve(session.folder->count());
  for (std::size_t index = 0; index < session.folder->count(); ++index) {
    TRY_LET(header, header_of(session, index));
    referrers.push_back(referrer(field_body(header, "message-id").value_or(""),
                                 field_body(header, "references").value_or(""),
                                 field_body(header, "in-reply-to").value_or("")));
  }
  return threads_of(referrers);
}

// A new order is seen at once, from the current message's page on.
Result<Next> arranged(Session& session, std::string_view how) {
  session.sorted_by = how;
  if (session.marks.empty()) return Next::go_on;
  return run_line(session, "headers");
}

Result<Next> unsorted(Session& session, const Call&) {
  set_order(session, {});
  session.depth.clear();
  return arranged(session, "");
}

Result<Next> thread(Session& session, const Call&) {
  if (!session.folder) return Error{Kind::usage, "No messages."};
  TRY_LET(made, threads(session));
  set_order(session, std::move(made.order));
  session.depth = std::move(made.depth);
  return arranged(session, "thread");
}

Result<Next> sort(Session& session, const Call& call) {
  if (!session.folder) return Error{Kind::usage, "No messages."};
  if (call.words.empty()) {
    base::print(cat("Sorted by ", session.sorted_by.empty() ? "arrival" : session.sorted_by, "\n"));
    return Next::go_on;
  }
  std::string_view word = call.words.front();
  const bool reverse = word.starts_with('-');
  if (reverse) word.remove_prefix(1);
  if (word == "thread") return thread(session, call);
  if (!reverse && (word == "arrival" || word == "none")) return unsorted(session, call);
  if (word == "arrival") {
    std::vector<std::uint32_t> order(session.folder->count());
    std::iota(order.rbegin(), order.rend(), 0U);
    set_order(session, std::move(order));
  } else {
    const auto* key =
        std::find_if(keys.begin(), keys.end(), [&](const Key& each) { return each.name == word; });
    if (key == keys.end())
      return Error{Kind::usage, cat("\"", word,
                                    "\": sort by arrival, date, from, to, subject, size, status or "
                                    "thread; -date goes backwards")};
    TRY_LET(order, sorted_by(session, *key, reverse));
    set_order(session, std::move(order));
  }
  session.depth.clear();
  return arranged(session, call.words.front());
}

// Whether all words stand in the fields that people see or in the text.
Result<bool> holds(Session& session, std::size_t index, std::vector<std::string> words) {
  const auto drop_found = [&](std::string_view text) {
    std::erase_if(words, [&](const auto& word) { return text.find(word) != text.npos; });
    return words.empty();
  };
  TRY_LET(header, session.folder->header(index));
  for (const auto* name : {"subject", "from", "to", "cc"})
    if (drop_found(field_text(header, name))) return true;
  auto text = readable_text(session, index);
  // A message that cannot be taken apart is not found, but the others are.
  return text && drop_found(folded(text.value()));
}

// Lists what it finds and adds it to `found`.
Result<> find_all(Session& session, const std::vector<std::string>& words) {
  for (std::size_t place = 0; place < message_count(session); ++place) {
    const auto index = message_at(session, place);
    if (take_interrupt()) return Error{Kind::usage, "Interrupt"};
    if (!belongs(session, index, Among::present)) continue;
    const auto found = holds(session, index, words);
    if (!found && !is_gone(found.error())) return found.error();
    if (!found || !found.value()) continue;
    TRY_LET(line, headline(session, index));
    session.found.push_back(index);
    base::print(line);
  }
  return {};
}

Result<Next> search(Session& session, const Call& call) {
  if (call.words.empty()) return Error{Kind::usage, "search: for which words?"};
  std::vector<std::string> words;
  for (const auto& word : call.words) words.push_back(folded(word));
  session.found.clear();
  const auto done = find_all(session, words);
  if (!session.found.empty()) session.dot = session.found.front();
  std::sort(session.found.begin(), session.found.end());  // what was found before an interrupt, too
  if (!done) return done.error();
  if (session.found.empty()) return Error{Kind::usage, "No applicable messages"};
  return Next::go_on;
}

constexpr std::array rows = {
    Command{"sort", 3, Takes::words, false, sort,
            "[[-]arrival|date|from|to|subject|size|status|thread]  list in another order"},
    Command{"thread", 2, Takes::nothing, false, thread, "list answers below what they answer"},
    Command{"unsort", 5, Takes::nothing, false, unsorted, "list in the order of arrival again"},
    Command{"unthread", 3, Takes::nothing, false, unsorted, "list in the order of arrival again"},
    Command{"search", 3, Takes::words, false, search,
            "words  list messages that hold all of them; `:m` names these messages then"},
};

}  // namespace

std::span<const Command> sort_commands() { return rows; }

}  // namespace reader
