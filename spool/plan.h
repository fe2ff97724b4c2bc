// plan.h - where each recipient of an entry goes now. Pure: an envelope and the settings in,
// batches out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lib/rfc/status.h"
#include "lib/store/entry.h"
#include "spool/settings.h"

namespace spool {

/// Recipients that go the same way in one transaction.
struct Batch {
  std::size_t smarthost = 0;            ///< index into Settings::smarthosts
  rfc::Path sender;                     ///< qualified
  std::vector<std::size_t> recipients;  ///< indices into the envelope
  std::vector<rfc::Path> paths;         ///< theirs, qualified
};

/// Recipients that cannot go anywhere now, each with its reason.
struct Waiting {
  std::size_t recipient;
  rfc::Outcome outcome;
};

struct Plan {
  std::vector<Batch> batches;
  std::vector<Waiting> waiting;
};

/// Of the pending recipients only.
Plan plan(const store::Entry& entry, const Settings& settings);

/// The smarthost for this sender and recipient: the first whose patterns (`*@example.org`,
/// `@example.org`, an address) fit both, one with patterns before one without; nullopt when none
/// does.
std::optional<std::size_t> choose_smarthost(const std::vector<Smarthost>& smarthosts,
                                            const rfc::Path& sender, const rfc::Path& recipient);

}  // namespace spool
