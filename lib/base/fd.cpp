#include "lib/base/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace base {

void Fd::reset() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

Result<> Fd::close(std::string_view what) {
  // Linux frees the descriptor whatever close answers, EINTR included: never a second close.
  if (::close(std::exchange(number_, -1)) != 0 && errno != EINTR)
    return system_error(what, "close", errno);
  return {};
}

namespace {
// Whether a call that failed is worth another try. O_NONBLOCK belongs to the open file, so a caller
// that sets it for its own end of a terminal or socket has set it for ours.
bool again(int fd, short events) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  pollfd poll{fd, events, 0};
  return ::poll(&poll, 1, -1) >= 0 || errno == EINTR;
}
}  // namespace

Result<> write_all(int fd, std::string_view data, std::string_view what) {
  while (!data.empty()) {
    const auto written = ::write(fd, data.data(), data.size());
    if (written < 0 && again(fd, POLLOUT)) continue;
    if (written <= 0) return system_error(what, "write", written < 0 ? errno : ENOSPC);
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<> write_all_at(int fd, std::string_view data, std::uint64_t offset, std::string_view what) {
  while (!data.empty()) {
    const auto written = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_error(what, "write", written < 0 ? errno : ENOSPC);
    data.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return {};
}

Result<std::size_t> read_at(int fd, std::span<char> buffer, std::uint64_t offset,
                            std::string_view what) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const auto got = ::pread(fd, buffer.data() + filled, buffer.size() - filled,
                             static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(Kind::io, what, "read", errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

Result<std::size_t> read_some(int fd, std::span<char> buffer, std::string_view what) {
  for (;;) {
    const auto got = ::read(fd, buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (!again(fd, POLLIN)) return system_error(Kind::io, what, "read", errno);
  }
}

namespace {
Result<> synced(int (*call)(int), int fd, std::string_view what) {
  while (call(fd) != 0)
    if (errno != EINTR) return system_error(what, "sync", errno);
  return {};
}
}  // namespace

Result<> sync(int fd, std::string_view what) { return synced(::fsync, fd, what); }
Result<> sync_data(int fd, std::string_view what) { return synced(::fdatasync, fd, what); }
Result<> sync_all(int fd, std::string_view what) { return synced(::syncfs, fd, what); }

}  // namespace base
