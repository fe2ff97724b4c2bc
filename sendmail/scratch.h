// scratch.h - text that must wait before it can be written where it belongs: in memory while it is
// small, then in a file without a name, so that a header of any size costs no memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace submit {

class Scratch {
 public:
  /// folder: where the file would lie; -1: in memory. The file has no name and goes with the
  /// process.
  explicit Scratch(int folder) : folder_(folder) {}
  /// Text to be appended; taken over by settle().
  std::string& buffer() { return buffer_; }
  /// Move the buffer to the file when it has grown large. Errors: retry.
  base::Result<> settle();

  /// Give everything, piece by piece, to `take(std::string_view) -> Result<>`. Errors: its, and
  /// retry.
  template <typename Take>
  base::Result<> drain(Take take) {
    std::string piece(filed_ > 0 ? 32768 : 0, '\0');
    for (std::uint64_t at = 0; at < filed_;) {
      TRY_LET(got, read(piece, at));
      TRY(take(std::string_view(piece).substr(0, got)));
      at += got;
    }
    return take(buffer_);
  }

 private:
  base::Result<std::size_t> read(std::span<char> piece, std::uint64_t at);
  base::Result<> move_to_memory();

  int folder_;
  std::string buffer_;
  base::Fd file_;
  std::uint64_t filed_ = 0;
};

}  // namespace submit
