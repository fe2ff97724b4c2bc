#include "mail/scratch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace reader {

using base::cat;
using base::Fd;
using base::Result;

namespace {
constexpr std::uint64_t largest_in_memory = 1 << 20;

// Without a name from the start where the file system can do that.
Fd file_in(const std::string& folder) {
  Fd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600));
  if (file) return file;
  std::string name = cat(folder, "/mail.XXXXXX");
  Fd named(::mkostemp(name.data(), O_CLOEXEC));
  if (named) ::unlink(name.c_str());
  return named;
}

Fd file_in_memory() { return Fd(::memfd_create("letter", MFD_CLOEXEC)); }

// Its first `size` bytes go to an empty file, which is left open at its end: a write that failed
// may have left a part of itself behind them.
Result<> copy_to(const Fd& to, int from, std::uint64_t size, const std::string& name) {
  TRY(read_pieces(
      from, 0, [&](std::string_view piece) { return base::write_all(to.number(), piece, name); }));
  if (::ftruncate(to.number(), static_cast<off_t>(size)) != 0 ||
      ::lseek(to.number(), 0, SEEK_END) < 0)
    return base::system_error(base::Kind::io, "temporary file", "seek", errno);
  return {};
}
}  // namespace

Result<Fd> unnamed_file(const std::string& folder) {
  Fd file = file_in(folder);
  if (file) return file;
  const int error = errno;
  Fd memory = file_in_memory();
  if (!memory) return base::system_error(folder, "make a temporary file", error);
  return memory;
}

Result<Fd> copy_in_memory(int descriptor, std::uint64_t size) {
  Fd memory = file_in_memory();
  if (!memory) return base::system_error("letter", "make a file in memory", errno);
  TRY(copy_to(memory, descriptor, size, "letter"));
  return memory;
}

// What is there moves; where that fails, it stays where it was.
Result<> Scratch::move_to(Fd other) {
  if (file_) TRY(copy_to(other, file_.number(), size_, folder_));
  file_ = std::move(other);
  return {};
}

Result<> Scratch::make_room(std::size_t more) {
  const bool small = size_ + more <= largest_in_memory;
  if (file_ && (small || where_ != Where::memory)) return {};
  if (!file_ && small) file_ = file_in_memory();
  where_ = small && file_ ? Where::memory : Where::folder;
  if (where_ == Where::memory) return {};
  TRY_LET(larger, unnamed_file(folder_));
  return move_to(std::move(larger));
}

Result<> Scratch::put(std::string_view text) {
  TRY(make_room(text.size()));
  return base::write_all(file_.number(), text, "temporary file");
}

// A full disk is no reason to lose what somebody wrote.
Result<> Scratch::append(std::string_view text) {
  auto written = put(text);
  if (!written && where_ == Where::folder) {
    Fd memory = file_in_memory();
    if (!memory) return written;
    TRY(move_to(std::move(memory)));
    where_ = Where::last_resort;
    written = base::write_all(file_.number(), text, "temporary file");
  }
  TRY(std::move(written));
  size_ += text.size();
  return {};
}

Result<> Scratch::append_file(int descriptor, std::uint64_t offset) {
  return read_pieces(descriptor, offset, [this](std::string_view piece) { return append(piece); });
}

Result<Fd> Scratch::finish() && {
  TRY(make_room(0));
  if (::lseek(file_.number(), 0, SEEK_SET) != 0)
    return base::system_error(base::Kind::io, "temporary file", "seek", errno);
  return std::move(file_);
}

}  // namespace reader
