// forward.h - reading what says where mail goes, with the rights of whoever reads: ~/.forward, and
// the files that aliases include. A file is opened once, judged by its descriptor and read from it,
// so nothing can be put in its place in between.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <string>

#include "lib/base/result.h"
#include "lib/base/user.h"
#include "spool/expand.h"

namespace spool {

/// The .forward in the user's home. nullopt: plain delivery, since there is none or it is empty or
/// holds comments only. Whatever is odd about it delays the user's mail until somebody has looked:
/// \return Errors: config, with the reason:
///   - a home that is not there or no folder (but for one named /nonexistent, or none at all)
///   - a .forward that is no regular file (a symbolic link, a FIFO, a folder, ...), is larger than
///     64 KiB, or that somebody else may have put there: it or its folder belongs neither to the
///     user nor to root, or can be written by group or others
///   - one that cannot be opened or read (rights, a network file system that is away, a lease)
///   - one that is being written just now (base::read_settled)
///   - NUL bytes or any mistake in it
base::Result<std::optional<Listed>> read_forward(const base::User& user);

/// A list that an alias or a .forward includes. Its targets are untrusted when somebody else than
/// root and `uid` owns it or could write it. Errors: config, with the reason (not there, not a
/// regular file, larger than 8 MiB, being written, a mistake in it).
base::Result<Listed> read_include(const std::string& path, uid_t uid);

/// Why commands, files and lists that this file names are not to be used by `uid`; nullopt: they
/// may be. It belongs to root or uid, neither group nor others can write it, and nobody else can
/// put another in its place (base::unsafe_path). status: of the file that was read.
std::optional<std::string> untrusted_file(const std::string& path, const struct stat& status,
                                          uid_t uid);

}  // namespace spool
