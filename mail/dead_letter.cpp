#include "mail/dead_letter.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "mail/scratch.h"

namespace reader {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

std::optional<std::string> dead_letter_path(const Session& session) {
  if (!session.variables.is_set("save")) return std::nullopt;
  std::string path = session.variables.text("DEAD");
  const std::string& home = session.person.home;
  if (path.empty()) path = "~/dead.letter";
  if (path == "/dev/null") return std::nullopt;
  if (!path.starts_with("~/")) return path;
  if (home.empty()) return std::nullopt;
  return cat(home, path.substr(1));
}

namespace {

struct Counted {
  std::uint64_t lines = 0, bytes = 0;
};

Result<Counted> write_letter(int file, std::string_view prefix, int letter,
                             const std::string& path) {
  Counted counted;
  const auto write = [&](std::string_view piece) -> Result<> {
    counted.bytes += piece.size();
    counted.lines += static_cast<std::uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
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

}  // namespace

Result<> keep_dead_letter(const std::string& path, std::string_view prefix, int letter) {
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
    return Error{Kind::io, cat(path, ": not a regular file")};
  auto kept = replace(path, prefix, letter);
  const int error = kept ? 0 : kept.error().system_error;
  if (error == EACCES || error == EPERM || error == EROFS) {
    auto over = overwrite(path, prefix, letter);
    if (over) kept = std::move(over);
  }
  if (!kept) return std::move(kept).error();
  const auto& [lines, bytes] = kept.value();
  (void)base::write_all(STDERR_FILENO,
                        cat("\"", base::printable(path), "\" ", lines, "/", bytes, "\n"),
                        "standard error");
  return {};
}

}  // namespace reader
