#include "spool/retry.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace {
using namespace std::chrono_literals;
using spool::RetryPolicy;
using std::chrono::seconds;
using store::Why;

const base::Time noon(1'795'175'767s);
const RetryPolicy standard;
constexpr std::uint32_t middle = 512;  // neither sooner nor later

seconds wait(const Why& why, base::Time now, const RetryPolicy& policy, bool in_doubt,
             std::uint32_t random) {
  return std::chrono::duration_cast<seconds>(
      spool::next_attempt(why, now, policy, in_doubt, random) - now);
}

/// The waits of a message that always fails and is tried whenever it is due.
std::vector<seconds> waits(const RetryPolicy& policy, int count) {
  std::vector<seconds> list;
  Why why;
  base::Time now = noon;
  for (int i = 0; i < count; ++i) {
    spool::count_attempt(why, now);
    list.push_back(wait(why, now, policy, false, middle));
    now += list.back();
  }
  return list;
}
}  // namespace

TEST_CASE("retry: an entry is due when its time has come") {
  CHECK(spool::due(noon, noon, standard));
  CHECK(spool::due(noon - 1us, noon, standard));
  CHECK(spool::due(noon - 24h * 365 * 60, noon, standard));
  CHECK(!spool::due(noon + 1s, noon, standard));
  CHECK(!spool::due(noon + 4h, noon, standard));
}

TEST_CASE("retry: a clock set back does not strand the message") {
  Why why;
  spool::count_attempt(why, noon);
  const auto next = spool::next_attempt(why, noon, standard, false, 1023);
  CHECK(spool::due(next, noon - 24h, standard));
  CHECK(spool::due(noon + 24h * 365 * 40, noon, standard));
  // Its attempts go on being counted, and the pace does not depend on the wrong past.
  spool::count_attempt(why, noon - 24h);
  CHECK(why.attempts == 2);
  CHECK(why.last_attempt == base::seconds(noon - 24h));
  CHECK(wait(why, noon - 24h, standard, false, middle) <= 4h);
}

TEST_CASE("retry: what we set ourselves is never taken for a mistake of the clock") {
  for (const auto& policy : {RetryPolicy{1s, 1s}, RetryPolicy{30s, 5min}, standard})
    for (const bool in_doubt : {false, true})
      for (unsigned attempts = 1; attempts < 40; ++attempts) {
        const Why why{attempts, base::seconds(noon), {}};
        const auto next = spool::next_attempt(why, noon, policy, in_doubt, 1023);
        CHECK(next > noon);
        CHECK(!spool::due(next, noon, policy));
        CHECK(!spool::due(next, next - 1us, policy));
        CHECK(spool::due(next, next, policy));
      }
}

TEST_CASE("retry: waits double up to the longest, from the first hour on to the last") {
  CHECK(waits(standard, 10) ==
        std::vector<seconds>{5min, 5min, 10min, 20min, 40min, 1h, 2h, 4h, 4h, 4h});
  for (const auto& policy : {RetryPolicy{30s, 4h}, RetryPolicy{1s, 30s}, RetryPolicy{2h, 12h},
                             RetryPolicy{5min, 5min}, RetryPolicy{45min, 24h}}) {
    const auto list = waits(policy, 60);
    CAPTURE(policy.first.count());
    CHECK(list.front() == policy.first);
    CHECK(list.back() == policy.longest);
    for (std::size_t i = 1; i < list.size(); ++i) {
      CAPTURE(i);
      CHECK(list[i] >= list[i - 1]);
      CHECK(list[i] <= list[i - 1] * 2);
    }
  }
}

TEST_CASE("retry: spread by ten per cent each way") {
  const Why why{1, base::seconds(noon), {}};
  CHECK(wait(why, noon, standard, false, 0) == 270s);
  CHECK(wait(why, noon, standard, false, middle) == 300s);
  CHECK(wait(why, noon, standard, false, 1023) == 329s);
  CHECK(wait(why, noon, standard, false, 0xffffffff) == 329s);
}

TEST_CASE("retry: in doubt whether it was taken, not before a quarter of an hour") {
  for (const auto& policy : {RetryPolicy{1s, 10s}, standard, RetryPolicy{1h, 4h}})
    for (const std::uint32_t random : {0u, middle, 1023u}) {
      const Why why{1, base::seconds(noon), {}};
      const auto chosen = wait(why, noon, policy, true, random);
      CHECK(chosen >= std::max<seconds>(15min, policy.first));
      CHECK(chosen <= std::max<seconds>(18min, policy.first * 6 / 5));
    }
}

TEST_CASE("retry: one attempt an hour is counted") {
  Why why;
  for (auto now = noon; now < noon + 10h; now += 5min) spool::count_attempt(why, now);
  CHECK(why.attempts == 10);
}

TEST_CASE("retry: a week asleep is one attempt, and soon tried again") {
  Why why;
  spool::count_attempt(why, noon);
  spool::count_attempt(why, noon + 24h * 7);
  CHECK(why.attempts == 2);
  CHECK(wait(why, noon + 24h * 7, standard, false, middle) <= 1h);
}

TEST_CASE("retry: no count is too large") {
  const Why why{4'000'000'000u, base::seconds(noon), {}};
  CHECK(wait(why, noon, standard, false, middle) == 4h);
  CHECK(wait(why, noon, RetryPolicy{1s, std::chrono::days(36525)}, false, middle) > 0s);
}

TEST_CASE("expiry: age and ten counted attempts, whatever the clock did") {
  const auto made = [](unsigned attempts) {
    Why why;
    why.attempts = attempts;
    return why;
  };
  const seconds lifetime = 120h;
  CHECK(spool::expired(made(10), noon - 120h, noon, lifetime));
  CHECK(!spool::expired(made(9), noon - 120h, noon, lifetime));
  CHECK(!spool::expired(made(10), noon - 119h, noon, lifetime));
  // A week asleep is one attempt.
  CHECK(!spool::expired(made(1), noon - 168h, noon, lifetime));
  // A clock that was, or is, wrong: hours that were counted are hours.
  CHECK(!spool::expired(made(119), base::Time(), noon, lifetime));
  CHECK(spool::expired(made(120), base::Time(), noon, lifetime));
  CHECK(!spool::expired(made(119), noon + 1s, noon, lifetime));
  CHECK(spool::expired(made(120), noon + 1s, noon, lifetime));
}

TEST_CASE("delay notice: only where the message was really tried for a while") {
  Why why;
  why.attempts = 2;
  CHECK(spool::worth_a_notice(why, noon - 4h, noon, 4h));
  CHECK(!spool::worth_a_notice(why, noon - 3h, noon, 4h));
  why.attempts = 1;
  CHECK(!spool::worth_a_notice(why, noon - 168h, noon, 4h));
}

TEST_CASE("retry: where nobody can be asked, it waits as long again as it has") {
  CHECK(spool::next_look(noon, noon, standard) == noon + 5min);
  CHECK(spool::next_look(noon - 1h, noon, standard) == noon + 1h);
  CHECK(spool::next_look(noon - 100h, noon, standard) == noon + 4h);
  CHECK(spool::next_look(base::Time(), noon, standard) == noon + 5min);
}
