#include "lib/base/clock.h"

#include <time.h>

namespace base {

Time now() {
  timespec moment{};
  ::clock_gettime(CLOCK_REALTIME, &moment);
  return Time(std::chrono::seconds(moment.tv_sec) +
              std::chrono::microseconds(moment.tv_nsec / 1000));
}

long local_offset(Time time) {
  const time_t moment = seconds(time);
  tm parts{};
  return ::localtime_r(&moment, &parts) == nullptr ? 0 : parts.tm_gmtoff;
}

}  // namespace base
