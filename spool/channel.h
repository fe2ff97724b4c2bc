// channel.h - values and descriptors between the flush and its session workers: frames on a socket
// pair.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace spool {

/// Writes values one behind the other.
class Packer {
 public:
  Packer& number(std::uint64_t value);
  Packer& text(std::string_view value);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads them back. After a value that is not there `ok()` is false and values are empty.
class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t number();
  std::string text();
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

struct Frame {
  std::string bytes;
  base::Fd descriptor;  ///< one that came along, or none
};

/// Send a frame, with a descriptor if it is not negative. Errors: io.
base::Result<> send_frame(int socket, std::string_view bytes, int descriptor = -1);
/// The next frame; nullopt when the other side has closed. Errors: retry (deadline, or `stop` says
/// so while nothing comes; it is asked at least once a second), io.
base::Result<std::optional<Frame>> receive_frame(int socket,
                                                 std::chrono::steady_clock::time_point deadline,
                                                 bool (*stop)() = nullptr);

}  // namespace spool
