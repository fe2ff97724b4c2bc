// flush.h - one run over one spool: every due entry is planned, handed to the sessions, and what
// comes of it settled.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/user.h"
#include "lib/store/queue.h"
#include "spool/delivery.h"
#include "spool/dispatch.h"
#include "spool/machine.h"
#include "spool/options.h"
#include "spool/probation.h"
#include "spool/resolve.h"
#include "spool/settings.h"
#include "spool/settle.h"
#include "spool/watch.h"

namespace spool {

/// Effects come in here; all that decides is in plan, retry, probation and transaction.
class SpoolRun {
 public:
  /// around.forced is set by wake().
  explicit SpoolRun(Dispatcher::Surroundings around);

  /// Make entries due that are wanted; smarthosts that rest are asked again. Errors: io.
  base::Result<> wake(const Wanted& wanted);
  /// Work until nothing is due, or SIGTERM. lock: of flush.lock, held. It is released at the end,
  /// and then the queue is looked at once more where anything happened in it meanwhile, since a
  /// sendmail that found the lock taken relies on that. Errors: io (the queue is unreadable).
  base::Result<> run(base::Fd lock);

 private:
  base::Result<bool> pass();
  Lookups& tables();
  std::vector<Decided> expanded(store::Lease& lease, std::string_view header);
  base::Result<> read_queue();
  base::Result<> look_again();
  void postpone_look(std::size_t entries);
  bool feed();
  void feed_all();
  base::Result<bool> harvest();
  bool attempt_now(const store::EntryName& name) const;
  void attempt(const store::EntryName& name);
  void leave(const store::EntryName& name);
  std::unique_ptr<Delivery> take(const store::EntryName& name);
  base::Result<> drop_superseded(const store::EntryName& name);
  void begin(std::unique_ptr<Delivery> delivery);
  Plan plan(Delivery& delivery);
  void activate(Delivery& delivery, Plan plan);
  void hand_out();
  bool hand_out(std::uint64_t key, Delivery& delivery);
  Task task_of(std::uint64_t key, const Delivery& delivery, const Batch& batch) const;
  Probation::Judgement judge(Finished finished);
  void take_finished(Finished finished);
  void believe(Finished finished);
  void finish(std::uint64_t key);
  void give_up();
  bool put_aside(const std::string& name, std::string_view reason);

  Dispatcher::Surroundings around_;
  const store::Spool& spool_;
  const Settings& settings_;
  RetryPolicy policy_;
  Settler settler_;
  std::optional<MachineLookups> lookups_;
  std::vector<std::string> table_remarks_;  // that were logged
  std::map<std::uint64_t, std::unique_ptr<Delivery>> deliveries_;
  // Behind the leases, so that no worker is left when they end.
  std::optional<Dispatcher> sessions_;
  Probation probation_;
  Watch* watch_ = nullptr;
  bool worked_ = false;  // something was done about an entry
  bool news_ = false;    // an entry came since the queue was read

  store::Listing listing_;
  std::size_t cursor_ = 0;                             // in listing_.entries
  store::QueueId newest_;                              // that was looked at
  std::chrono::steady_clock::time_point next_look_{};  // not before
  // Entries whose smarthost has enough to do for now, by smarthost, oldest first.
  std::map<std::size_t, std::deque<store::EntryName>> parked_;
  std::size_t parked_count_ = 0;
  std::set<store::QueueId> busy_;     // at hand or parked
  std::deque<std::uint64_t> unsent_;  // deliveries with batches that were not handed out
  std::uint64_t next_key_ = 1;
  // Entries of this run, and the mtime they were left with.
  std::map<store::QueueId, base::Time> attempted_;
};

}  // namespace spool
