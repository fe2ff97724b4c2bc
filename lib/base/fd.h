// fd.h - an owned file descriptor.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/result.h"

namespace base {

/// Owner of a descriptor. Whoever writes calls close() and checks it; the destructor is for files
/// being thrown away.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  void reset();
  /// Close and say what went wrong; `what` names the file. Errors: io, retry.
  Result<> close(std::string_view what);

 private:
  int number_ = -1;
};

/// Write everything, through interrupts and short writes, waiting where the descriptor would not.
/// Errors: io, retry (disk full).
Result<> write_all(int fd, std::string_view data, std::string_view what);
/// Write everything at `offset`. Errors: io, retry.
Result<> write_all_at(int fd, std::string_view data, std::uint64_t offset, std::string_view what);
/// Read until `buffer` is full or the file ends; the number of bytes read. Errors: io.
Result<std::size_t> read_at(int fd, std::span<char> buffer, std::uint64_t offset,
                            std::string_view what);
/// One read through interrupts; 0 at the end. It waits for data on a non-blocking descriptor too.
/// Errors: io.
Result<std::size_t> read_some(int fd, std::span<char> buffer, std::string_view what);
/// fsync. Errors: io, retry.
Result<> sync(int fd, std::string_view what);
/// fdatasync. Errors: io, retry.
Result<> sync_data(int fd, std::string_view what);
/// syncfs: everything on the file system of `fd`, for what lies in a folder that may be written but
/// not read (1733). Errors: io, retry.
Result<> sync_all(int fd, std::string_view what);

}  // namespace base
