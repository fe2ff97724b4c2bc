// watch.h - whether a queue was left alone for a while: inotify(7), where the kernel sees all that
// changes the queue. On a network or user-space file system another machine or program may change
// it unseen.
#pragma once

#include "lib/base/fd.h"
#include "lib/store/queue.h"

namespace spool {

/// Watches from its construction on. Its end takes some ten milliseconds, which the kernel waits.
class Watch {
 public:
  explicit Watch(const store::Spool& spool);

  /// Forget what happened so far.
  void restart();
  /// To be polled for reading, or -1.
  int descriptor() const { return events_.number(); }
  /// Whether an entry came since the last question or restart.
  bool commits();
  /// Whether certainly no entry came and none was given another time or state since the last
  /// restart. False where it cannot be known.
  bool quiet();

 private:
  base::Fd events_;
  bool seen_ = false;  // something happened since the restart
};

}  // namespace spool
