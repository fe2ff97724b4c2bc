// resolve.h - the recipients of an entry at hand are expanded: where each of them goes in this run.
// What leads to several places becomes the next generation of the entry first, with a status for
// each place; what leads to one is found out anew in each run, so that a corrected alias counts.
#pragma once

#include <string_view>
#include <vector>

#include "lib/store/queue.h"
#include "spool/expand.h"
#include "spool/plan.h"

namespace spool {

/// Whether it has a recipient that is for this machine, or may be. What all goes away need not be
/// looked at one by one, nor any table.
bool needs_expansion(const store::Entry& entry, const Rules& rules);

/// Afterwards lease.entry() says where each pending recipient goes, and nothing of it is u, a local
/// a, or l, but those that are returned: they go nowhere now. header: of the message. Errors:
/// retry, io: a generation cannot be written; then nothing may be sent.
base::Result<std::vector<Decided>> resolve(store::Lease& lease, std::string_view header,
                                           const Rules& rules, Lookups& lookups);

/// The envelope and the statuses of the next generation of an entry. A recipient that leads to
/// nobody who does not have the message already is done. Pure.
struct Generation {
  store::Envelope envelope;
  std::string statuses;
};
Generation next_generation(const store::Entry& entry, const Expansion& expansion);

/// The values of the Delivered-To fields of a header, unfolded.
std::vector<std::string> delivered_to_fields(std::string_view header);

}  // namespace spool
