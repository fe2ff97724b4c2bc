// completion.h - what a word that is being typed may become: commands, variables, aliases, names
// of files and folders.
#pragma once

#include "mail/input.h"
#include "mail/session.h"

namespace reader {

/// \pre the session outlives it.
Completer completer(const Session& session);

}  // namespace reader
