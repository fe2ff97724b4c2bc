// send_batches.h - a command line holds so many recipients; a letter to more of them is handed over
// several times. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace reader {

/// Recipients in their order, each call's together: as words of a command line (with their NUL and
/// their pointer) no more than `room` bytes a call, but one at least. None for no recipients.
std::vector<std::span<const std::string>> batches_of(std::span<const std::string> addresses,
                                                     std::size_t room);

/// Bytes that words take on a command line, or in an environment.
std::size_t argument_bytes(std::span<const std::string> words);

}  // namespace reader
