// scratch.h - files without a name: letters while they are written. Small ones live in memory,
// large ones in $TMPDIR. Nobody else can open them, and nothing is left of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace reader {

/// A file on disk that has no name (in memory where `folder` takes none). Errors: retry, io.
base::Result<base::Fd> unnamed_file(const std::string& folder);

/// A copy of the first `size` bytes of a file, in memory and open at its end. Errors: retry, io.
base::Result<base::Fd> copy_in_memory(int descriptor, std::uint64_t size);

class Scratch {
 public:
  /// folder: where it goes when it gets large.
  explicit Scratch(std::string folder) : folder_(std::move(folder)) {}

  /// Where the folder has no room, memory has to do. Errors: retry (no room there either), io.
  base::Result<> append(std::string_view text);
  /// All of another file from `offset` on. Errors: retry, io.
  base::Result<> append_file(int descriptor, std::uint64_t offset = 0);
  std::uint64_t size() const { return size_; }
  /// The file, to be read from its start. Errors: retry, io.
  base::Result<base::Fd> finish() &&;

 private:
  enum class Where { nowhere, memory, folder, last_resort };

  base::Result<> make_room(std::size_t more);
  base::Result<> move_to(base::Fd other);
  base::Result<> put(std::string_view text);

  std::string folder_;
  base::Fd file_;
  Where where_ = Where::nowhere;  // last_resort: memory, because the folder is full
  std::uint64_t size_ = 0;
};

/// Calls take(piece) for all of a file from `offset` on, whatever its own position is.
/// take returns Result<>. Errors: io, and those of take.
template <typename Take>
base::Result<> read_pieces(int descriptor, std::uint64_t offset, Take take) {
  char buffer[65536];
  for (;;) {
    TRY_LET(got, base::read_at(descriptor, buffer, offset, "letter"));
    if (got == 0) return {};
    TRY(take(std::string_view(buffer, got)));
    offset += got;
  }
}

}  // namespace reader
