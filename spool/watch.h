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
  /// Whether certainly no entry came and none was given another time or state since the last
  /// restart. False where it cannot be known.
  bool quiet() const;

 private:
  base::Fd events_;
};

}  // namespace spool
