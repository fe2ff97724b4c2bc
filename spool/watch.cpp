#include "spool/watch.h"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "lib/base/text.h"

namespace spool {

namespace {

constexpr unsigned long local_file_systems[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,
                                                BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC};

bool local(int folder) {
  struct statfs status;
  return ::fstatfs(folder, &status) == 0 &&
         std::count(std::begin(local_file_systems), std::end(local_file_systems),
                    static_cast<unsigned long>(status.f_type)) > 0;
}

// A commit renames or links; whoever makes an entry due sets its time or writes its state.
constexpr std::uint32_t wanted = IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_MODIFY;

}  // namespace

Watch::Watch(const store::Spool& spool) {
  if (!local(spool.queue())) return;
  base::Fd events(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  // The folder that is open, whatever its name may stand for meanwhile.
  const std::string folder = base::cat("/proc/self/fd/", spool.queue());
  if (events && ::inotify_add_watch(events.number(), folder.c_str(), wanted) >= 0)
    events_ = std::move(events);
}

void Watch::restart() {
  (void)commits();
  seen_ = false;
}

bool Watch::commits() {
  alignas(inotify_event) char events[4096];
  bool some = false;
  for (;;) {
    const auto got = events_ ? ::read(events_.number(), events, sizeof events) : -1;
    if (got <= 0) return some;
    seen_ = true;
    for (ssize_t at = 0; at < got;) {
      inotify_event event;
      std::memcpy(&event, events + at, sizeof event);
      some = some || (event.mask & (IN_MOVED_TO | IN_CREATE | IN_Q_OVERFLOW)) != 0;
      at += static_cast<ssize_t>(sizeof event) + event.len;
    }
  }
}

bool Watch::quiet() {
  (void)commits();
  return events_ && !seen_;
}

}  // namespace spool
