#include "mail/dead_letter.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/mail_lock.h"
#include "lib/store/mbox.h"
#include "lib/store/mbox_append.h"
#include "mail/append.h"
#include "mail/scratch.h"

namespace reader {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {

// A link to it means it as well.
bool is_null_device(const std::string& path) {
  struct stat named, null;
  return ::stat(path.c_str(), &named) == 0 && ::stat("/dev/null", &null) == 0 &&
         S_ISCHR(named.st_mode) && S_ISCHR(null.st_mode) && named.st_rdev == null.st_rdev;
}

}  // namespace

Result<std::optional<std::string>> dead_letter_path(const Session& session) {
  using Where = std::optional<std::string>;
  if (!session.variables.is_set("save")) return Where();
  std::string path = session.variables.text("DEAD");
  const std::string& home = session.person.home;
  if (path.empty()) path = "~/dead.letter";
  if (path.starts_with("~/")) {
    if (home.empty()) return Error{Kind::usage, cat(path, ": there is no HOME")};
    path = cat(home, path.substr(1));
  }
  if (is_null_device(path)) return Where();
  return Where(path.find('/') == std::string::npos ? cat("./", path) : path);
}

namespace {

struct Counted {
  std::uint64_t lines = 0, bytes = 0;
  void add(std::string_view piece) {
    bytes += piece.size();
    lines += static_cast<std::uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
  }
};

Result<Counted> write_letter(int file, std::string_view prefix, int letter,
                             const std::string& path) {
  Counted counted;
  const auto write = [&](std::string_view piece) -> Result<> {
    counted.add(piece);
    return base::write_all(file, piece, path);
  };
  TRY(write(prefix));
  TRY(read_pieces(letter, 0, write));
  TRY(base::sync(file, path));
  return counted;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<Counted> replace(const std::string& path, std::string_view prefix, int letter) {
  std::string beside = cat(path, ".XXXXXX");
  Fd file(::mkostemp(beside.data(), O_CLOEXEC));
  if (!file) return base::system_error(path, "make", errno);
  const auto counted = [&]() -> Result<Counted> {
    TRY_LET(written, write_letter(file.number(), prefix, letter, path));
    TRY(file.close(path));
    if (::rename(beside.c_str(), path.c_str()) != 0)
      return base::system_error(path, "rename", errno);
    return written;
  }();
  if (!counted) {
    ::unlink(beside.c_str());
    return counted;
  }
  // A folder that may not be read cannot be synced; the text is there all the same.
  const Fd folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) (void)base::sync(folder.number(), path);
  return counted;
}

// Where no file can be made beside it.
Result<Counted> overwrite(const std::string& path, std::string_view prefix, int letter) {
  TRY_LET(file,
          base::open_at(AT_FDCWD, path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, path));
  struct stat status;
  if (::fstat(file.number(), &status) != 0) return base::system_error(path, "stat", errno);
  if (!S_ISREG(status.st_mode)) return Error{Kind::io, cat(path, ": not a regular file")};
  if (::ftruncate(file.number(), 0) != 0) return base::system_error(path, "truncate", errno);
  TRY_LET(counted, write_letter(file.number(), prefix, letter, path));
  TRY(file.close(path));
  return counted;
}

bool is_link(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
}

Result<> check_kind(const std::string& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
    return Error{Kind::io, cat(path, ": not a regular file")};
  return {};
}

void say(const std::string& path, const Counted& counted) {
  (void)base::write_all(
      STDERR_FILENO,
      cat("\"", base::printable(path), "\" ", counted.lines, "/", counted.bytes, "\n"),
      "standard error");
}

// `head` is a From_ line, and fields.
Result<Counted> append(const Session& session, const std::string& path, std::string_view head,
                       int letter) {
  struct stat status;
  if (::fstat(letter, &status) != 0) return base::system_error("letter", "stat", errno);
  const auto owner = owner_of(session);
  TRY_LET(file, store::LockedFile::open(path, owner.uid, owner.lock_limit));
  // Blind copies are in it, and what nobody was to see but those it was for.
  (void)::fchmod(file.number(), S_IRUSR | S_IWUSR);
  const store::MessageText text{letter, 0, static_cast<std::uint64_t>(status.st_size)};
  TRY(store::append_mbox(file, head, text, nullptr));
  Counted counted;
  TRY(read_pieces(file.number(), file.size(), [&](std::string_view piece) -> Result<> {
    counted.add(piece);
    return {};
  }));
  TRY(file.close());
  return counted;
}

// The mailbox cannot be written to: somebody else's, or locked for a long time.
Result<> append_beside(const Session& session, const std::string& path, std::string_view head,
                       int letter) {
  std::string beside = cat(path, ".XXXXXX");
  Fd file(::mkostemp(beside.data(), O_CLOEXEC));
  if (!file) return base::system_error(path, "make", errno);
  file.reset();
  auto appended = append(session, beside, head, letter);
  if (!appended) {
    ::unlink(beside.c_str());
    return std::move(appended).error();
  }
  say(beside, appended.value());
  return {};
}

}  // namespace

Result<> keep_dead_letter(const std::string& path, std::string_view prefix, int letter) {
  TRY(check_kind(path));
  auto kept = replace(path, prefix, letter);
  const int error = kept ? 0 : kept.error().system_error;
  if (error == EACCES || error == EPERM || error == EROFS) {
    auto over = overwrite(path, prefix, letter);
    if (over) kept = std::move(over);
  }
  if (!kept) return std::move(kept).error();
  say(path, kept.value());
  return {};
}

Result<> append_dead_letter(const Session& session, const std::string& path,
                            std::string_view fields, int letter) {
  TRY(check_kind(path));
  const auto now = session.clock();
  const std::string head =
      cat(store::from_line(session.person.user.empty() ? "MAILER-DAEMON" : session.person.user, now,
                           base::local_offset(now)),
          fields);
  // A link may lead to where nobody meant letters to go.
  if (is_link(path) && ::unlink(path.c_str()) != 0)
    return base::system_error(path, "remove the link", errno);
  auto appended = append(session, path, head, letter);
  if (appended) {
    say(path, appended.value());
    return {};
  }
  const auto& error = appended.error();
  const bool elsewhere = error.kind == Kind::no_permission || error.system_error == EAGAIN;
  if (elsewhere && append_beside(session, path, head, letter)) return {};
  return std::move(appended).error();
}

}  // namespace reader
