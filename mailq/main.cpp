// mailq/main.cpp - list the mail queue, or change what lies in it. See mailq(1).
#include "lib/base/main.h"

#include <sysexits.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <span>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/start.h"
#include "lib/store/why.h"
#include "mailq/listing.h"
#include "mailq/manage.h"
#include "mailq/note.h"
#include "mailq/options.h"
#include "mailq/scan.h"

namespace {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using listing::Action;
using listing::Options;

// Nothing of this is worth a blind second try: somebody must look at the queue.
Error unreadable(Error error) {
  if (error.system_error == EACCES || error.system_error == EPERM) error.kind = Kind::no_permission;
  else if (error.kind == Kind::retry) error.kind = Kind::io;
  return error;
}

/// What could not be read, told and kept for the exit status.
class Trouble {
 public:
  void tell(const Error& error) {
    base::complain(error.text);
    if (status_ == EX_OK) status_ = static_cast<int>(unreadable(error).kind);
  }
  int status() const { return status_; }

 private:
  int status_ = EX_OK;
};

constexpr std::size_t block = 4096;  // messages in memory at a time

bool waiting(const store::Entry& entry) {
  return entry.done.find(store::pending) != std::string::npos;
}

/// Finds out where mail is due and nobody comes for it.
class Watcher {
 public:
  explicit Watcher(base::Time now) : now_(now) {}

  void see(const store::Spool* spool, const store::Snapshot& snapshot) {
    if (snapshot.entry.held || snapshot.leased) return;
    const auto due = base::seconds(snapshot.next_attempt);
    auto [place, added] = due_since_.try_emplace(spool, due);
    if (!added) place->second = std::min(place->second, due);
  }

  void tell() const {
    for (const auto& [spool, since] : due_since_) {
      const auto last = base::read_file_at(spool->run(), "last", 100, "run/last");
      const listing::Care care{last ? listing::parse_last_run(last.value()) : std::nullopt, since};
      if (const auto note = listing::stale_note(care, base::seconds(now_))) {
        base::complain(*note);
        return;  // one timer looks after all
      }
    }
  }

 private:
  base::Time now_;
  std::map<const store::Spool*, std::int64_t> due_since_;
};

void add_entry(listing::Report& report, const listing::Found& found,
               const listing::Reading& reading, std::string& text) {
  const auto& [entry, leased, next_attempt, file] = reading.snapshot.value();
  // All is done, only its file has not gone yet: nobody waits for it any more.
  if (waiting(entry))
    report.add(
        {found.name.id, entry, reading.why, leased, base::local_offset(entry.envelope.arrival)},
        text);
}

void add_block(listing::Report& report, std::span<const listing::Found> entries, Watcher& watcher,
               Trouble& trouble, std::string& text) {
  const auto readings = listing::read(entries);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& snapshot = readings[i].snapshot;
    if (snapshot) {
      add_entry(report, entries[i], readings[i], text);
      if (waiting(snapshot.value().entry)) watcher.see(entries[i].spool, snapshot.value());
    }
    // Delivered since its name was read: no trouble.
    else if (snapshot.error().kind != Kind::unavailable)
      trouble.tell(snapshot.error());
  }
}

Result<int> list(const std::vector<store::Spool>& spools, listing::Form form) {
  TRY_LET(queue, listing::scan(spools));
  Trouble trouble;
  for (const auto& path : queue.strange)
    trouble.tell({Kind::data, cat(path, ": not the name of a message")});
  listing::Report report(form);
  Watcher watcher(base::now());
  std::string text;
  for (std::span<const listing::Found> rest = queue.entries; !rest.empty();) {
    const auto count = std::min(block, rest.size());
    add_block(report, rest.first(count), watcher, trouble, text);
    rest = rest.subspan(count);
    // Sendmail's listing begins with how many there are.
    if (form != listing::Form::sendmail) base::print(std::exchange(text, {}));
  }
  const auto extent =
      trouble.status() == EX_OK ? listing::Extent::complete : listing::Extent::incomplete;
  base::print(cat(report.begin(extent), text, report.end(extent)));
  watcher.tell();
  return trouble.status();
}

Result<int> work(const Options& options) {
  const auto who = base::identity();
  const auto place = store::find_place(who, options.config, std::getenv("POSTBAG_CONFIG"));
  const auto site = store::load_site(place);
  if (!place.remark.empty()) base::complain(place.remark);
  for (const auto& mistake : site.mistakes) base::complain(mistake);
  TRY_LET(spools, store::open_spools(site, place, who));
  if (options.action == Action::list) return list(spools, options.form);
  if (options.action == Action::show) return manage::show(spools, options.ids, base::now());
  TRY_LET(outcome, manage::change(spools, options.action, options.ids));
  for (const auto* spool : outcome.due) store::start_flush(*spool, place, who, std::getenv("MAIL"));
  return outcome.status;
}

Result<int> mailq(base::Args args) {
  TRY_LET(options, listing::parse_options(args));
  if (options.action == Action::help) {
    base::print(listing::usage());
    return EX_OK;
  }
  if (options.action == Action::version) {
    base::print(cat("mailq (postbag) ", POSTBAG_VERSION, "\n"));
    return EX_OK;
  }
  auto status = work(options);
  if (status) return status;
  return unreadable(std::move(status).error());
}

}  // namespace

int main(int argc, char** argv) { return base::run_main("mailq", argc, argv, mailq); }
