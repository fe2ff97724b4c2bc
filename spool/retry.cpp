#include "spool/retry.h"

#include <algorithm>

namespace spool {

using std::chrono::seconds;

bool due(base::Time next, base::Time now, const RetryPolicy& policy) {
  return next <= now || next > now + policy.longest + policy.longest / 5;
}

void count_attempt(store::Why& why, base::Time now) {
  const auto moment = base::seconds(now);
  const bool clock_set_back = moment < why.last_attempt;
  if (why.attempts > 0 && !clock_set_back && moment - why.last_attempt < 3600) return;
  ++why.attempts;
  why.last_attempt = moment;
}

base::Time next_attempt(const store::Why& why, base::Time now, const RetryPolicy& policy,
                        bool in_doubt, std::uint32_t random) {
  // Age, not the count, sets the pace within the first hour: one attempt an hour is counted.
  const seconds since_counted(std::max<std::int64_t>(0, base::seconds(now) - why.last_attempt));
  seconds wait = policy.first;
  for (unsigned i = 1; i < why.attempts && wait < policy.longest; ++i) wait *= 2;
  wait = std::min(std::max(wait, since_counted), policy.longest);
  if (in_doubt) wait = std::max(wait, seconds(15 * 60));
  const auto spread = std::chrono::microseconds(wait) / 5;
  return now + wait - spread / 2 + spread * (random % 1024) / 1024 +
         (in_doubt ? spread / 2 : spread * 0);
}

}  // namespace spool
