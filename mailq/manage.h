// manage.h - changing what lies in the queue: remove, hold, release, retry, requeue; and showing
// one message.
//
// Whoever changes an entry holds its Lease; one that is being delivered is never waited for. Each
// change is told on standard error and in the log in the words of Postfix's postsuper.
#pragma once

#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/store/queue.h"
#include "mailq/options.h"

namespace manage {

struct Outcome {
  int status = 0;  ///< for the exit: of the first thing that went wrong
  std::vector<const store::Spool*>
      due;  ///< where something may be tried now: a flush is to be started
};

/// Do it to the messages of these queue IDs; "ALL" is every message. What goes wrong with one
/// message is told and counts in the status; the others follow. Errors: io, retry (a queue cannot
/// be read).
base::Result<Outcome> change(const std::vector<store::Spool>& spools, listing::Action action,
                             const std::vector<std::string>& ids);

/// Print envelope and message of these queue IDs. No lock is taken: what is being delivered is
/// shown too. To a terminal goes nothing that could drive it, elsewhere every byte of the message.
/// The exit status. Errors: as change.
base::Result<int> show(const std::vector<store::Spool>& spools, const std::vector<std::string>& ids,
                       base::Time now);

}  // namespace manage
