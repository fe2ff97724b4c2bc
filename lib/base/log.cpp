#include "lib/base/log.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>

#include "lib/base/fd.h"
#include "lib/base/text.h"

namespace base {

namespace {

bool on_stderr = false;
// A log daemon that does not read was waited for: for a while it is not waited for again.
std::chrono::steady_clock::time_point silent_until;

int priority(Level level) {
  return LOG_MAIL | (level == Level::info      ? LOG_INFO
                     : level == Level::warning ? LOG_WARNING
                                               : LOG_ERR);
}

// The time as RFC 3164 section 4.1.2 writes it, which is what /dev/log expects.
std::string stamp() {
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t moment = ::time(nullptr);
  tm parts{};
  ::localtime_r(&moment, &parts);
  const auto two = [](int number, const char* filler) {
    return cat(number < 10 ? filler : "", number);
  };
  return cat(months[parts.tm_mon], " ", two(parts.tm_mday, " "), " ", two(parts.tm_hour, "0"), ":",
             two(parts.tm_min, "0"), ":", two(parts.tm_sec, "0"));
}

Fd connected(int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, "/dev/log");
  Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd &&
      ::connect(fd.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return fd;
  return {};
}

// The connection is kept from line to line. Where there is no daemon it is not looked for again
// at once: a run that logs thousands of lines is not to ask for each.
struct Connection {
  Fd fd;
  bool stream = false;
  std::chrono::steady_clock::time_point retry;
};

Connection& connection() {
  static Connection kept;
  return kept;
}

void connect_if_needed(Connection& kept) {
  const auto now = std::chrono::steady_clock::now();
  if (kept.fd || now < kept.retry) return;
  kept.fd = connected(SOCK_DGRAM);
  kept.stream = !kept.fd && errno == EPROTOTYPE;
  if (kept.stream) kept.fd = connected(SOCK_STREAM);
  if (!kept.fd) kept.retry = now + std::chrono::seconds(1);
}

// Whether it left, or never will. libc's syslog() waits without limit where the daemon has stopped
// reading: mail is not to wait for that. Here it is a second, and then not for a while.
bool sent(const Connection& kept, const std::string& line) {
  const std::size_t size = line.size() + (kept.stream ? 1 : 0);  // a stream's records end in NUL
  const auto once = [&] { return ::send(kept.fd.number(), line.c_str(), size, MSG_NOSIGNAL) >= 0; };
  if (once()) return true;
  if (errno != EAGAIN) return false;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < deadline) {
    pollfd poll{kept.fd.number(), POLLOUT, 0};
    (void)::poll(&poll, 1, 100);
    if (once()) return true;
    if (errno != EAGAIN) return false;
  }
  silent_until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  return true;
}

void send_line(const std::string& line) {
  auto& kept = connection();
  const auto now = std::chrono::steady_clock::now();
  // A daemon that was started anew is found at the second try.
  for (int attempt = 0; attempt < 2 && now >= silent_until; ++attempt) {
    connect_if_needed(kept);
    if (!kept.fd || sent(kept, line)) return;
    kept.fd.reset();
  }
}

}  // namespace

void log_to_stderr(bool on) { on_stderr = on; }

void log_disconnect() { connection().fd.reset(); }

void log(std::string_view part, Level level, std::string_view line) {
  const std::string text = printable(line, 2000);
  send_line(
      cat("<", priority(level), ">", stamp(), " postbag/", part, "[", ::getpid(), "]: ", text));
  if (on_stderr)
    (void)write_all(STDERR_FILENO, cat("postbag/", part, ": ", text, "\n"), "standard error");
}

}  // namespace base
