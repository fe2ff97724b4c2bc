// send_mode.h - `mail -s subject address …`: one letter, from a pipe or from a person.
#pragma once

#include "lib/base/result.h"
#include "mail/options.h"
#include "mail/session.h"

namespace reader {

/// Returns the exit status. What the command line asks for and cannot be is refused before anything
/// is read. Errors: usage, no_input (a file that is to be read), and those of send().
base::Result<int> send_mail(Session& session, const Invocation& invocation);

}  // namespace reader
