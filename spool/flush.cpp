#include "spool/flush.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "spool/cause.h"

namespace spool {

using base::cat;
using base::Kind;
using base::Level;
using base::Result;
using store::EntryName;

namespace {

// Entries that are open at once, each with a descriptor.
constexpr std::size_t most_deliveries = 300;
// Entries that wait for a smarthost while others are looked for that need not.
constexpr std::size_t most_parked = 1000;
// RFC 5321 section 6.3: a message that was passed on as often as that goes round in circles.
constexpr std::size_t most_hops = 50;
constexpr std::size_t header_looked_at = 64 * 1024;

std::optional<base::Time> next_attempt_of(const store::Spool& spool, const EntryName& name) {
  struct stat status;
  if (::fstatat(spool.queue(), name.text().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return std::nullopt;
  return base::Time(std::chrono::seconds(status.st_mtim.tv_sec) +
                    std::chrono::microseconds(status.st_mtim.tv_nsec / 1000));
}

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

SpoolRun::SpoolRun(Dispatcher::Surroundings around)
    : around_(std::move(around)),
      spool_(around_.spool),
      settings_(around_.settings),
      policy_{settings_.site.retry_first, settings_.site.retry_longest},
      settler_(spool_, settings_, around_.who, around_.clock) {}

Result<> SpoolRun::wake(const Wanted& wanted) {
  around_.forced = true;
  TRY_LET(listing, store::list(spool_));
  for (const auto& name : listing.entries) {
    if (wanted.id && *wanted.id != name.id.text()) continue;
    if ((wanted.recipient || wanted.sender) && !wanted_by_address(spool_, name, wanted)) continue;
    (void)store::make_due(spool_, name);
  }
  return {};
}

// Whether it is due, or what it waits for has come, and it was not tried in this run since somebody
// set its time.
bool SpoolRun::attempt_now(const EntryName& name) const {
  if (busy_.contains(name.id)) return false;
  const auto next = next_attempt_of(spool_, name);
  if (!next) return false;
  if (!due(*next, around_.clock(), policy_) && !sessions_->released(*next)) return false;
  const auto known = attempted_.find(name.id);
  return known == attempted_.end() || known->second != *next;
}

// Whether it was moved.
bool SpoolRun::put_aside(const std::string& name, std::string_view reason) {
  const auto moved = store::quarantine(spool_, name);
  base::log("qmgr", Level::warning,
            cat(reason, moved ? cat("; moved to ", spool_.named("bad", moved.value()))
                              : "; " + moved.error().text));
  return static_cast<bool>(moved);
}

// Nothing comes of it now: it is looked at again when somebody sets its time anew.
void SpoolRun::leave(const EntryName& name) {
  if (const auto next = next_attempt_of(spool_, name)) attempted_[name.id] = *next;
}

// Opened when somebody's mail needs them: most runs only relay.
Lookups& SpoolRun::tables() {
  if (lookups_) return *lookups_;
  lookups_.emplace(around_.rules);
  if (lookups_->remarks() == table_remarks_) return *lookups_;
  table_remarks_ = lookups_->remarks();
  for (const auto& remark : table_remarks_) base::log("local", Level::warning, remark);
  return *lookups_;
}

// Reading the queue, and the time of each entry in it, takes some microseconds an entry. Where each
// of many messages makes a bounce, which is an entry that came, a look for each would be work by
// the square of their number.
void SpoolRun::postpone_look(std::size_t entries) {
  constexpr std::chrono::microseconds an_entry{50};
  next_look_ = std::chrono::steady_clock::now() + an_entry * static_cast<std::int64_t>(entries);
}

Result<> SpoolRun::read_queue() {
  lookups_.reset();  // they may have been changed since the last look
  TRY_LET(listing, store::list(spool_));
  listing_ = std::move(listing);
  cursor_ = 0;
  news_ = false;
  postpone_look(listing_.entries.size());
  if (!listing_.entries.empty()) newest_ = listing_.entries.back().id;
  for (const auto& name : listing_.strange)
    put_aside(name, cat(spool_.named("queue", name), ": not the name of an entry"));
  return {};
}

// What came since the queue was read must not wait for a slow server that others' mail is for.
Result<> SpoolRun::look_again() {
  // Always read, or what we do to entries ourselves would keep the descriptor ready.
  news_ = watch_->commits() || news_;
  if (!news_ || std::chrono::steady_clock::now() < next_look_) return {};
  if (cursor_ == listing_.entries.size()) return read_queue();
  // Very many wait for one that is slow: what came since is looked at out of turn.
  if (parked_count_ < most_parked || parked_count_ >= 2 * most_parked) return {};
  news_ = false;
  TRY_LET(listing, store::list(spool_));
  postpone_look(listing.entries.size());
  for (const auto& name : listing.entries) {
    if (name.id <= newest_ || !attempt_now(name)) continue;
    newest_ = name.id;
    attempt(name);
  }
  return {};
}

// Of two complete entries with one ID the higher generation counts. The lower one must be gone for
// good before anything is sent: after a power cut it would come back and be sent again.
Result<> SpoolRun::drop_superseded(const EntryName& name) {
  bool dropped = false;
  for (const auto& older : listing_.superseded) {
    if (older.id != name.id) continue;
    if (::unlinkat(spool_.queue(), older.text().c_str(), 0) != 0 && errno != ENOENT)
      return base::system_error(spool_.named("queue", older.text()), "remove", errno);
    dropped = true;
  }
  return dropped ? base::sync(spool_.queue(), cat(spool_.path(), "/queue")) : Result<>();
}

std::unique_ptr<Delivery> SpoolRun::take(const EntryName& name) {
  auto taken = store::Lease::take(spool_, name);
  if (!taken) {
    const bool damaged = taken.error().kind == Kind::data;
    if (!damaged) base::log("qmgr", Level::error, taken.error().text);
    const bool moved = damaged && put_aside(name.text(), taken.error().text);
    worked_ = worked_ || moved;  // a lower generation may have come to light
    if (!moved) leave(name);
    return nullptr;
  }
  if (!taken.value()) {
    leave(name);
    return nullptr;
  }
  auto delivery = std::make_unique<Delivery>(std::move(*taken.value()));
  delivery->leased_at = around_.clock();
  if (const auto dropped = drop_superseded(name); !dropped) {
    base::log("qmgr", Level::warning, dropped.error().text);
    leave(name);
    return nullptr;
  }
  return delivery;
}

namespace {

std::vector<Decided> all_pending(const store::Entry& entry, const rfc::Outcome& outcome) {
  std::vector<Decided> decided;
  for (std::size_t i = 0; i < entry.done.size(); ++i)
    if (entry.done[i] == store::pending) decided.push_back({i, outcome, true});
  return decided;
}

}  // namespace

// Those that go nowhere now; all of them where nothing may be sent.
std::vector<Decided> SpoolRun::expanded(store::Lease& lease, std::string_view header) {
  auto resolved = resolve(lease, header, around_.rules, tables());
  if (resolved) return std::move(resolved).value();
  return all_pending(lease.entry(), outcome_of(resolved.error(), ""));
}

// Where its recipients go, as far as that is known without asking a server.
Plan SpoolRun::plan(Delivery& delivery) {
  const auto& entry = delivery.lease.entry();
  const auto header = header_of(delivery.lease.descriptor(), entry, header_looked_at);
  std::vector<Decided> decided;
  if (needs_expansion(entry, around_.rules)) decided = expanded(delivery.lease, header);
  auto plan = spool::plan(entry, settings_, std::move(decided));
  if (hops(header) > most_hops) {
    for (const auto& batch : plan.batches)
      for (const auto i : batch.recipients)
        plan.decided.push_back(
            {i, failed(Cause::loop, "too many hops: it goes round in circles"), false});
    plan.batches.clear();
  }
  return plan;
}

// It is at hand from now on.
void SpoolRun::activate(Delivery& delivery, Plan plan) {
  const auto& entry = delivery.lease.entry();
  delivery.why =
      store::load_why(spool_, delivery.lease.name().id, entry.envelope.recipients.size());
  const auto pending = std::count(entry.done.begin(), entry.done.end(), store::pending);
  base::log("qmgr", Level::info,
            cat(delivery.lease.name().id.text(), ": from=<", entry.envelope.senders[0].path.text(),
                ">, size=", entry.facts.bytes, ", nrcpt=", pending, " (queue active)"));
  for (const auto& decided : plan.decided) settler_.take(delivery, decided);
  settler_.take_up(delivery);
  delivery.batches = std::move(plan.batches);
}

void SpoolRun::attempt(const EntryName& name) {
  auto delivery = take(name);
  if (!delivery) return;
  const auto& entry = delivery->lease.entry();
  // Its parent may be about to make it: it comes again when that is settled.
  if (const auto parent = parent_of(entry.envelope); parent && busy_.contains(*parent)) return;
  if (!entry.held) return begin(std::move(delivery));
  (void)delivery->lease.set_next_attempt(delivery->leased_at + policy_.longest);
  leave(name);
}

void SpoolRun::begin(std::unique_ptr<Delivery> delivery) {
  auto planned = plan(*delivery);
  const auto name = delivery->lease.name();
  const auto& batches = planned.batches;
  const bool all_full = std::all_of(batches.begin(), batches.end(), [&](const Batch& batch) {
    return sessions_->full(batch.smarthost);
  });
  busy_.insert(name.id);
  if (!batches.empty() && all_full) {
    parked_[batches.front().smarthost].push_back(name);
    ++parked_count_;
    return;
  }
  worked_ = true;
  activate(*delivery, std::move(planned));
  const auto key = next_key_++;
  deliveries_[key] = std::move(delivery);
  if (deliveries_[key]->finished()) return finish(key);
  unsent_.push_back(key);
}

// The next entry that something can be done about; false where there is none for now.
bool SpoolRun::feed() {
  if (deliveries_.size() >= most_deliveries || stop_requested()) return false;
  for (auto& [smarthost, names] : parked_) {
    if (names.empty() || sessions_->full(smarthost)) continue;
    const auto name = names.front();
    names.pop_front();
    --parked_count_;
    busy_.erase(name.id);
    attempt(name);
    return true;
  }
  if (cursor_ == listing_.entries.size() || sessions_->all_full() || parked_count_ >= most_parked)
    return false;
  const auto& name = listing_.entries[cursor_++];
  if (attempt_now(name)) attempt(name);
  return true;
}

Task SpoolRun::task_of(std::uint64_t key, const Delivery& delivery, const Batch& batch) const {
  const bool session = settings_.way(batch.smarthost).agent == Agent::session;
  Task task{key, batch.smarthost, batch.recipients,
            (session ? job_of : local_job_of)(delivery.lease.entry(), delivery.lease.name().id,
                                              batch, settings_.site)};
  task.job.descriptor = delivery.lease.descriptor();
  task.list = delivery.lease.entry().done.size() > 1;
  return task;
}

// Hands out what the sessions can take; whether all of it was.
bool SpoolRun::hand_out(std::uint64_t key, Delivery& delivery) {
  while (delivery.next_batch < delivery.batches.size()) {
    const auto& batch = delivery.batches[delivery.next_batch];
    if (sessions_->full(batch.smarthost)) return false;
    ++delivery.next_batch;
    ++delivery.outstanding;
    sessions_->add(task_of(key, delivery, batch));
  }
  return true;
}

void SpoolRun::hand_out() {
  for (std::size_t left = unsent_.size(); left > 0; --left) {
    const auto key = unsent_.front();
    unsent_.pop_front();
    const auto found = deliveries_.find(key);
    if (found != deliveries_.end() && !hand_out(key, *found->second)) unsent_.push_back(key);
  }
}

// What an agent of this machine refuses says nothing about anybody's set-up.
Probation::Judgement SpoolRun::judge(Finished finished) {
  if (settings_.way(finished.task.smarthost).agent == Agent::session)
    return probation_.judge(std::move(finished));
  Probation::Judgement judgement;
  judgement.ready.push_back(std::move(finished));
  return judgement;
}

void SpoolRun::take_finished(Finished finished) {
  // One that waits to hear that its answer is recorded.
  const auto worker = finished.answer.recorded ? 0 : finished.worker;
  const auto key = finished.task.key;
  const auto found = deliveries_.find(key);
  if (found == deliveries_.end()) return;
  // Those that one transaction had no room for go at once.
  if (const auto& left = finished.answer.verdict.left_over; !left.empty() && !stop_requested()) {
    Batch rest{finished.task.smarthost, 0, {}};
    for (const auto i : left) rest.recipients.push_back(finished.task.recipients[i]);
    rest.sender = found->second->lease.entry().envelope.recipients[rest.recipients[0]].sender;
    ++found->second->outstanding;
    sessions_->add(task_of(key, *found->second, rest), true);
  }
  auto judgement = judge(std::move(finished));
  if (judgement.condemned)
    sessions_->condemn(*judgement.condemned,
                       judgement.ready.back().answer.verdict.outcomes.front());
  for (auto& ready : judgement.ready) {
    if (judgement.condemned) ready.until = sessions_->until(*judgement.condemned);
    believe(std::move(ready));
  }
  if (worker == 0) return;
  if (settler_.unrecordable()) sessions_->unrecorded(worker);
  else sessions_->recorded(worker);
}

void SpoolRun::believe(Finished finished) {
  const auto key = finished.task.key;
  auto& delivery = *deliveries_.at(key);
  settler_.take(delivery, std::move(finished));
  --delivery.outstanding;
  if (delivery.finished()) finish(key);
}

void SpoolRun::finish(std::uint64_t key) {
  auto& delivery = *deliveries_.at(key);
  settler_.finish(delivery);
  const auto name = delivery.lease.name();
  // What a server put off is tried again when its time comes, in a long run too. What nobody was
  // asked about waits for the next run, unless somebody sets its time anew.
  const auto next =
      delivery.answered && delivery.scheduled ? std::nullopt : next_attempt_of(spool_, name);
  if (next) attempted_[name.id] = *next;
  else attempted_.erase(name.id);
  busy_.erase(name.id);
  deliveries_.erase(key);
}

// Told to stop: what is under way is finished or broken off by its worker, the rest stays due.
void SpoolRun::give_up() {
  sessions_->stop();
  while (sessions_->busy())
    for (auto& finished : sessions_->wait(-1)) {
      const auto worker = finished.answer.recorded ? 0 : finished.worker;
      believe(std::move(finished));
      if (worker != 0) sessions_->recorded(worker);
    }
  for (auto& finished : probation_.release()) believe(std::move(finished));
  for (auto& [key, delivery] : deliveries_) settler_.finish(*delivery);
  deliveries_.clear();
}

void SpoolRun::feed_all() {
  while (feed()) hand_out();
  hand_out();
}

// What comes of waiting; false where there is nothing left to wait for.
Result<bool> SpoolRun::harvest() {
  if (sessions_->busy()) {
    const auto look = news_ ? std::optional(next_look_) : std::nullopt;
    for (auto& finished : sessions_->wait(watch_->descriptor(), look))
      take_finished(std::move(finished));
    // What is under way must be recorded, whatever becomes of the look.
    if (const auto looked = look_again(); !looked)
      base::log("qmgr", Level::error, looked.error().text);
    return true;
  }
  if (!probation_.waiting()) return false;
  for (auto& finished : probation_.release()) believe(std::move(finished));
  return true;
}

// One look over the queue, and work until nothing of it is under way; whether anything was done.
Result<bool> SpoolRun::pass() {
  worked_ = false;
  if (store::take_force(spool_)) sessions_->forget_rests();
  TRY(read_queue());
  settler_.bouncer().know(listing_.entries);
  for (bool more = true; more;) {
    feed_all();
    if (stop_requested()) {
      give_up();
      return worked_;
    }
    TRY_LET(harvested, harvest());
    more = harvested || cursor_ < listing_.entries.size();
  }
  return worked_;
}

Result<> SpoolRun::run(base::Fd lock) {
  store::keep_reserve(spool_);
  store::clean_tmp(spool_, around_.clock());
  Watch watch(spool_);
  watch_ = &watch;
  sessions_.emplace(around_);
  for (;;) {
    watch.restart();
    TRY_LET(worked, pass());
    if (stop_requested()) return {};
    if (worked) continue;
    sessions_->close();
    (void)base::replace_file(spool_.run(), "last", cat(base::seconds(around_.clock()), "\n"), false,
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

}  // namespace spool
