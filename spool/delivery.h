// delivery.h - an entry on its way in this run, and what has become of its recipients so far.
#pragma once

#include <optional>
#include <vector>

#include "lib/store/queue.h"
#include "lib/store/why.h"
#include "spool/plan.h"

namespace spool {

/// A recipient with what an attempt made of it.
struct Judged {
  std::size_t recipient;
  rfc::Outcome outcome;
  /// The smarthost that let no message through at all is the cause; else a word about this
  /// recipient or message is.
  std::optional<std::size_t> failing_smarthost = std::nullopt;
  bool expired = false;
};

struct Delivery {
  explicit Delivery(store::Lease taken) : lease(std::move(taken)) {}

  store::Lease lease;
  store::Why why;
  base::Time leased_at;
  std::vector<Batch> batches;
  std::size_t next_batch = 0;   // that was not handed to the sessions yet
  std::size_t outstanding = 0;  // tasks that were not answered yet

  std::vector<Judged> failed, delayed;
  std::vector<Judged> relayed;      // delivered to a host that sends no success report of its own
  std::optional<base::Time> until;  // when the smarthost that failed may be asked again
  bool in_doubt = false;
  bool answered = false;   // some server had a word on it
  bool counted = false;    // somebody was asked, or would have been but for others' experience
  bool scheduled = false;  // its next attempt was set

  bool finished() const { return outstanding == 0 && next_batch == batches.size(); }
};

}  // namespace spool
