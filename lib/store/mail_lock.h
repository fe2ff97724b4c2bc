// mail_lock.h - a file of mail, opened safely and locked as all mail programs lock it: the kernel's
// lock over the whole file (an open file description lock, which conflicts with everybody's
// fcntl() locks and goes with its descriptor), and FILE.lock where the folder lets us make it.
//
// Debian's programs take the two in either order. Neither is waited for while the other is held,
// so nobody waits for us who has what we want. FILE.lock is made with O_EXCL and empty, as mutt's:
// a process id would mean something else in another container. One that is older than 500 seconds
// by the file system's own clock is stale, as for Postfix, and removed while the kernel's lock is
// held. So is one that we left behind when we were killed, at once: ours tells itself by a mode
// that no other program gives, 0500, and our programs make it after they got the kernel's lock and
// remove it before they give that back, so who has that lock finds no living one. That holds where
// all see the kernel's lock: not on network and user-space file systems, where ours gets as old as
// any other. A stale one that
// stays, because the folder's rights do not let us remove it or because it is a folder or a link,
// is passed over: the kernel's lock is the lock then, as where FILE.lock cannot be made.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace store {

/// A regular file that belongs to the user, has this one name, and is nobody else's until the end.
class LockedFile {
 public:
  /// Open for reading and writing, made (mode 0600, its name durable) if it is not there, locked
  /// within `limit`. Errors: no_permission (a link, a second name, a special file, a folder, a
  /// foreign owner: `path: why`), retry (locked by others all the time; permission; full; asked to
  /// end while signals are held), io.
  static base::Result<LockedFile> open(const std::string& path, uid_t owner,
                                       std::chrono::milliseconds limit);
  LockedFile(LockedFile&& other) noexcept;
  LockedFile& operator=(LockedFile&&) = delete;
  ~LockedFile();

  int number() const { return fd_.number(); }
  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }  ///< when it was locked
  std::uint64_t inode() const { return inode_; }
  /// Give the locks back and say whether the file could be closed. Errors: io, retry.
  base::Result<> close();

 private:
  LockedFile() = default;
  base::Result<bool> try_open(uid_t owner);

  void remove_dot_lock();

  std::string path_, dot_lock_;  // dot_lock_: its path while it is ours, or empty
  dev_t dot_device_ = 0;
  ino_t dot_inode_ = 0;
  std::string busy_;  // why the last attempt has to be made again
  base::Fd fd_;
  std::uint64_t size_ = 0, inode_ = 0;
};

}  // namespace store
