#include "lib/base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>

#include "lib/base/clock.h"
#include "lib/base/text.h"

namespace base {

Result<Fd> open_at(int directory, const std::string& name, int flags, unsigned mode,
                   std::string_view what) {
  for (;;) {
    Fd fd(::openat(directory, name.c_str(), flags | O_CLOEXEC, mode));
    if (fd) return fd;
    if (errno != EINTR) return system_error(what, "open", errno);
  }
}

Result<Fd> open_directory(const std::string& path) {
  return open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, path);
}

namespace {
Result<std::string> read_all(int fd, std::size_t limit, std::string_view what) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return system_error(Kind::io, what, "stat", errno);
  if (!S_ISREG(status.st_mode)) return Error{Kind::data, cat(what, ": not a regular file")};
  std::string content;
  char buffer[16384];
  for (;;) {
    TRY_LET(got, read_some(fd, buffer, what));
    if (got == 0) return content;
    content.append(buffer, got);
    if (content.size() > limit)
      return Error{Kind::data, cat(what, ": larger than ", limit, " bytes")};
  }
}

bool same_text(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

bool just_changed(const struct stat& status) {
  constexpr std::chrono::seconds settled(2);
  const auto age = now() - Time(std::chrono::seconds(status.st_mtim.tv_sec));
  return age < settled && age > -settled;
}
}  // namespace

Result<std::string> read_settled(int fd, std::size_t limit, std::string_view what) {
  struct stat before, after;
  if (::fstat(fd, &before) != 0) return system_error(Kind::io, what, "stat", errno);
  TRY_LET(content, read_all(fd, limit, what));
  if (::fstat(fd, &after) != 0) return system_error(Kind::io, what, "stat", errno);
  const bool whole =
      same_text(before, after) && content.size() == static_cast<std::size_t>(after.st_size);
  const bool ended = content.ends_with('\n');
  if (whole && (ended || !just_changed(after))) return content;
  return Error{Kind::retry, cat(what, ": is being written just now")};
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  TRY_LET(fd, open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path));
  return read_all(fd.number(), limit, path);
}

Result<std::string> read_file_at(int directory, const std::string& name, std::size_t limit,
                                 std::string_view what) {
  TRY_LET(fd, open_at(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0, what));
  return read_all(fd.number(), limit, what);
}

Result<> replace_file(int directory, const std::string& name, std::string_view content,
                      bool durable, std::string_view what) {
  const std::string beside = name + ".new";
  ::unlinkat(directory, beside.c_str(),
             0);  // left by a crash; one writer at a time holds the folder's lock
  TRY_LET(fd, open_at(directory, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, what));
  const auto written = [&]() -> Result<> {
    if (::fchmod(fd.number(), 0600) != 0) return system_error(what, "chmod", errno);
    TRY(write_all(fd.number(), content, what));
    if (durable) TRY(sync(fd.number(), what));
    TRY(fd.close(what));
    if (::renameat(directory, beside.c_str(), directory, name.c_str()) != 0)
      return system_error(what, "rename", errno);
    return {};
  }();
  if (!written) {
    ::unlinkat(directory, beside.c_str(), 0);
    return written;
  }
  if (durable) TRY(sync(directory, what));
  return {};
}

namespace {
// The name of a folder just made, on stable storage.
Result<> sync_name(const std::string& folder) {
  const auto slash = folder.rfind('/');
  auto parent = open_at(AT_FDCWD, slash == 0 ? "/" : folder.substr(0, slash),
                        O_RDONLY | O_DIRECTORY, 0, folder);
  if (parent) return sync(parent.value().number(), folder);
  if (parent.error().system_error != EACCES) return std::move(parent).error();
  TRY_LET(own, open_directory(folder));
  return sync_all(own.number(), folder);
}
}  // namespace

Result<> make_directories(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string folder = path.substr(0, end);
    if (::mkdir(folder.c_str(), 0700) == 0) {
      // A caller's umask may have taken our own bits away.
      if (::chmod(folder.c_str(), 0700) != 0) return system_error(folder, "chmod", errno);
      TRY(sync_name(folder));
    } else if (errno != EEXIST) {
      // A folder above may exist behind a mount or automounter that answers otherwise; only absence
      // is an error.
      const int number = errno;
      struct stat status;
      if (::stat(folder.c_str(), &status) != 0) return system_error(folder, "mkdir", number);
    }
    if (end == std::string::npos) return {};
  }
}

Result<bool> lock(int fd, bool wait, std::string_view what) {
  for (;;) {
    if (::flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0) return true;
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return system_error(Kind::io, what, "lock", errno);
  }
}

namespace {
using CText = std::unique_ptr<char, decltype(&::free)>;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Where the link at `path` leads; a relative target is that of its folder. Empty if it cannot be
// read.
std::string link_target(const std::string& path) {
  char target[PATH_MAX];
  const auto length = ::readlink(path.c_str(), target, sizeof target);
  if (length <= 0 || static_cast<std::size_t>(length) == sizeof target) return {};
  const std::string_view text(target, static_cast<std::size_t>(length));
  return text[0] == '/' ? std::string(text) : cat(folder_of(path), "/", text);
}

// Why somebody else could change what is at `part`; the mode of a link says nothing.
std::optional<std::string> unsafe_status(const std::string& part, const struct stat& status,
                                         uid_t uid) {
  if (status.st_uid != 0 && status.st_uid != uid)
    return cat(part, ": belongs to uid ", status.st_uid);
  const bool shared = (status.st_mode & 022) != 0 && !S_ISLNK(status.st_mode);
  const bool sticky =
      S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0 && status.st_uid == 0;
  if (shared && !sticky) return cat(part, ": can be written by others");
  return std::nullopt;
}

// A link is judged as itself, then what it leads to: its owner may point it elsewhere afterwards,
// in a sticky folder too.
std::optional<std::string> unsafe_chain(std::string part, uid_t uid, int links) {
  for (;; part = folder_of(part)) {
    struct stat status;
    if (::lstat(part.c_str(), &status) != 0) return cat(part, ": cannot be examined");
    if (auto reason = unsafe_status(part, status, uid)) return reason;
    if (part == "/") return std::nullopt;
    if (!S_ISLNK(status.st_mode)) continue;
    const auto target = link_target(part);
    if (target.empty() || links == 0) return cat(part, ": cannot be examined");
    if (auto reason = unsafe_chain(target, uid, links - 1)) return reason;
  }
}
}  // namespace

std::optional<std::string> unsafe_path(const std::string& path, uid_t uid) {
  std::string named = path;
  if (!path.starts_with('/')) {
    const CText folder(::getcwd(nullptr, 0), ::free);
    if (!folder) return cat(path, ": cannot be examined");
    named = cat(folder.get(), "/", path);
  }
  // The kernel tells loops, and counts links as it would on opening.
  const CText real(::realpath(named.c_str(), nullptr), ::free);
  if (!real) return cat(path, ": cannot be examined");
  constexpr int most_links = 8;  // each is followed again from every name below it
  return unsafe_chain(named, uid, most_links);
}

}  // namespace base
