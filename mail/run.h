// run.h - programs that a person starts from within (`!`, `shell`, `edit`). They get the terminal;
// what was printed so far stands before theirs.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// Run a program of this absolute path, with the session's environment, and wait for its end.
/// Interrupts are its business meanwhile. Returns its exit status, 128 + N for signal N, 127 if it
/// could not be started. Errors: retry (no process).
base::Result<int> run_program(const Session& session, const std::vector<std::string>& words);

/// The same for a command line, through the user's SHELL.
base::Result<int> run_shell(const Session& session, const std::string& command);

/// The user's SHELL.
std::string shell_of(const Session& session);

}  // namespace reader
