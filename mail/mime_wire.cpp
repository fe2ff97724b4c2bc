#include "mail/mime_wire.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace reader {

namespace {
constexpr std::string_view channel_name = "channel of the MIME helper";

union Control {
  char bytes[CMSG_SPACE(packet_descriptors * sizeof(int))];
  cmsghdr alignment;
};

void take_descriptors(msghdr& message, std::vector<base::Fd>& out) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(part) + i * sizeof number, sizeof number);
      out.emplace_back(number);
    }
  }
}
}  // namespace

WireWriter& WireWriter::number(std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out_.push_back(static_cast<char>(value >> shift));
  return *this;
}

WireWriter& WireWriter::text(std::string_view value) {
  number(value.size());
  out_.append(value);
  return *this;
}

std::optional<std::uint64_t> WireReader::number() {
  if (rest_.size() < 8) {
    rest_ = {};
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | static_cast<unsigned char>(rest_[i]);
  rest_.remove_prefix(8);
  return value;
}

std::optional<std::string_view> WireReader::text() {
  const auto length = number();
  if (!length || *length > rest_.size()) {
    rest_ = {};
    return std::nullopt;
  }
  const auto value = rest_.substr(0, *length);
  rest_.remove_prefix(*length);
  return value;
}

base::Result<> send_packet(int channel, std::string_view values,
                           const std::vector<int>& descriptors) {
  iovec piece{const_cast<char*>(values.data()), values.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const std::size_t bytes = descriptors.size() * sizeof(int);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(part), descriptors.data(), bytes);
  }
  ssize_t sent = 0;
  do sent = ::sendmsg(channel, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return base::system_error(base::Kind::io, channel_name, "send", errno);
  return {};
}

base::Result<std::optional<Packet>> receive_packet(int channel) {
  Packet packet;
  packet.values.resize(packet_limit);
  iovec piece{packet.values.data(), packet.values.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t received = 0;
  do received = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  if (received < 0 && errno != ECONNRESET)
    return base::system_error(base::Kind::io, channel_name, "receive", errno);
  if (received <= 0) return std::optional<Packet>();
  take_descriptors(message, packet.descriptors);
  packet.values.resize(static_cast<std::size_t>(received));
  return std::optional<Packet>(std::move(packet));
}

void append_entity(const Entity& entity, WireWriter& out) {
  out.text(entity.type).text(entity.charset).text(entity.encoding).text(entity.name);
  out.number(entity.attachment).number(entity.encoded);
}

std::optional<Entity> read_entity(WireReader& in) {
  const auto type = in.text(), charset = in.text(), encoding = in.text(), name = in.text();
  const auto attachment = in.number(), encoded = in.number();
  if (!encoded) return std::nullopt;
  return Entity{std::string(*type), std::string(*charset), std::string(*encoding),
                std::string(*name), *attachment != 0,      *encoded != 0};
}

}  // namespace reader
