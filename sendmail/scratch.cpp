#include "sendmail/scratch.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace submit {

namespace {
// The caller's text is sound and our place for it is not: that is to be tried again, whatever the
// disk answered.
base::Result<> our_trouble(base::Result<> done) {
  if (done) return done;
  return base::Error{base::Kind::retry, std::move(done).error().text};
}
}  // namespace

base::Result<std::size_t> Scratch::read(std::span<char> piece, std::uint64_t at) {
  auto got = base::read_at(file_.number(), piece, at, "scratch file");
  if (!got) return base::Error{base::Kind::retry, std::move(got).error().text};
  if (got.value() == 0) return base::Error{base::Kind::retry, "scratch file: cut short"};
  return got;
}

// A spool that is full may still be left for another place to store: nothing read so far is lost.
base::Result<> Scratch::move_to_memory() {
  base::Fd memory(::memfd_create("header", MFD_CLOEXEC));
  if (!memory) return base::system_error("scratch file", "create", errno);
  std::string piece(32768, '\0');
  for (std::uint64_t at = 0; at < filed_;) {
    TRY_LET(got,
            read(std::span(piece).first(std::min<std::uint64_t>(piece.size(), filed_ - at)), at));
    TRY(our_trouble(base::write_all_at(memory.number(), std::string_view(piece).substr(0, got), at,
                                       "scratch file")));
    at += got;
  }
  file_ = std::move(memory);
  return {};
}

base::Result<> Scratch::settle() {
  constexpr std::size_t large = 64 * 1024;
  if (buffer_.size() < large) return {};
  if (!file_ && folder_ >= 0)
    file_ = base::Fd(::openat(folder_, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file_) TRY(move_to_memory());  // no such files here
  if (!base::write_all_at(file_.number(), buffer_, filed_, "scratch file")) {
    TRY(move_to_memory());
    TRY(our_trouble(base::write_all_at(file_.number(), buffer_, filed_, "scratch file")));
  }
  filed_ += buffer_.size();
  buffer_.clear();
  return {};
}

}  // namespace submit
