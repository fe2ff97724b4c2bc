// mbox_file.h - an mbox that is open for reading: its index, and its bytes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "mail/mbox_scan.h"

namespace reader {

/// What was read of an mbox, and the file. No lock is held. A delivery holds the kernel's lock
/// while it appends: the length is taken when nobody does, so that a message is seen whole or not
/// at all. One that does not end within a second is not waited for.
class MboxFile {
 public:
  /// Open and read. path: as it was typed; real: the same without links, from the root on, by which
  /// it is looked at again. Errors: no_input, no_permission, retry, io.
  static base::Result<MboxFile> open(const std::string& path, const std::string& real);

  const MboxIndex& index() const { return index_; }
  std::size_t count() const { return index_.size(); }
  std::uint64_t start(std::size_t i) const { return index_.starts[i]; }
  /// Where the next message begins, or the file ended.
  std::uint64_t end(std::size_t i) const {
    return i + 1 < count() ? index_.starts[i + 1] : length_;
  }
  /// Of the file, as far as it was read.
  std::uint64_t length() const { return length_; }
  dev_t device() const { return device_; }
  ino_t inode() const { return inode_; }

  /// Bytes of a message, from and to counted from its From_ line. Errors: retry (the message is not
  /// there any more), io.
  base::Result<std::string> bytes(std::size_t i, std::uint64_t from, std::uint64_t to);
  /// Of its start as much as the header may be, at most 1 MiB.
  base::Result<std::string> head(std::size_t i);
  /// LFs in it, and a last line without one. Errors: io.
  base::Result<std::uint64_t> lines(std::size_t i);
  /// Read what came since; the number of messages. Errors: retry (what was read has changed), io.
  base::Result<std::size_t> update();

 private:
  base::Result<std::string_view> window(std::uint64_t from, std::uint64_t size);
  base::Result<> check(std::size_t i);

  std::string path_;
  base::Fd file_;
  MboxIndex index_;
  std::uint64_t length_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::string window_;  // bytes read last, and where they lie
  std::uint64_t window_at_ = 0;
};

/// The index of a file from `origin` on, as far as `length`. Errors: io.
base::Result<MboxIndex> index_mbox(int descriptor, std::uint64_t origin, std::uint64_t length,
                                   std::string_view what);
/// Puts what came behind an index into it, given the index of the file from its last message on.
/// Whether that begins with the same message. \pre index is not empty
bool extend(MboxIndex& index, const MboxIndex& from_last);
/// "PATH: changed by another program": nothing was written.
base::Error changed_by_others(const std::string& path);

}  // namespace reader
