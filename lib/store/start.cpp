#include "lib/store/start.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "lib/base/file.h"
#include "lib/base/process.h"
#include "lib/base/text.h"

namespace store {

using base::cat;
using base::Fd;

namespace {

constexpr const char* flush_program = "/usr/libexec/postbag/postbag-flush";

bool tell(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd ||
      ::connect(fd.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return false;
  // A full socket has a flush on its way already.
  return ::send(fd.number(), "flush", 5, MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
}

// systemd kills what a finished service forked, so where its socket listens it does the starting.
bool told_service_manager(const Place& place, const base::Identity& who) {
  if (place.named) return false;  // the unit would use another configuration
  return tell(place.system ? "/run/postbag/flush" : cat("/run/user/", who.uid, "/postbag/flush"));
}

// The lock that a flush holds for its whole run; empty when one is running.
Fd take_lock(const Spool& spool) {
  Fd fd(::openat(spool.run(), "flush.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return {};
  const auto locked = base::lock(fd.number(), false, "flush.lock");
  return locked && locked.value() ? std::move(fd) : Fd();
}

struct Start {
  std::string program;
  std::vector<std::string> arguments, environment;
};

std::optional<Start> prepared(const Spool& spool, const Place& place, const base::Identity& who,
                              int lock, const char* mail) {
  const auto program = base::sibling("postbag-flush", flush_program);
  if (!program) return std::nullopt;
  Start start{*program,
              {"postbag-flush", cat("--lock=", lock, ":", spool.path())},
              base::clean_environment(who.user ? who.user->home : "/", who.login())};
  if (mail != nullptr && who.trusted_environment) start.environment.push_back(cat("MAIL=", mail));
  if (place.named) {
    // The flush runs in /, so a relative name is made absolute here.
    std::string path = *place.config;
    if (char* folder = path.starts_with('/') ? nullptr : ::getcwd(nullptr, 0)) {
      path = cat(folder, "/", path);
      ::free(folder);
    }
    start.arguments.push_back(cat("--config=", path));
  }
  return start;
}

[[noreturn]] void become_flush(const Start& start, int lock, bool detached) {
  ::fcntl(lock, F_SETFD, 0);
  if (detached) {
    ::setsid();
    if (::chdir("/") != 0) ::_exit(75);
    const int null = ::open("/dev/null", O_RDWR);
    // Without it (a bare chroot) they are closed: the caller's must not stay.
    for (int fd = 0; fd <= 2; ++fd) (void)(null >= 0 ? ::dup2(null, fd) : ::close(fd));
    // Callers wait for the end of every pipe they opened, not of three only.
    if (lock > 3) ::close_range(3, static_cast<unsigned>(lock - 1), 0);
    ::close_range(static_cast<unsigned>(lock + 1), ~0U, 0);
  }
  (void)base::exec(start.program, start.arguments, start.environment);
  ::_exit(75);
}

}  // namespace

void start_flush(const Spool& spool, const Place& place, const base::Identity& who,
                 const char* mail) {
  if (told_service_manager(place, who)) return;
  Fd lock = take_lock(spool);
  if (!lock) return;
  const auto start = prepared(spool, place, who, lock.number(), mail);
  if (!start) return;
  const pid_t child = ::fork();
  if (child == 0) {
    // A grandchild belongs to init: no caller ever sees a zombie or waits for it.
    const pid_t grandchild = ::fork();
    if (grandchild != 0) ::_exit(0);
    become_flush(*start, lock.number(), true);
  }
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
}

void run_flush(const Spool& spool, const Place& place, const base::Identity& who,
               const char* mail) {
  Fd lock = take_lock(spool);
  if (!lock) return;
  auto start = prepared(spool, place, who, lock.number(), mail);
  if (!start) return;
  start->arguments.push_back("-v");
  const pid_t child = ::fork();
  if (child == 0) become_flush(*start, lock.number(), false);
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {}
}

}  // namespace store
