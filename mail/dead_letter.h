// dead_letter.h - what could not be sent, or was given up while it was written, is kept (POSIX
// mailx: DEAD, save).
#pragma once

#include <optional>
#include <string>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// Where dead letters go: the variable DEAD, else ~/dead.letter; nullopt: nowhere, and that is
/// wanted (nosave, /dev/null). Errors: usage (nobody's home is known).
base::Result<std::optional<std::string>> dead_letter_path(const Session& session);

/// What was given up: put in the place of the file of this name, whole or not at all: mode 0600,
/// links are not followed, on stable storage when this returns. prefix stands before it. Says
/// `"/home/x/dead.letter" 3/88` (lines and bytes) on standard error. Errors: retry, io,
/// no_permission.
base::Result<> keep_dead_letter(const std::string& path, std::string_view prefix, int letter);

/// What could not be sent: put behind the others of the mbox of this name, whole or not at all,
/// locked as deliveries lock, mode 0600, on stable storage when this returns; a link is replaced,
/// not followed. fields stand before those of the message. Where that mbox is not ours to write to,
/// or stays locked, a file PATH.XXXXXX is made. Says as keep_dead_letter() what was written.
/// Errors: retry, io, no_permission.
base::Result<> append_dead_letter(const Session& session, const std::string& path,
                                  std::string_view fields, int letter);

}  // namespace reader
