// bounce.h - notices about an entry become entries of the queue: made once, however often a run is
// cut short, and on stable storage before the entry is marked.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "lib/base/user.h"
#include "lib/store/queue.h"
#include "spool/delivery.h"
#include "spool/notice.h"
#include "spool/settings.h"

namespace spool {

class Bouncer {
 public:
  Bouncer(const store::Spool& spool, const Settings& settings, const base::Identity& who)
      : spool_(spool), settings_(settings), who_(who) {}

  /// Entries that the queue held when the run began, in order: a notice that an earlier run made is
  /// among them.
  void know(const std::vector<store::EntryName>& entries);

  /// What a notice is about. All recipients are those of one sender. The null sender's failures are
  /// told to the postmaster, and nothing else of it to anybody.
  struct Subject {
    const store::Lease& lease;
    Notice::Kind kind;
    unsigned sender;
    const std::vector<Judged>& recipients;
    base::Time now, retry_until;
  };
  /// Commit a notice to the sender; its ID. It goes to the owner of the spool instead where it
  /// would take the way that just failed. Errors: retry, io: nothing was committed.
  base::Result<store::QueueId> commit(const Subject& subject);

  /// The smarthost that a notice to this sender would take; nullopt: none, it stays here.
  std::optional<std::size_t> way_to(const rfc::Path& sender) const;

 private:
  rfc::Path addressee(const Subject& subject) const;
  Notice notice_of(const Subject& subject, std::string_view header) const;
  store::Envelope envelope_of(const Subject& subject) const;
  bool made_before(const store::QueueId& id, const std::string& label) const;

  const store::Spool& spool_;
  const Settings& settings_;
  const base::Identity& who_;
  std::vector<store::EntryName> known_;
  std::set<store::QueueId> made_;  // in this run
};

/// The ID of the message that a notice in the queue is about; nullopt for everything else.
std::optional<store::QueueId> parent_of(const store::Envelope& envelope);

/// Whether a bounce for this sender of it has nobody to go to: it is a postmaster's last report
/// itself, ours or another machine's.
bool nobody_to_tell(const store::Lease& lease, unsigned sender);

/// The header of an entry's message with the LF of its last line, at most `limit` bytes; without
/// the empty line. Empty when it cannot be read.
std::string header_of(int descriptor, const store::Entry& entry, std::size_t limit);

/// How many Received fields a header has: how often the message was passed on.
std::size_t hops(std::string_view header);

}  // namespace spool
