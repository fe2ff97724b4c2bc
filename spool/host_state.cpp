#include "spool/host_state.h"

#include <unistd.h>

#include <algorithm>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace spool {

using base::cat;
using std::chrono::seconds;

namespace {

std::string micros_text(base::Time time) {
  const auto micros = time.time_since_epoch().count();
  std::string fraction = cat(micros % 1000000);
  fraction.insert(0, 6 - std::min<std::size_t>(6, fraction.size()), '0');
  return cat(micros / 1000000, ".", fraction);
}

std::optional<base::Time> time_of(std::string_view text) {
  const auto whole = base::to_number<std::int64_t>(base::take(text, '.'));
  const auto fraction = base::to_number<std::int64_t>(text);
  if (!whole || !fraction || *whole < 0 || *fraction < 0 || *whole > 1'000'000'000'000 ||
      text.size() != 6)
    return std::nullopt;
  return base::Time(seconds(*whole) + std::chrono::microseconds(*fraction));
}

}  // namespace

std::string host_state_text(const HostState& state) {
  std::string text = "postbag host 1\n";
  if (state.failures > 0)
    text += cat("failures ", state.failures, " ", state.until, "\nstamp ", state.stamp, "\nreason ",
                state.outcome.status.text(), " ", base::printable(state.outcome.text), "\n");
  for (const auto time : state.sent) text += cat("sent ", micros_text(time), "\n");
  return text;
}

HostState parse_host_state(std::string_view text) {
  HostState state;
  if (base::take(text, '\n') != "postbag host 1") return state;
  while (!text.empty()) {
    auto line = base::take(text, '\n');
    const auto word = base::take(line, ' ');
    if (word == "failures") {
      state.failures = base::to_number<unsigned>(base::take(line, ' ')).value_or(0);
      state.until = base::to_number<std::int64_t>(line).value_or(0);
    } else if (word == "stamp") {
      state.stamp = line;
    } else if (word == "reason") {
      const auto status = rfc::enhanced_status(base::take(line, ' '));
      state.outcome = {rfc::Outcome::Kind::delayed, status.value_or(rfc::EnhancedStatus{4, 4, 2}),
                       base::printable(line)};
    } else if (const auto time = word == "sent" ? time_of(line) : std::nullopt) {
      state.sent.push_back(*time);
    }
  }
  std::sort(state.sent.begin(), state.sent.end());
  return state;
}

std::string host_state_name(const Smarthost& smarthost) {
  if (smarthost.name.empty()) return "host.-";
  std::string name = "host.";
  for (const char c : smarthost.name) {
    if (c == '/') name += "%2F";
    else name += c;
  }
  return name;
}

HostState load_host_state(const store::Spool& spool, const Smarthost& smarthost) {
  const auto text =
      base::read_file_at(spool.run(), host_state_name(smarthost), 1 << 20, "smarthost's state");
  return text ? parse_host_state(text.value()) : HostState();
}

base::Result<> save_host_state(const store::Spool& spool, const Smarthost& smarthost,
                               const HostState& state) {
  const std::string name = host_state_name(smarthost);
  if (state.failures == 0 && state.sent.empty()) {
    ::unlinkat(spool.run(), name.c_str(), 0);
    return {};
  }
  return base::replace_file(spool.run(), name, host_state_text(state), false,
                            spool.named("run", name));
}

bool resting(const HostState& state, std::string_view stamp, base::Time now,
             const RetryPolicy& policy) {
  if (state.failures == 0 || state.stamp != stamp) return false;
  const base::Time until{seconds(state.until)};
  return now < until && until <= now + policy.longest + policy.longest / 5;
}

void count_failure(HostState& state, const rfc::Outcome& outcome, base::Time now,
                   const RetryPolicy& policy, std::uint32_t random) {
  ++state.failures;
  seconds wait = std::min(policy.first, policy.longest);
  for (unsigned i = 1; i < state.failures && wait < policy.longest; ++i) wait *= 2;
  wait = std::min(wait, policy.longest);
  const auto spread = std::chrono::microseconds(wait) / 5;
  state.until = base::seconds(now + wait - spread / 2 + spread * (random % 1024) / 1024);
  state.outcome = outcome;
}

base::Time next_allowed(HostState& state, const Rate& rate, base::Time now) {
  // What was sent in the future was sent by a clock that was wrong.
  std::erase_if(state.sent,
                [&](base::Time time) { return time + rate.period <= now || time > now; });
  if (rate.count == 0 || state.sent.size() < rate.count) return now;
  return state.sent[state.sent.size() - rate.count] + rate.period;
}

}  // namespace spool
