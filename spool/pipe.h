// pipe.h - run a command with a message on its standard input. What is of the message and its
// envelope reaches the command as data only: on standard input and in filtered variables.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/rfc/status.h"
#include "lib/store/message_text.h"

namespace spool {

/// What is executed: a path, its arguments (argv[0] among them) and environment.
struct Program {
  std::string path;
  std::vector<std::string> arguments, environment;
  std::string folder;  ///< to start in; "/" where that is not possible
};

/// How a program ended.
struct Ending {
  enum class How { exited, killed, timed_out };
  How how = How::exited;
  int number = 0;      ///< the exit status or the signal
  std::string output;  ///< the first 4 KiB of what it printed
};

/// The program for the text of a |command: /bin/sh -c TEXT, or in a commands folder FOLDER/NAME
/// with arguments as smrsh takes them: NAME is the last part of the first word, and there is
/// nothing in the text that a shell would take for more than a word. Errors: config.
base::Result<Program> program_for(const std::string& command, const std::string& folder);

/// A value for the environment of a command: what is not a letter, a digit or one of @._+=/:,-
/// becomes '_'.
std::string filtered(std::string_view value);

/// Run it in a session of its own with descriptors 0 to 2 and nothing else, default signals, soft
/// limits as high as they go, umask 077. Standard input is head and text; what it does not read is
/// dropped. Output is read as it comes, and no longer than the program itself runs: what it left
/// in the background may go on. After `limit` the whole process group gets SIGTERM, then SIGKILL.
/// Errors: retry (no process, no pipe), io (the message cannot be read).
base::Result<Ending> run_program(const Program& program, std::string_view head,
                                 const store::MessageText& text, std::chrono::milliseconds limit);

/// What an ending means: 0 is delivered; what sysexits.h calls permanent, and other numbers up to
/// 125, fail; 71, 73, 74, 75, 78, 126, 127, 128 and more, a signal and the time limit are delayed:
/// a full disk, a wrong set-up or a missing program of ours bounces nothing.
rfc::Outcome outcome_of(const Ending& ending, std::string_view command);

}  // namespace spool
