#include "sendmail/submit.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "lib/base/text.h"
#include "lib/rfc/status.h"

namespace submit {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto time_to_find =
    std::chrono::milliseconds(4500);  // below the five seconds that a caller is promised
constexpr auto time_to_store =
    std::chrono::minutes(5);  // the other side's fsync is never interrupted

// Wait for `events` until the deadline.
Result<> ready(int fd, short events, Clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Error{Kind::retry, cat(submit_socket, ": no answer in time")};
    pollfd poll{fd, events, 0};
    const int count = ::poll(&poll, 1, static_cast<int>(left));
    if (count > 0) return {};
    if (count < 0 && errno != EINTR) return base::system_error(submit_socket, "poll", errno);
  }
}

Result<> send_all(int fd, std::string_view text, Clock::time_point deadline) {
  while (!text.empty()) {
    TRY(ready(fd, POLLOUT, deadline));
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
      return base::system_error(Kind::retry, submit_socket, "send", errno);
    if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// One line without its end, cut at 1000 bytes; byte by byte, since nothing may be taken that
// belongs to the next reply.
Result<std::string> read_line(int fd, Clock::time_point deadline) {
  std::string line;
  for (char c = 0; c != '\n';) {
    TRY(ready(fd, POLLIN, deadline));
    const auto got = ::recv(fd, &c, 1, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0) return Error{Kind::retry, cat(submit_socket, ": closed by the other side")};
    if (c != '\n' && line.size() < 1000) line.push_back(c);
  }
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

Result<rfc::SmtpReply> read_reply(int fd, Clock::time_point deadline) {
  rfc::ReplyReader reader;
  for (;;) {
    TRY_LET(line, read_line(fd, deadline));
    const auto state = reader.feed(line);
    if (state == rfc::ReplyReader::State::complete) return reader.take();
    if (state == rfc::ReplyReader::State::garbage)
      return Error{Kind::retry, cat(submit_socket, ": not an SMTP server")};
  }
}

Result<> expect(int fd, int code, Clock::time_point deadline) {
  TRY_LET(reply, read_reply(fd, deadline));
  if (reply.code != code) return Error{Kind::retry, cat(submit_socket, ": ", reply.shown())};
  return {};
}

// Connected and greeted: from here on somebody is there who can store.
Result<Fd> open_socket() {
  const auto deadline = Clock::now() + time_to_find;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, submit_socket, sizeof address.sun_path - 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return base::system_error(Kind::retry, submit_socket, "socket", errno);
  // A full backlog answers EAGAIN at once; trying again would be a loop.
  if (::connect(fd.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return base::system_error(Kind::retry, submit_socket, "connect", errno);
  TRY(expect(fd.number(), 220, deadline));
  TRY(send_all(fd.number(), "EHLO localhost\r\n", deadline));
  TRY(expect(fd.number(), 250, deadline));
  return fd;
}

Error nowhere(const std::string& trouble, const Error& socket_trouble) {
  return Error{Kind::retry,
               cat("message not stored, try again: ", trouble, "; ", socket_trouble.text)};
}

}  // namespace

Result<Storage> Storage::create(const store::Spool* spool, std::string trouble, base::Time time) {
  if (spool != nullptr) {
    auto draft = store::Draft::create(*spool, time);
    if (draft) return Storage(std::move(draft).value(), std::nullopt);
    trouble = draft.error().text;
  }
  auto socket = open_socket();
  if (!socket) return nowhere(trouble, socket.error());
  TRY_LET(draft, store::Draft::create_in_memory(time));
  return Storage(std::move(draft), std::move(socket).value());
}

Result<> Storage::escape(Error trouble) {
  if (socket_ || trouble.kind == Kind::data || trouble.kind == Kind::software) return trouble;
  auto socket = open_socket();
  if (!socket) return nowhere(trouble.text, socket.error());
  socket_ = std::move(socket).value();
  auto moved = draft_.move_to_memory();
  return moved ? std::move(moved) : nowhere(trouble.text, moved.error());
}

Result<> Storage::begin(const store::Envelope& envelope, std::string_view top,
                        std::size_t late_room) {
  auto begun = draft_.begin(envelope, top, late_room);
  // What could not be written is still in the draft's buffer: after the move nothing need be said
  // again.
  return begun ? std::move(begun) : escape(std::move(begun).error());
}

Result<> Storage::append(std::string_view text) {
  // In pieces of one buffer, so that a failure leaves at most that in doubt: the draft keeps all of
  // it.
  constexpr std::size_t piece = 32 * 1024;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    auto appended = draft_.append(text.substr(at, piece));
    if (!appended) TRY(escape(std::move(appended).error()));
  }
  return {};
}

Result<std::string> Storage::commit(std::string_view late) {
  if (auto finished = draft_.finish(late); !finished) {
    TRY(escape(std::move(finished).error()));
    TRY(draft_.finish(late));
  }
  if (!socket_) {
    auto id = draft_.commit();
    if (id) return std::string(id.value().text());
    TRY(escape(std::move(id).error()));
  }
  return hand_over();
}

Result<std::string> Storage::hand_over() {
  const int fd = socket_->number();
  const auto deadline = Clock::now() + time_to_store;
  TRY(send_all(fd, cat("XENTRY ", draft_.size(), "\r\n"), deadline));
  TRY(expect(fd, 354, Clock::now() + time_to_find));
  char piece[65536];
  for (std::uint64_t at = 0; at < draft_.size();) {
    TRY_LET(got, base::read_at(draft_.descriptor(), piece, at, "memory"));
    if (got == 0) return Error{Kind::io, "memory: cut short"};
    TRY(send_all(fd, {piece, got}, deadline));
    at += got;
  }
  TRY_LET(reply, read_reply(fd, deadline));
  if (!reply.positive())
    return Error{reply.permanent() ? Kind::data : Kind::retry,
                 cat(submit_socket, ": ", reply.shown())};
  (void)send_all(fd, "QUIT\r\n", Clock::now() + std::chrono::seconds(1));
  return reply.text;
}

}  // namespace submit
