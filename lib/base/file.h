// file.h - opening, reading and replacing files, safely and durably.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace base {

/// openat with O_CLOEXEC, through interrupts. `what` names the file in the error. Errors: retry,
/// io.
Result<Fd> open_at(int directory, const std::string& name, int flags, unsigned mode,
                   std::string_view what);
/// Open a directory; no symlink at its end. Errors: retry, io.
Result<Fd> open_directory(const std::string& path);

/// The whole of a regular file; `limit` bytes at most. Errors: data (larger, or not a regular
/// file), retry, io.
Result<std::string> read_file(const std::string& path, std::size_t limit);
/// The same relative to a directory; never follows a symlink, never blocks on a FIFO or a lease.
Result<std::string> read_file_at(int directory, const std::string& name, std::size_t limit,
                                 std::string_view what);
/// The whole of an open regular file that people edit, unless somebody is at it just now: it was
/// changed while it was read, or in the last two seconds and is empty or ends within a line, as
/// what an editor has cut and not yet written again. Errors: data (larger, or not a regular file),
/// retry (not settled), io.
Result<std::string> read_settled(int fd, std::size_t limit, std::string_view what);

/// Replace `name` in `directory` by a file with this content, mode 0600: written beside, fsynced,
/// renamed; the directory is synced if `durable`. A crash leaves the old file or the new one.
/// Errors: retry, io.
Result<> replace_file(int directory, const std::string& name, std::string_view content,
                      bool durable, std::string_view what);

/// Make the folders of an absolute path that are missing, mode 0700; each new one's parent is
/// synced. Errors: retry, io.
Result<> make_directories(const std::string& path);

/// An exclusive flock; false if another holds it (only without `wait`). Errors: io.
Result<bool> lock(int fd, bool wait, std::string_view what);

/// Nobody but root and `uid` can change this file or swap a folder above it: every folder up to /
/// belongs to root or uid and is not writable by group or others (a sticky folder of root's is
/// fine). Every link on the way counts as well: who owns it, its folders, and those of what it
/// leads to. A reason, or nullopt when it is safe.
std::optional<std::string> unsafe_path(const std::string& path, uid_t uid);

}  // namespace base
