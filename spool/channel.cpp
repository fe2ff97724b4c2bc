#include "spool/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "lib/base/text.h"

namespace spool {

using base::Error;
using base::Kind;
using base::Result;

namespace {
constexpr std::uint64_t longest_frame = 256u << 20;
}

Packer& Packer::number(std::uint64_t value) {
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  return *this;
}

Packer& Packer::text(std::string_view value) {
  number(value.size());
  bytes_.append(value);
  return *this;
}

std::uint64_t Unpacker::number() {
  std::uint64_t value = 0;
  if (rest_.size() < sizeof value) {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::memcpy(&value, rest_.data(), sizeof value);
  rest_.remove_prefix(sizeof value);
  return value;
}

std::string Unpacker::text() {
  const auto size = number();
  if (size > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  std::string value(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return value;
}

namespace {

// The frame's length and what of the frame there is room for, the descriptor with it; how many
// bytes left.
Result<std::size_t> send_first(int socket, std::string_view bytes, int descriptor) {
  std::uint64_t length = bytes.size();
  iovec parts[] = {{&length, sizeof length}, {const_cast<char*>(bytes.data()), bytes.size()}};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  for (;;) {
    const auto sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno != EINTR) return base::system_error(Kind::io, "session worker", "send", errno);
  }
}

Result<> wait(int socket, std::chrono::steady_clock::time_point deadline, bool (*stop)()) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          deadline - std::chrono::steady_clock::now())
                          .count();
    if (left <= 0) return Error{Kind::retry, "session worker: timed out"};
    pollfd poll{socket, POLLIN, 0};
    if (stop != nullptr && stop()) return Error{Kind::retry, "stopped"};
    const int count = ::poll(&poll, 1, static_cast<int>(std::min<long>(left, 1000)));
    if (count > 0) return {};
    if (count < 0 && errno != EINTR)
      return base::system_error(Kind::io, "session worker", "poll", errno);
  }
}

// One recvmsg; 0 at the end of input, -1 and errno as recvmsg. A descriptor that comes along is put
// into `descriptor`.
ssize_t receive_some(int socket, char* buffer, std::size_t size, base::Fd& descriptor) {
  iovec part{buffer, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const auto got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  const cmsghdr* header = got > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof number);
    descriptor = base::Fd(number);
  }
  return got;
}

// Fill the buffer; false at the end of input.
Result<bool> receive_all(int socket, char* buffer, std::size_t size, base::Fd& descriptor,
                         std::chrono::steady_clock::time_point deadline, bool (*stop)()) {
  while (size > 0) {
    const auto got = receive_some(socket, buffer, size, descriptor);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      TRY(wait(socket, deadline, stop));
      continue;
    }
    // Who ends with something unread resets the channel. That is told once; what it said before,
    // and its end, can be read all the same.
    if (got < 0 && errno == ECONNRESET) continue;
    if (got == 0) return false;
    if (got < 0) return base::system_error(Kind::io, "session worker", "receive", errno);
    buffer += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

Result<> send_frame(int socket, std::string_view bytes, int descriptor) {
  TRY_LET(begun, send_first(socket, bytes, descriptor));
  // Eight bytes into an empty buffer go as a whole or not at all.
  if (begun < sizeof(std::uint64_t))
    return base::system_error(Kind::io, "session worker", "send", EIO);
  bytes.remove_prefix(begun - sizeof(std::uint64_t));
  while (!bytes.empty()) {
    const auto sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return base::system_error(Kind::io, "session worker", "send", errno);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<std::optional<Frame>> receive_frame(int socket,
                                           std::chrono::steady_clock::time_point deadline,
                                           bool (*stop)()) {
  Frame frame;
  std::uint64_t length = 0;
  TRY_LET(begun, receive_all(socket, reinterpret_cast<char*>(&length), sizeof length,
                             frame.descriptor, deadline, stop));
  if (!begun) return std::optional<Frame>();
  if (length > longest_frame) return Error{Kind::software, "session worker: a frame too long"};
  frame.bytes.resize(length);
  TRY_LET(whole, receive_all(socket, frame.bytes.data(), length, frame.descriptor, deadline, stop));
  if (!whole) return std::optional<Frame>();
  return std::optional<Frame>(std::move(frame));
}

}  // namespace spool
