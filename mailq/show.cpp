// show.cpp - one message of the queue, as it stands.
#include <unistd.h>

#include <limits>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/store/why.h"
#include "mailq/listing.h"
#include "mailq/lookup.h"
#include "mailq/manage.h"

namespace manage {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

/// Prints a text that comes in pieces: as it is, or line by line without what drives a terminal.
class Printer {
 public:
  explicit Printer(bool terminal) : terminal_(terminal) {}

  void add(std::string_view piece) {
    if (!terminal_) return base::print(piece);
    rest_.append(piece);
    std::string_view lines = rest_;
    for (auto end = lines.find('\n'); end != std::string_view::npos; end = lines.find('\n')) {
      print_line(lines.substr(0, end));
      lines.remove_prefix(end + 1);
    }
    rest_.erase(0, rest_.size() - lines.size());
  }

  void end() {
    if (!rest_.empty()) print_line(rest_);
    rest_.clear();
  }

 private:
  // A tab is harmless, and messages are full of them.
  static void print_line(std::string_view line) {
    bool first = true;
    for (const auto part : base::split(line, '\t')) {
      if (!first) base::print("\t");
      base::print(base::printable(part, std::numeric_limits<std::size_t>::max()));
      first = false;
    }
    base::print("\n");
  }

  bool terminal_;
  std::string rest_;  // a line whose end has not come yet
};

listing::Moment moment(base::Time time) { return {base::seconds(time), base::local_offset(time)}; }

Result<> print_message(const store::Snapshot& found, const std::string& what) {
  Printer printer(::isatty(STDOUT_FILENO) == 1);
  std::string buffer(65536, '\0');
  for (std::uint64_t at = found.entry.message_offset;;) {
    TRY_LET(got, base::read_at(found.file.number(), buffer, at, what));
    if (got == 0) break;
    printer.add(std::string_view(buffer).substr(0, got));
    at += got;
  }
  printer.end();
  return {};
}

Result<> show_one(const Lookup& lookup, const std::string& id, base::Time now) {
  const Error absent{Kind::no_input, cat(id, ": not in the queue")};
  const auto place = lookup.find(id);
  if (!place) return absent;
  std::string buffer;
  const auto found = store::read_snapshot(*place->spool, place->name, buffer);
  if (!found && found.error().kind == Kind::unavailable) return absent;
  if (!found) return found.error();
  const auto& [entry, leased, next_attempt, file] = found.value();
  const auto why = store::load_why(*place->spool, place->name.id, entry.done.size());
  const listing::Item item{place->name.id, entry, why, leased,
                           base::local_offset(entry.envelope.arrival)};
  base::print(listing::description(
      item, {.last_attempt = moment(base::Time(std::chrono::seconds(why.last_attempt))),
             .next_attempt = moment(next_attempt),
             .due = next_attempt <= now}));
  return print_message(found.value(), place->spool->named("queue", place->name.text()));
}

}  // namespace

Result<int> show(const std::vector<store::Spool>& spools, const std::vector<std::string>& ids,
                 base::Time now) {
  TRY_LET(lookup, Lookup::read(spools));
  int status = 0;
  for (const auto& id : ids) {
    const auto shown = show_one(lookup, id, now);
    if (shown) continue;
    base::complain(shown.error().text);
    if (status == 0) status = static_cast<int>(shown.error().kind);
  }
  return status;
}

}  // namespace manage
