// plan.h - where each recipient of an entry goes now. Pure: an envelope and the settings in,
// batches out.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/rfc/status.h"
#include "lib/store/entry.h"
#include "lib/store/queue.h"
#include "spool/settings.h"
#include "spool/transaction.h"

namespace spool {

/// Recipients that go the same way in one transaction.
struct Batch {
  std::size_t smarthost = 0;            ///< index into Settings::smarthosts
  unsigned sender = 0;                  ///< index into the envelope's senders
  std::vector<std::size_t> recipients;  ///< indices into the envelope
};

/// A recipient about whom no server is asked now.
struct Decided {
  std::size_t recipient;
  rfc::Outcome outcome;  ///< delayed (it cannot go anywhere) or failed (an `error` route)
  bool here = false;     ///< this machine's own word on its own address
};

struct Plan {
  std::vector<Batch> batches;
  std::vector<Decided> decided;
};

/// Of the pending recipients only, but those that expansion has decided about. \pre what is for
/// this machine was expanded.
Plan plan(const store::Entry& entry, const Settings& settings, std::vector<Decided> decided = {});

/// The smarthost that mail from `sender` to `recipient` takes; nullopt: none, it stays here or goes
/// nowhere.
std::optional<std::size_t> smarthost_for(const Settings& settings, const rfc::Path& sender,
                                         const rfc::Path& recipient);

/// What a session needs to know of a batch; the descriptor is the entry's. \pre every address of
/// the batch can be parsed, as plan() saw to.
Job job_of(const store::Entry& entry, const store::QueueId& id, const Batch& batch,
           const store::Site& site);
/// What an agent of this machine needs to know. \pre the batch is of one recipient
Job local_job_of(const store::Entry& entry, const store::QueueId& id, const Batch& batch,
                 const store::Site& site);

/// The smarthost for this sender and recipient: the first whose patterns (`*@example.org`,
/// `@example.org`, an address) fit both, one with patterns before one without; nullopt when none
/// does. A null sender counts as the recipient, and goes by any smarthost rather than by none.
/// Smarthosts that only [routes] lead to are left out.
std::optional<std::size_t> choose_smarthost(const std::vector<Smarthost>& smarthosts,
                                            const rfc::Path& sender, const rfc::Path& recipient);

}  // namespace spool
