// waiting.h - waiting that a person can end.
#pragma once

#include <poll.h>

#include <chrono>
#include <span>

namespace reader {

enum class Waited { ready, late, interrupted };

/// Wait until one of the descriptors is as it should be, until `end`, or until an interrupt, which
/// is taken (take_interrupt()). None that comes before the wait or in between is missed.
Waited wait_for(std::span<pollfd> descriptors, std::chrono::steady_clock::time_point end);

}  // namespace reader
