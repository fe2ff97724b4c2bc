#include "spool/retry.h"

#include <algorithm>
#include <optional>

namespace spool {

using std::chrono::seconds;

namespace {
constexpr seconds after_doubt{15 * 60};
constexpr seconds counted_apart{3600};
constexpr unsigned fewest_attempts = 10;
constexpr base::Time first_credible{seconds(1'577'836'800)};  // 2020

// nullopt: unknown, by a clock that was or is wrong.
std::optional<base::Time::duration> age_of(base::Time arrival, base::Time now) {
  if (arrival > now || arrival < first_credible) return std::nullopt;
  return now - arrival;
}
}  // namespace

bool due(base::Time next, base::Time now, const RetryPolicy& policy) {
  const auto furthest = std::max(policy.longest, after_doubt);
  return next <= now || next > now + furthest + furthest / 5;
}

void count_attempt(store::Why& why, base::Time now) {
  const auto moment = base::seconds(now);
  const bool clock_set_back = moment < why.last_attempt;
  if (why.attempts > 0 && !clock_set_back && moment - why.last_attempt < counted_apart.count())
    return;
  ++why.attempts;
  why.last_attempt = moment;
}

bool expired(const store::Why& why, base::Time arrival, base::Time now, seconds lifetime) {
  const auto age = age_of(arrival, now).value_or(counted_apart * why.attempts);
  return why.attempts >= fewest_attempts && age >= lifetime;
}

bool worth_a_notice(const store::Why& why, base::Time arrival, base::Time now, seconds warn_after) {
  const auto age = age_of(arrival, now).value_or(counted_apart * why.attempts);
  return why.attempts >= 2 && age >= warn_after;
}

base::Time next_look(base::Time arrival, base::Time now, const RetryPolicy& policy) {
  const base::Time::duration first = policy.first, longest = policy.longest;
  return now + std::clamp(age_of(arrival, now).value_or(first), first, std::max(first, longest));
}

base::Time next_attempt(const store::Why& why, base::Time now, const RetryPolicy& policy,
                        bool in_doubt, std::uint32_t random) {
  // One attempt an hour is counted. Until the second one is, the pace is set by the time since the
  // first; from then on no wait is below the hour that has passed.
  const seconds since_counted(std::max<std::int64_t>(0, base::seconds(now) - why.last_attempt));
  seconds wait = std::max(policy.first, since_counted);
  if (why.attempts > 1) wait = std::max(policy.first * 2, counted_apart);
  for (unsigned i = 2; i < why.attempts && wait < policy.longest; ++i) wait *= 2;
  wait = std::min(wait, policy.longest);
  if (in_doubt) wait = std::max(wait, after_doubt);
  const auto spread = std::chrono::microseconds(wait) / 5;
  return now + wait - spread / 2 + spread * (random % 1024) / 1024 +
         (in_doubt ? spread / 2 : spread * 0);
}

}  // namespace spool
