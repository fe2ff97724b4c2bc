#include "lib/store/mail_lock.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <thread>

#include "lib/base/file.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"

namespace store {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;
using std::chrono::milliseconds;

namespace {

constexpr mode_t our_mode = 0500;
constexpr std::time_t stale_after = 500;  // seconds

std::optional<std::string_view> unsuitable(const struct stat& status, uid_t owner) {
  if (S_ISLNK(status.st_mode)) return "is a symbolic link";
  if (S_ISDIR(status.st_mode)) return "is a folder (a slash at its end would make it a maildir)";
  if (!S_ISREG(status.st_mode)) return "is not a regular file";
  if (status.st_nlink != 1) return "has more than one name";
  if (status.st_uid != owner) return "belongs to somebody else";
  return std::nullopt;
}

Result<> suitable(const std::string& path, const struct stat& status, uid_t owner) {
  if (const auto why = unsuitable(status, owner))
    return Error{Kind::no_permission, cat(path, ": ", *why)};
  return {};
}

bool same(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// The name of a file just made, on stable storage; a folder that may not be read is synced with all
// else on its file system.
Result<> sync_name(const std::string& path, int file) {
  auto folder = base::open_at(AT_FDCWD, folder_of(path), O_RDONLY | O_DIRECTORY, 0, path);
  if (folder) return base::sync(folder.value().number(), path);
  if (folder.error().system_error != EACCES) return std::move(folder).error();
  return base::sync_all(file, path);
}

// An open mailbox, or none where it went or came meanwhile. Never waits for a FIFO or device: those
// are seen before they are opened.
Result<Fd> open_mailbox(const std::string& path, uid_t owner) {
  constexpr int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0) {
    TRY(suitable(path, status, owner));
    auto file = base::open_at(AT_FDCWD, path, flags, 0, path);
    if (!file && file.error().system_error == ENOENT) return Fd();
    return file;
  }
  if (errno != ENOENT) return base::system_error(path, "stat", errno);
  auto made = base::open_at(AT_FDCWD, path, flags | O_CREAT | O_EXCL, 0600, path);
  if (!made && made.error().system_error == EEXIST) return Fd();
  if (!made) return made;
  TRY(sync_name(path, made.value().number()));
  return made;
}

// The kernel's lock over the whole file, unless another has one on any part of it.
Result<bool> lock_whole(int fd, const std::string& path) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  for (;;) {
    if (::fcntl(fd, F_OFD_SETLK, &whole) == 0) return true;
    if (errno == EAGAIN || errno == EACCES) return false;
    if (errno != EINTR) return base::system_error(path, "lock", errno);
  }
}

// Whether everybody who has the mailbox open sees the kernel's lock on it: another machine or a
// server in user space may not.
bool locks_are_seen(int box) {
  struct statfs system;
  if (::fstatfs(box, &system) != 0) return false;
  switch (static_cast<unsigned long>(system.f_type) & 0xffffffff) {
    case NFS_SUPER_MAGIC:
    case SMB_SUPER_MAGIC:
    case CIFS_SUPER_MAGIC:
    case SMB2_SUPER_MAGIC:
    case V9FS_MAGIC:
    case AFS_SUPER_MAGIC:
    case AFS_FS_MAGIC:
    case CODA_SUPER_MAGIC:
    case NCP_SUPER_MAGIC:
    case FUSE_SUPER_MAGIC:
    case CEPH_SUPER_MAGIC: return false;
    default: return true;
  }
}

// Whether a dot lock may be taken away: one of ours, for whoever makes such a one holds the
// kernel's lock, and that is in our hands; or one that is old. box: the mailbox, on the same file
// system, whose time of change tells what time it is there.
bool abandoned(const struct stat& dot, int box) {
  struct stat now;
  if (::fstat(box, &now) != 0) return false;
  const bool trusted = dot.st_uid == now.st_uid || dot.st_uid == 0;  // root reads others' mail
  if (trusted && dot.st_mode == (S_IFREG | our_mode) && locks_are_seen(box)) return true;
  if (::fchmod(box, now.st_mode & 07777) != 0 || ::fstat(box, &now) != 0) return false;
  return now.st_ctime - std::max(dot.st_ctime, dot.st_mtime) > stale_after;
}

// Takes away what was abandoned. False: it is, but stays, since the folder's rights do not let us,
// or it is a folder or a link, which no lock is. Nobody holds it, and nobody will remove it.
bool clear(const std::string& lock, int box) {
  struct stat before, now;
  if (::lstat(lock.c_str(), &before) != 0 || !abandoned(before, box)) return true;
  if (!S_ISREG(before.st_mode)) return false;
  if (::lstat(lock.c_str(), &now) != 0 || !same(before, now)) return true;
  return ::unlink(lock.c_str()) == 0 || (errno != EACCES && errno != EPERM && errno != EROFS);
}

struct Dot {
  enum class State { taken, busy, impossible };
  State state = State::impossible;
  struct stat file = {};  // of what was taken
};

// impossible: this folder is not ours to make files in, or the name is too long there, or what was
// left behind under it cannot be removed.
Result<Dot> take_dot_lock(const std::string& lock, int box) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  auto made = base::open_at(AT_FDCWD, lock, flags, our_mode, lock);
  if (!made && made.error().system_error == EEXIST) {
    if (!clear(lock, box)) return Dot();
    made = base::open_at(AT_FDCWD, lock, flags, our_mode, lock);
  }
  Dot dot{Dot::State::taken};
  if (made && ::fstat(made.value().number(), &dot.file) == 0) return dot;
  if (made) {
    const int number = errno;
    ::unlink(lock.c_str());
    return base::system_error(Kind::io, lock, "stat", number);
  }
  switch (made.error().system_error) {
    case EEXIST: return Dot{Dot::State::busy};
    case EACCES:
    case EPERM:
    case EROFS:
    case ENAMETOOLONG: return Dot();
    default: return std::move(made).error();
  }
}

}  // namespace

