// retry.h - when a message is tried again. Pure.
#pragma once

#include <chrono>
#include <cstdint>

#include "lib/base/clock.h"
#include "lib/store/why.h"

namespace spool {

struct RetryPolicy {
  std::chrono::seconds first{300}, longest{4 * 3600};
};

/// Whether an entry whose mtime says `next` is to be tried. A time further off than the longest
/// retry is a clock's or a backup's mistake and counts as now.
bool due(base::Time next, base::Time now, const RetryPolicy& policy);

/// Count an attempt, at most one an hour: neither a week asleep nor a burst of runs may use up a
/// message's chances.
void count_attempt(store::Why& why, base::Time now);

/// Whether a message is given up: it is as old as `lifetime`, and ten attempts were counted. The
/// age of one whose arrival is in the future or before 2020 is unknown: then an hour a counted
/// attempt.
bool expired(const store::Why& why, base::Time arrival, base::Time now,
             std::chrono::seconds lifetime);

/// Whether its sender is told of the delay: it is as old as `warn_after`, and not only because this
/// machine slept (two attempts were counted).
bool worth_a_notice(const store::Why& why, base::Time arrival, base::Time now,
                    std::chrono::seconds warn_after);

/// The next look at a message that nobody could be asked about: it waits as long again as it has,
/// from policy.first to policy.longest.
base::Time next_look(base::Time arrival, base::Time now, const RetryPolicy& policy);

/// The next attempt: after `first`, each wait about double the one before, at most `longest`, ±10 %
/// by `random`; not before 15 minutes where it is in doubt whether the message was taken.
base::Time next_attempt(const store::Why& why, base::Time now, const RetryPolicy& policy,
                        bool in_doubt, std::uint32_t random);

}  // namespace spool
