#include "spool/flush.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "spool/report.h"
#include "spool/watch.h"

namespace spool {

using base::cat;
using base::Kind;
using base::Level;
using base::Result;
using store::EntryName;

namespace {

std::optional<base::Time> next_attempt_of(const store::Spool& spool, const EntryName& name) {
  struct stat status;
  if (::fstatat(spool.queue(), name.text().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return std::nullopt;
  return base::Time(std::chrono::seconds(status.st_mtim.tv_sec) +
                    std::chrono::microseconds(status.st_mtim.tv_nsec / 1000));
}

std::uint32_t random_number() {
  std::uint32_t number = 0;  // only spreads retries: without randomness they are not spread
  (void)!::getrandom(&number, sizeof number, 0);
  return number;
}

}  // namespace

SpoolRun::SpoolRun(const store::Spool& spool, const Settings& settings, const base::Identity& who,
                   std::string home, base::Time (*clock)())
    : spool_(spool),
      settings_(settings),
      who_(who),
      home_(std::move(home)),
      clock_(clock),
      policy_{settings.site.retry_first, settings.site.retry_longest} {}

namespace {

// Whether the entry's addresses are among those wanted; one that cannot be read is not.
bool wanted_by_address(const store::Spool& spool, const EntryName& name, const Wanted& wanted) {
  const auto entry = store::read_entry(spool, name);
  if (!entry) return false;
  const auto holds = [](const std::string& address, const std::optional<std::string>& text) {
    return text && base::ifind(address, *text) != std::string::npos;
  };
  const auto& envelope = entry.value().envelope;
  return holds(envelope.senders[0].path.text(), wanted.sender) ||
         std::any_of(envelope.recipients.begin(), envelope.recipients.end(),
                     [&](const auto& each) { return holds(each.address, wanted.recipient); });
}

}  // namespace

Result<> SpoolRun::wake(const Wanted& wanted) {
  TRY_LET(listing, store::list(spool_));
  for (const auto& name : listing.entries) {
    if (wanted.id && *wanted.id != name.id.text()) continue;
    if ((wanted.recipient || wanted.sender) && !wanted_by_address(spool_, name, wanted)) continue;
    (void)store::make_due(spool_, name);
  }
  return {};
}

// Whether it is due and was not tried in this run since somebody set its time.
bool SpoolRun::attempt_now(const EntryName& name) {
  const auto next = next_attempt_of(spool_, name);
  if (!next || !due(*next, clock_(), policy_)) return false;
  const auto known = attempted_.find(name.id);
  return known == attempted_.end() || known->second != *next;
}

void SpoolRun::put_aside(const std::string& name, std::string_view reason) {
  const auto moved = store::quarantine(spool_, name);
  base::log("qmgr", Level::warning,
            cat(reason, moved ? cat("; moved to ", spool_.named("bad", moved.value()))
                              : "; " + moved.error().text));
}

// Whether something was done about it.
bool SpoolRun::attempt(const EntryName& name, const std::vector<EntryName>& superseded) {
  auto taken = store::Lease::take(spool_, name);
  if (!taken) {
    const bool damaged = taken.error().kind == Kind::data;
    if (damaged) put_aside(name.text(), taken.error().text);
    else base::log("qmgr", Level::error, taken.error().text);
    return damaged;  // a lower generation may have come to light
  }
  if (!taken.value()) return false;
  handle(*taken.value(), superseded);
  return true;
}

// One look over the queue; whether anything was due.
Result<bool> SpoolRun::pass() {
  TRY_LET(listing, store::list(spool_));
  for (const auto& name : listing.strange)
    put_aside(name, cat(spool_.named("queue", name), ": not the name of an entry"));
  bool worked = false;
  for (const auto& name : listing.entries) {
    if (stop_requested()) return false;
    if (!attempt_now(name)) continue;
    answered_ = scheduled_ = false;
    worked = attempt(name, listing.superseded) || worked;
    // What a server put off is tried again when its time comes, in a long run too. What nobody was
    // asked about waits for the next run, unless somebody sets its time anew.
    const auto next = answered_ && scheduled_ ? std::nullopt : next_attempt_of(spool_, name);
    if (next) attempted_[name.id] = *next;
    else attempted_.erase(name.id);
  }
  return worked;
}

Result<> SpoolRun::run(base::Fd lock) {
  store::keep_reserve(spool_);
  store::clean_tmp(spool_, clock_());
  Watch watch(spool_);
  for (;;) {
    watch.restart();
    TRY_LET(worked, pass());
    if (stop_requested()) return {};
    if (worked) continue;
    workers_.clear();
    (void)base::replace_file(spool_.run(), "last", cat(base::seconds(clock_()), "\n"), false,
                             "run/last");
    ::flock(lock.number(), LOCK_UN);
    if (watch.quiet()) return {};  // as good as the look that follows, and it costs nothing
    TRY_LET(listing, store::list(spool_));
    const bool more = std::any_of(listing.entries.begin(), listing.entries.end(),
                                  [&](const auto& name) { return attempt_now(name); });
    if (!more) return {};
    TRY_LET(locked, base::lock(lock.number(), false, "flush.lock"));
    if (!locked) return {};  // another flush has begun and sees what we saw
  }
}

// Of two complete entries with one ID the higher generation counts. The lower one must be gone for
// good before anything is sent: after a power cut it would come back and be sent again.
Result<> SpoolRun::drop_superseded(const EntryName& name,
                                   const std::vector<EntryName>& superseded) {
  bool dropped = false;
  for (const auto& older : superseded) {
    if (older.id != name.id) continue;
    ::unlinkat(spool_.queue(), older.text().c_str(), 0);
    dropped = true;
  }
  return dropped ? base::sync(spool_.queue(), cat(spool_.path(), "/queue")) : Result<>();
}

void SpoolRun::handle(store::Lease& lease, const std::vector<EntryName>& superseded) {
  const auto& name = lease.name();
  if (const auto dropped = drop_superseded(name, superseded); !dropped)
    return base::log("qmgr", Level::warning, dropped.error().text);
  leased_at_ = clock_();
  in_doubt_ = false;
  const auto& entry = lease.entry();
  if (entry.held) {
    (void)lease.set_next_attempt(leased_at_ + policy_.longest);
    return;
  }
  auto why = store::load_why(spool_, name.id, entry.envelope.recipients.size());
  const Plan plan = spool::plan(entry, settings_);
  const auto pending = std::count(entry.done.begin(), entry.done.end(), store::pending);
  base::log("qmgr", Level::info,
            cat(name.id.text(), ": from=<", entry.envelope.senders[0].path.text(),
                ">, size=", entry.facts.bytes, ", nrcpt=", pending, " (queue active)"));
  for (const auto& waiting : plan.waiting) {
    log_outcome(lease, waiting.recipient, {}, waiting.outcome);
    why.set(waiting.recipient, {waiting.outcome.status.text(), waiting.outcome.text});
  }
  for (const auto& batch : plan.batches) {
    if (stop_requested()) break;
    relay(lease, batch, why);
  }
  settle(lease, why);
}

// A smarthost that took nobody in is asked no more in this run: one timeout, one login, not one a
// message.
Answer SpoolRun::ask(const Batch& batch, const Job& job, bool list) {
  const auto refuse = [&](const rfc::Outcome& outcome) {
    Answer answer;
    answer.session_failed = true;
    answer.verdict.outcomes.assign(job.recipients.size(), outcome);
    return answer;
  };
  if (const auto down = down_.find(batch.smarthost); down != down_.end())
    return refuse(down->second);
  if (unrecordable_ && list)
    return refuse({rfc::Outcome::Kind::delayed,
                   {4, 3, 1},
                   "the spool cannot be written; a list would be sent twice"});
  auto worker = workers_.find(batch.smarthost);
  if (worker == workers_.end() || !worker->second.alive()) {
    const auto& smarthost = settings_.smarthosts[batch.smarthost];
    const auto& helo = smarthost.helo.empty() ? settings_.site.host_name : smarthost.helo;
    auto started = Worker::start(smarthost, helo, home_, who_.uid);
    if (!started) return refuse(outcome_of(started.error(), ""));
    worker = workers_.insert_or_assign(batch.smarthost, std::move(started).value()).first;
  }
  Answer answer = worker->second.deliver(job);
  // One that takes the connection but answers nothing to MAIL, even on a new one, costs as much.
  if (answer.session_failed || !answer.verdict.begun)
    down_[batch.smarthost] = answer.verdict.outcomes.front();
  return answer;
}

void SpoolRun::relay(store::Lease& lease, const Batch& batch, store::Why& why) {
  const auto& entry = lease.entry();
  Job job{std::string(lease.name().id.text()),
          batch.sender,
          batch.paths,
          entry.facts,
          lease.descriptor(),
          entry.message_offset};
  const Answer answer = ask(batch, job, entry.done.size() > 1);
  answered_ = answered_ || !answer.session_failed;
  in_doubt_ = in_doubt_ || answer.verdict.in_doubt;
  std::vector<std::size_t> delivered;
  for (std::size_t i = 0; i < batch.recipients.size(); ++i) {
    const auto& outcome = answer.verdict.outcomes[i];
    if (outcome.kind == rfc::Outcome::Kind::delivered) delivered.push_back(batch.recipients[i]);
    else why.set(batch.recipients[i], {outcome.status.text(), outcome.text});
  }
  // First of all, before a line is logged: what was sent must not be sent again.
  record(lease, delivered);
  for (std::size_t i = 0; i < batch.recipients.size(); ++i)
    log_outcome(lease, batch.recipients[i], answer, answer.verdict.outcomes[i]);
}

void SpoolRun::record(store::Lease& lease, const std::vector<std::size_t>& delivered) {
  if (const auto recorded = lease.record(delivered, store::delivered); !recorded) {
    unrecordable_ = true;
    base::log("qmgr", Level::error,
              cat(lease.name().id.text(), ": ", recorded.error().text,
                  ": what was sent may be sent again"));
  }
}

// Done: out of the queue. Else: why, and when it is tried again.
void SpoolRun::settle(store::Lease& lease, store::Why& why) {
  const std::string id(lease.name().id.text());
  if (lease.all_done()) {
    const auto removed = lease.remove();
    base::log("qmgr", removed ? Level::info : Level::error,
              cat(id, ": ", removed ? std::string("removed") : removed.error().text));
    return;
  }
  if (stop_requested() && !in_doubt_) return;  // not an attempt that failed; it stays due
  count_attempt(why, leased_at_);
  if (const auto saved = store::save_why(spool_, lease.name().id, why); !saved)
    base::log("qmgr", Level::warning, saved.error().text);
  const auto next = next_attempt(why, clock_(), policy_, in_doubt_, random_number());
  const auto set = lease.set_next_attempt(next);
  scheduled_ = static_cast<bool>(set);
  if (!set) base::log("qmgr", Level::warning, set.error().text);
}

void SpoolRun::log_outcome(const store::Lease& lease, std::size_t recipient, const Answer& answer,
                           const rfc::Outcome& outcome) {
  const auto& envelope = lease.entry().envelope;
  const auto apart = [](base::Time from, base::Time to) {
    return std::max(0.0, std::chrono::duration<double>(to - from).count());
  };
  const double inside =
      std::max(0.0, apart(leased_at_, clock_()) - answer.connect_seconds - answer.transmit_seconds);
  const Delays delays{apart(envelope.arrival, leased_at_), inside, answer.connect_seconds,
                      answer.transmit_seconds};
  const auto& each = envelope.recipients[recipient];
  base::log("smtp", Level::info,
            delivery_line(lease.name().id.text(), each.address, each.original, answer.relay, delays,
                          outcome));
}

}  // namespace spool