LockedFile::LockedFile(LockedFile&& other) noexcept
    : path_(std::move(other.path_)),
      dot_lock_(std::exchange(other.dot_lock_, {})),
      dot_device_(other.dot_device_),
      dot_inode_(other.dot_inode_),
      fd_(std::move(other.fd_)),
      size_(other.size_),
      inode_(other.inode_) {}

LockedFile::~LockedFile() { (void)close(); }

// Somebody may have found it old, removed it and made another, which is not ours to remove.
void LockedFile::remove_dot_lock() {
  const std::string lock = std::exchange(dot_lock_, {});
  struct stat now;
  if (!lock.empty() && ::lstat(lock.c_str(), &now) == 0 && now.st_dev == dot_device_ &&
      now.st_ino == dot_inode_)
    ::unlink(lock.c_str());
}

Result<> LockedFile::close() {
  // First the dot lock: one of ours that is seen by who holds the kernel's lock was left behind.
  remove_dot_lock();
  if (!fd_) return {};
  return fd_.close(path_);
}

// One attempt at all of it; false where somebody else is at it. What was taken is given back then.
Result<bool> LockedFile::try_open(uid_t owner) {
  busy_ = "the file is replaced again and again";
  TRY_LET(file, open_mailbox(path_, owner));
  if (!file) return false;
  busy_ = "it is locked by another program";
  TRY_LET(locked, lock_whole(file.number(), path_));
  if (!locked) return false;
  struct stat open_one, named_one;
  if (::fstat(file.number(), &open_one) != 0) return base::system_error(path_, "stat", errno);
  TRY(suitable(path_, open_one, owner));
  ::fcntl(file.number(), F_SETFL, O_NOATIME);  // what we read of it is not read by its owner
  const std::string lock = path_ + ".lock";
  busy_ = cat(lock, " is there");
  TRY_LET(dot, take_dot_lock(lock, file.number()));
  if (dot.state == Dot::State::busy) return false;
  if (dot.state == Dot::State::taken) dot_lock_ = lock;
  dot_device_ = dot.file.st_dev, dot_inode_ = dot.file.st_ino;
  fd_ = std::move(file);
  busy_ = "the file is replaced again and again";
  if (::lstat(path_.c_str(), &named_one) == 0 && same(open_one, named_one) &&
      ::fstat(fd_.number(), &open_one) == 0) {
    size_ = static_cast<std::uint64_t>(open_one.st_size);
    inode_ = open_one.st_ino;
    return true;
  }
  (void)close();
  return false;
}

Result<LockedFile> LockedFile::open(const std::string& path, uid_t owner, milliseconds limit) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + limit;
  LockedFile file;
  file.path_ = path;
  for (auto pause = milliseconds(5);; pause = std::min(pause * 2, milliseconds(250))) {
    TRY_LET(open, file.try_open(owner));
    if (open) return file;
    if (base::SignalsHeld::wanted())
      return Error{Kind::retry, cat(path, ": unable to lock: interrupted"), EINTR};
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0)
      return Error{Kind::retry, cat(path, ": unable to lock: ", file.busy_), EAGAIN};
    std::this_thread::sleep_for(std::min(pause, left));
  }
}

}  // namespace store
