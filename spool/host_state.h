// host_state.h - what is known of a smarthost from one run to the next: run/host.NAME, a small text
// that is only advice. Its loss costs a login or a connection, nothing else, so it is never synced.
//
//   postbag host 1
//   failures N UNTIL     how often in a row, and when it may be asked again (seconds since 1970)
//   stamp TEXT           of the configuration and the secret that it failed with
//   reason STATUS TEXT   what it was
//   sent SECONDS.MICROS  one a message of late, where a rate is configured
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/rfc/status.h"
#include "lib/store/queue.h"
#include "spool/retry.h"
#include "spool/settings.h"

namespace spool {

struct HostState {
  unsigned failures = 0;
  std::int64_t until = 0;
  std::string stamp;
  rfc::Outcome outcome;         ///< delayed; why it failed
  std::deque<base::Time> sent;  ///< oldest first
};

std::string host_state_text(const HostState& state);
/// What can be read of it; damaged lines are passed over.
HostState parse_host_state(std::string_view text);

/// The name of a smarthost's file in run/: of [smarthost NAME], of the nameless one "host.-".
std::string host_state_name(const Smarthost& smarthost);
/// Empty where there is none.
HostState load_host_state(const store::Spool& spool, const Smarthost& smarthost);
/// Written, or removed where nothing is worth remembering. Errors: retry, io.
base::Result<> save_host_state(const store::Spool& spool, const Smarthost& smarthost,
                               const HostState& state);

/// Whether it is left alone now: it failed, its time has not come, and neither the configuration
/// nor the secret has changed since. A time further off than the longest retry does not count.
bool resting(const HostState& state, std::string_view stamp, base::Time now,
             const RetryPolicy& policy);
/// Count a failure. It rests for policy.first, twice as long each time, at most policy.longest,
/// ±10 % by `random`.
void count_failure(HostState& state, const rfc::Outcome& outcome, base::Time now,
                   const RetryPolicy& policy, std::uint32_t random);

/// When the next message may leave, given that at most rate.count do in any rate.period; `now` or
/// earlier: at once. Forgets what is too old to matter.
base::Time next_allowed(HostState& state, const Rate& rate, base::Time now);

}  // namespace spool
