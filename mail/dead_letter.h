// dead_letter.h - what could not be sent, or was given up while it was written, is kept (POSIX
// mailx: DEAD, save).
#pragma once

#include <optional>
#include <string>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// Where dead letters go: the variable DEAD, else ~/dead.letter; nullopt: nowhere (nosave,
/// /dev/null, no home).
std::optional<std::string> dead_letter_path(const Session& session);

/// Put a letter in the place of the file of this name, whole or not at all: mode 0600, links are
/// not followed, on stable storage when this returns. prefix stands before it. Says
/// `"/home/x/dead.letter" 3/88` (lines and bytes) on standard error. Errors: retry, io,
/// no_permission.
base::Result<> keep_dead_letter(const std::string& path, std::string_view prefix, int letter);

}  // namespace reader
