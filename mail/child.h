// child.h - programs that a person's commands start: a pager, a filter, a pipe. What they are
// given comes by standard input, never as a part of a shell's line.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace reader {

/// A program, by its path, and its environment.
struct Program {
  std::vector<std::string> arguments;  ///< the first is the path
  std::vector<std::string> environment;
};

/// `sh -c COMMAND` of the user's own.
Program shell_command(std::string_view command, const std::vector<std::string>& environment);

/// Run it at the terminal with `input` to read, and wait. It need not read to its end. Interrupts
/// are the program's meanwhile. Its exit status, 128 and the signal's number where one ended it.
/// Errors: retry, io.
base::Result<int> run_fed(const Program& program, std::string_view input);
/// What it makes of `input`; an interrupt or the time `end` ends it. Errors: usage ("Interrupt"),
/// unavailable (its exit status is not 0), retry (it took too long), data (more than 64 MB came),
/// io.
base::Result<std::string> filtered(const Program& program, std::string_view input,
                                   std::chrono::steady_clock::time_point end);

}  // namespace reader
