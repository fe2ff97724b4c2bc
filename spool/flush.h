// flush.h - one run over one spool: every due entry is planned, relayed, and its verdicts recorded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/user.h"
#include "lib/store/queue.h"
#include "lib/store/why.h"
#include "spool/options.h"
#include "spool/plan.h"
#include "spool/retry.h"
#include "spool/settings.h"
#include "spool/worker.h"

namespace spool {

/// Effects come in here; all that decides is in plan, retry and transaction.
class SpoolRun {
 public:
  SpoolRun(const store::Spool& spool, const Settings& settings, const base::Identity& who,
           std::string home, base::Time (*clock)());

  /// Make entries due that are wanted. Errors: io.
  base::Result<> wake(const Wanted& wanted);
  /// Work until nothing is due, or SIGTERM. lock: of flush.lock, held. It is released at the end,
  /// and then the queue is looked at once more where anything happened in it meanwhile, since a
  /// sendmail that found the lock taken relies on that. Errors: io (the queue is unreadable).
  base::Result<> run(base::Fd lock);

 private:
  base::Result<bool> pass();
  bool attempt_now(const store::EntryName& name);
  bool attempt(const store::EntryName& name, const std::vector<store::EntryName>& superseded);
  base::Result<> drop_superseded(const store::EntryName& name,
                                 const std::vector<store::EntryName>& superseded);
  void handle(store::Lease& lease, const std::vector<store::EntryName>& superseded);
  void relay(store::Lease& lease, const Batch& batch, store::Why& why);
  Answer ask(const Batch& batch, const Job& job, bool list);
  void settle(store::Lease& lease, store::Why& why);
  void record(store::Lease& lease, const std::vector<std::size_t>& delivered);
  void put_aside(const std::string& name, std::string_view reason);
  void log_outcome(const store::Lease& lease, std::size_t recipient, const Answer& answer,
                   const rfc::Outcome& outcome);

  const store::Spool& spool_;
  const Settings& settings_;
  const base::Identity& who_;
  std::string home_;
  base::Time (*clock_)();
  RetryPolicy policy_;
  std::map<std::size_t, Worker> workers_;     // by smarthost
  std::map<std::size_t, rfc::Outcome> down_;  // smarthosts that took nobody in this run, and why
  std::map<store::QueueId, base::Time>
      attempted_;  // entries of this run, and the mtime they were left with
  base::Time leased_at_;
  bool in_doubt_ = false;
  bool answered_ = false;      // some server had a word on the entry at hand
  bool scheduled_ = false;     // its next attempt was set
  bool unrecordable_ = false;  // a status byte could not be written: no more lists leave
};

}  // namespace spool
