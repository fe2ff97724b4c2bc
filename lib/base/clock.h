// clock.h - the wall clock. Only main.cpp files call now(); all else takes a Time.
#pragma once

#include <chrono>
#include <cstdint>

namespace base {

/// Microseconds since 1970, UTC.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

Time now();
/// Whole seconds since 1970.
inline std::int64_t seconds(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}
/// Seconds that local time is east of UTC at that moment.
long local_offset(Time time);

}  // namespace base
