#include "spool/forward.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace spool {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {

constexpr std::size_t largest_forward = 64 << 10;
constexpr std::size_t largest_include = 8 << 20;

Error problem(const std::string& path, std::string_view text) {
  return Error{Kind::config, cat(base::printable(path), ": ", text)};
}

Error trouble(const std::string& path, int number) {
  return base::system_error(Kind::config, base::printable(path), "open", number);
}

// Who could have written it besides root and the user; empty: nobody.
std::string foreign_hand(const struct stat& status, uid_t uid) {
  if (status.st_uid != uid && status.st_uid != 0) return cat("belongs to uid ", status.st_uid);
  if ((status.st_mode & 022) != 0) return "can be written by group or others";
  return {};
}

std::string kind_of_file(mode_t mode) {
  if (S_ISLNK(mode)) return "is a symbolic link";
  if (S_ISDIR(mode)) return "is a folder";
  if (S_ISFIFO(mode)) return "is a FIFO";
  return "is not a regular file";
}

// All of an open file, `limit` bytes at most. An empty one need not be waited for: without a line
// in it the mail lies in the mailbox, and of a list nobody is named.
Result<std::string> read_from(const Fd& fd, const std::string& path, std::size_t limit) {
  struct stat status;
  if (::fstat(fd.number(), &status) == 0 && status.st_size == 0) return std::string();
  auto content = base::read_settled(fd.number(), limit, base::printable(path));
  if (!content) return Error{Kind::config, std::move(content).error().text};
  if (content.value().find('\0') != std::string::npos) return problem(path, "holds a NUL byte");
  return content;
}

// A home that is not meant to be there, as system accounts have.
bool without_home(const base::User& user) {
  return user.home.empty() || user.home == "/nonexistent" || user.home.starts_with("/nonexistent/");
}

Result<Fd> open_home(const base::User& user) {
  Fd home(::open(user.home.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!home) return trouble(cat("home ", user.home), errno);
  return home;
}

// A .forward's text, where nobody else can have written it.
Result<std::string> judged_forward(const Fd& home, const Fd& fd, const base::User& user,
                                   const std::string& path) {
  struct stat folder, status;
  if (::fstat(home.number(), &folder) != 0 || ::fstat(fd.number(), &status) != 0)
    return trouble(path, errno);
  if (!S_ISREG(status.st_mode)) return problem(path, kind_of_file(status.st_mode));
  if (const auto reason = foreign_hand(status, user.uid); !reason.empty())
    return problem(path, reason);
  if (const auto reason = foreign_hand(folder, user.uid); !reason.empty())
    return problem(path, cat("its folder ", reason));
  return read_from(fd, path, largest_forward);
}

}  // namespace

Result<std::optional<Listed>> read_forward(const base::User& user) {
  if (without_home(user)) return std::optional<Listed>();
  TRY_LET(home, open_home(user));
  const std::string path = cat(user.home, user.home.ends_with('/') ? "" : "/", ".forward");
  // Never waits: neither for a FIFO's writer nor for the holder of a lease.
  const Fd fd(::openat(home.number(), ".forward",
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::optional<Listed>();
  if (!fd && errno == ELOOP) return problem(path, kind_of_file(S_IFLNK));
  if (!fd) return trouble(path, errno);
  TRY_LET(text, judged_forward(home, fd, user, path));
  auto targets = store::parse_target_file(text, path);
  if (!targets) return Error{Kind::config, targets.error().text};
  if (targets.value().empty()) return std::optional<Listed>();
  return std::optional<Listed>({std::move(targets).value(), ""});
}

Result<Listed> read_include(const std::string& path, uid_t uid) {
  const std::string named = cat(":include:", path);
  const Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) return trouble(named, errno);
  struct stat status;
  if (::fstat(fd.number(), &status) != 0) return trouble(named, errno);
  if (!S_ISREG(status.st_mode)) return problem(named, kind_of_file(status.st_mode));
  TRY_LET(text, read_from(fd, named, largest_include));
  auto targets = store::parse_target_file(text, path);
  if (!targets) return Error{Kind::config, targets.error().text};
  auto reason = foreign_hand(status, uid);
  if (!reason.empty()) reason = cat(base::printable(path), " ", reason);
  return Listed{std::move(targets).value(), std::move(reason)};
}

std::optional<std::string> untrusted_file(const std::string& path, const struct stat& status,
                                          uid_t uid) {
  const auto reason = foreign_hand(status, uid);
  if (!reason.empty()) return cat(base::printable(path), " ", reason);
  if (auto unsafe = base::unsafe_path(path, uid)) return base::printable(*unsafe);
  return std::nullopt;
}

}  // namespace spool
