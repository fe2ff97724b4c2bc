// main.h - what every main() does: a sane process around the program's own function, and its errors
// told.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace base {

/// The command line behind argv[0].
using Args = std::span<const std::string>;

/// Run `program`: descriptors 0-2 that were closed become /dev/null (so that no file of ours gets
/// such a number; a closed standard input stays an error: stdin_was_closed()), SIGPIPE is ignored,
/// umask is 077, alarm and masked signals are reset. Its Error is printed as "NAME: text"; standard
/// output is flushed and checked. Returns the exit status.
int run_main(std::string_view name, int argc, char** argv, Result<int> (*program)(Args));

/// While it lives, files are made as the caller's umask says, not as ours: for programs that are
/// started and not of the family.
class CallersUmask {
 public:
  CallersUmask();
  CallersUmask(const CallersUmask&) = delete;
  ~CallersUmask();

 private:
  mode_t ours_;
};

/// In a child that is about to exec such a program: the caller's umask; SIGINT and SIGQUIT ignored
/// only if the caller ignored them, SIGPIPE and SIGXFSZ not.
void prepare_child();

/// Whether descriptor 0 (1) was closed when the program started.
bool stdin_was_closed();
bool stdout_was_closed();

/// Print to standard output, through a buffer that run_main flushes and checks.
void print(std::string_view text);
/// Write what the buffer holds, before somebody is asked or another program prints.
void flush_output();
/// Whether something that was printed could not be written. Nothing more is written then, and
/// run_main tells it at the end.
bool output_was_lost();
/// Print "NAME: text" on standard error.
void complain(std::string_view text);

/// Parse a command line of single-letter options as getopt does: letters in `with_value` take the
/// rest of their word or the next word. Parsing ends at the first operand and behind "--". `--name`
/// and `--name=value` are looked up in `long_options` ("name" or "name="). Errors: usage.
struct Option {
  std::string name;  ///< "v", or "config" for a long option
  std::string value;
};
struct CommandLine {
  std::vector<Option> options;
  std::vector<std::string> operands;
};
Result<CommandLine> parse_command_line(Args args, std::string_view letters,
                                       std::string_view with_value,
                                       std::span<const std::string_view> long_options);

}  // namespace base
