// spool.cpp - the folders of a spool.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/queue.h"

namespace store {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {

// run/ is made last: where it is, all the others were made and synced before it.
constexpr const char* folders[] = {"tmp", "queue", "why", "bad", "run"};

// Whether a folder holds names that no spool has.
bool holds_other_things(int folder) {
  Fd fd(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(fd ? ::fdopendir(fd.number()) : nullptr,
                                                      ::closedir);
  if (!directory) return false;
  (void)fd.release();
  while (const dirent* item = ::readdir(directory.get())) {
    const std::string_view name = item->d_name;
    const bool ours = std::find(std::begin(folders), std::end(folders), name) != std::end(folders);
    if (!ours && name != "." && name != "..") return true;
  }
  return false;
}

Result<Fd> open_folder(int parent, const char* name, uid_t uid, const std::string& what) {
  Fd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return Error{Kind::unavailable, cat(what, ": no such folder"), ENOENT};
    return base::system_error(what, "open", errno);
  }
  struct stat status;
  if (::fstat(fd.number(), &status) != 0) return base::system_error(Kind::io, what, "stat", errno);
  if (status.st_uid != uid)
    return Error{Kind::no_permission,
                 cat(what, ": belongs to uid ", status.st_uid, ", not to uid ", uid)};
  if ((status.st_mode & 077) == 0) return fd;
  // Closing it to others is right for a folder of ours and harm to any other, say /tmp of root's.
  if (parent == AT_FDCWD && holds_other_things(fd.number()))
    return Error{
        Kind::no_permission,
        cat(what, ": is open to others and holds other things; a spool is a folder of its own")};
  if (::fchmod(fd.number(), 0700) != 0)
    return base::system_error(Kind::no_permission, what, "chmod", errno);
  return fd;
}

Result<> make_folder(int parent, const char* name, const std::string& what) {
  if (::mkdirat(parent, name, 0700) != 0 && errno != EEXIST)
    return base::system_error(what, "mkdir", errno);
  Fd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return base::system_error(what, "open", errno);
  return base::sync(fd.number(), what);
}

// Every folder from `path` up to / on stable storage: one made by a process that died before its
// fsync counts as new.
Result<> sync_chain(std::string path) {
  Fd below;
  for (;;) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    // A folder that may be passed but not read (the shared spool): what lies in it is reached so.
    if (!fd && errno == EACCES && below) return base::sync_all(below.number(), path);
    if (!fd) return base::system_error(path, "open", errno);
    // Some file systems above (proc, autofs) cannot sync folders and need not.
    if (const auto synced = base::sync(fd.number(), path);
        !synced && synced.error().system_error != EINVAL && synced.error().system_error != EROFS)
      return synced;
    if (path == "/") return {};
    const auto slash = path.rfind('/');
    path = slash == 0 ? "/" : path.substr(0, slash);
    below = std::move(fd);
  }
}

}  // namespace

std::string Spool::named(std::string_view folder, std::string_view name) const {
  return cat(path_, "/", folder, "/", name);
}

Result<Spool> Spool::open(const std::string& path, uid_t uid) {
  TRY_LET(root, open_folder(AT_FDCWD, path.c_str(), uid, path));
  Spool spool;
  spool.path_ = path;
  spool.owner_ = uid;
  Fd* const members[] = {&spool.tmp_, &spool.queue_, &spool.why_, &spool.bad_, &spool.run_};
  for (std::size_t i = 0; i < std::size(folders); ++i) {
    TRY_LET(folder, open_folder(root.number(), folders[i], uid, cat(path, "/", folders[i])));
    *members[i] = std::move(folder);
  }
  return spool;
}

Result<Spool> Spool::create(const std::string& path, uid_t uid) {
  auto existing = open(path, uid);
  if (existing || existing.error().kind != Kind::unavailable) return existing;
  TRY(base::make_directories(path));
  TRY_LET(root, open_folder(AT_FDCWD, path.c_str(), uid, path));
  for (const char* name : folders) {
    TRY(make_folder(root.number(), name, cat(path, "/", name)));
    if (std::string_view(name) == "bad") TRY(sync_chain(path));
  }
  return open(path, uid);
}

Result<std::string> quarantine(const Spool& spool, const std::string& name) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string target = attempt == 0 ? name : cat(name, "~", attempt);
    if (::renameat2(spool.queue(), name.c_str(), spool.bad(), target.c_str(), RENAME_NOREPLACE) ==
        0)
      return target;
    if (errno != EEXIST)
      return base::system_error(spool.named("queue", name), "move to bad/", errno);
  }
  return Error{Kind::retry, cat(spool.named("queue", name), ": no free name in bad/")};
}

void keep_reserve(const Spool& spool) {
  Fd fd(
      ::openat(spool.run(), "reserve", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return;  // it is there, or cannot be
  if (!base::write_all(fd.number(), std::string(65536, '\0'), "reserve"))
    ::unlinkat(spool.run(), "reserve", 0);
}

}  // namespace store
