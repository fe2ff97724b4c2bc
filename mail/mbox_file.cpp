#include "mail/mbox_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "mail/mbox_status.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::size_t window_size = 256 << 10;

// The kernel's lock for a moment: nobody writes then. Where it cannot be had it is done without.
void wait_for_writers(int file) {
  using namespace std::chrono;
  struct flock shared {};
  shared.l_type = F_RDLCK;
  shared.l_whence = SEEK_SET;
  const auto deadline = steady_clock::now() + seconds(1);
  while (::fcntl(file, F_OFD_SETLK, &shared) != 0) {
    const bool busy = errno == EAGAIN || errno == EACCES;
    if ((!busy && errno != EINTR) || steady_clock::now() > deadline) return;
    std::this_thread::sleep_for(milliseconds(10));
  }
}

void unlock(int file) {
  struct flock none {};
  none.l_type = F_UNLCK;
  none.l_whence = SEEK_SET;
  ::fcntl(file, F_OFD_SETLK, &none);
}

Result<struct stat> settled(int file, const std::string& path) {
  wait_for_writers(file);
  struct stat status;
  const int result = ::fstat(file, &status);
  const int number = errno;
  unlock(file);
  if (result != 0) return base::system_error(path, "stat", number);
  return status;
}

Error why_not_open(const std::string& path, int number) {
  const bool there = number != ENOENT && number != ENOTDIR;
  const auto kind = !there ? Kind::no_input : number == EACCES ? Kind::no_permission : Kind::io;
  return {kind, cat(path, ": ", ::strerror(number)), number};
}

}  // namespace

Error changed_by_others(const std::string& path) {
  return {Kind::retry, cat(path, ": changed by another program")};
}

Result<MboxIndex> index_mbox(int descriptor, std::uint64_t origin, std::uint64_t length,
                             std::string_view what) {
  MboxIndexer indexer(origin);
  for (std::uint64_t at = origin; at < length;) {
    auto room = indexer.room();
    room = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), length - at)));
    TRY_LET(got, base::read_at(descriptor, room, at, what));
    if (got == 0) break;
    indexer.filled(got);
    at += got;
  }
  return indexer.finish();
}

bool extend(MboxIndex& index, const MboxIndex& from_last) {
  if (from_last.size() == 0 || from_last.starts[0] != index.starts.back() ||
      from_last.prints[0] != index.prints.back())
    return false;
  const auto add = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin() + 1, from.end());
  };
  add(index.starts, from_last.starts);
  add(index.prints, from_last.prints);
  add(index.flags, from_last.flags);
  return true;
}

Result<MboxFile> MboxFile::open(const std::string& path, const std::string& real) {
  MboxFile box;
  box.path_ = real;
  auto file = base::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path);
  if (!file) return why_not_open(path, file.error().system_error);
  box.file_ = std::move(file).value();
  TRY_LET(status, settled(box.file_.number(), path));
  if (S_ISDIR(status.st_mode)) return why_not_open(path, EISDIR);
  box.device_ = status.st_dev;
  box.inode_ = status.st_ino;
  if (!S_ISREG(status.st_mode)) return box;  // /dev/null has no mail
  const auto length = static_cast<std::uint64_t>(status.st_size);
  TRY_LET(index, index_mbox(box.file_.number(), 0, length, path));
  box.index_ = std::move(index);
  box.length_ = length;
  return box;
}

Result<std::string_view> MboxFile::window(std::uint64_t from, std::uint64_t size) {
  const auto ends = window_at_ + window_.size();
  if (from < window_at_ || from + size > ends) {
    const auto wanted = std::min(length_ - from, std::max<std::uint64_t>(size, window_size));
    window_.resize(static_cast<std::size_t>(wanted));
    window_at_ = from;
    const auto got = base::read_at(file_.number(), window_, from, path_);
    window_.resize(got ? got.value() : 0);
    if (!got) return got.error();
    if (window_.size() < size) return changed_by_others(path_);
  }
  return std::string_view(window_).substr(static_cast<std::size_t>(from - window_at_),
                                          static_cast<std::size_t>(size));
}

// What another program put in a message's place is not shown as that message.
Result<> MboxFile::check(std::size_t i) {
  const auto size = std::min<std::uint64_t>(end(i) - start(i), 4097);
  TRY_LET(text, window(start(i), size));
  if (fingerprint(text.substr(0, text.find('\n'))) != index_.prints[i])
    return changed_by_others(path_);
  return {};
}

Result<std::string> MboxFile::bytes(std::size_t i, std::uint64_t from, std::uint64_t to) {
  TRY(check(i));
  const auto size = end(i) - start(i);
  to = std::min(to, size);
  from = std::min(from, to);
  if (to - from <= window_size) {
    TRY_LET(text, window(start(i) + from, to - from));
    return std::string(text);
  }
  std::string text(static_cast<std::size_t>(to - from), '\0');
  TRY_LET(got, base::read_at(file_.number(), text, start(i) + from, path_));
  if (got < text.size()) return changed_by_others(path_);
  return text;
}

Result<std::string> MboxFile::head(std::size_t i) {
  const auto size = end(i) - start(i);
  for (std::uint64_t limit = 4096;; limit *= 16) {
    TRY_LET(text, bytes(i, 0, std::min<std::uint64_t>(limit, longest_header)));
    const auto head = find_head(text, text.size() == size);
    if (head.known || limit >= longest_header || text.size() == size) return text;
  }
}

Result<std::uint64_t> MboxFile::lines(std::size_t i) {
  std::uint64_t count = 0;
  bool ended = true;
  for (std::uint64_t at = start(i); at < end(i);) {
    const auto size = std::min<std::uint64_t>(end(i) - at, window_size);
    TRY_LET(text, window(at, size));
    at += text.size();
    ended = text.ends_with('\n');
    for (std::size_t found = text.find('\n'); found != std::string_view::npos;
         found = text.find('\n', found + 1))
      ++count;
  }
  return count + (ended ? 0 : 1);
}

Result<std::size_t> MboxFile::update() {
  struct stat named;
  if (::stat(path_.c_str(), &named) != 0 || named.st_dev != device_ || named.st_ino != inode_)
    return changed_by_others(path_);
  if (static_cast<std::uint64_t>(named.st_size) == length_) return count();
  TRY_LET(status, settled(file_.number(), path_));
  const auto length = static_cast<std::uint64_t>(status.st_size);
  if (length < length_) return changed_by_others(path_);
  const bool some = count() > 0;
  TRY_LET(index, index_mbox(file_.number(), some ? start(count() - 1) : 0, length, path_));
  if (!some) index_ = std::move(index);
  else if (!extend(index_, index)) return changed_by_others(path_);
  length_ = length;
  window_.clear();
  return count();
}

}  // namespace reader
