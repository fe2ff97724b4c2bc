// start.h - starting a flush, for every program that leaves something due in the queue.
#pragma once

#include "lib/base/user.h"
#include "lib/store/site.h"

namespace store {

/// Start a flush of this spool unless one is running, and return at once: nothing of the caller's
/// (descriptors, session, folder, environment) stays with it. A flush that runs scans once more
/// after it has unlocked, so no commit is missed. Where a service manager listens on a datagram
/// socket it is told instead. mail: MAIL as it stands in the environment, nullptr if it does not;
/// it is all that goes on to the flush. Never fails: the mail is safe already.
void start_flush(const Spool& spool, const Place& place, const base::Identity& who,
                 const char* mail);

/// Start it in the foreground with its log on standard error, and wait for its end (`sendmail -v`).
void run_flush(const Spool& spool, const Place& place, const base::Identity& who, const char* mail);

}  // namespace store
