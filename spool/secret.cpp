#include "spool/secret.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/base/user.h"
#include "spool/digest.h"
#include "spool/stream.h"

namespace spool {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {
constexpr std::size_t longest_secret = 65536;  // OAuth tokens run to kilobytes
}

// A short text is copied by its move, and would stay behind.
Password::Password(Password&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
Password::~Password() { wipe(text_); }

std::string credential_path(const std::string& name) {
  const char* folder = ::secure_getenv("CREDENTIALS_DIRECTORY");
  return folder == nullptr || name.find('/') != std::string::npos ? "" : cat(folder, "/", name);
}

namespace {

std::string first_line(std::string text) {
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

// others: the permissions that it must not have. A credential of systemd's is root's, with an
// access list for the service's user that shows as the group's permission.
Result<std::string> from_file(const std::string& path, uid_t uid, mode_t others = 077) {
  TRY_LET(fd, base::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path));
  struct stat status;
  if (::fstat(fd.number(), &status) != 0) return base::system_error(Kind::io, path, "stat", errno);
  if (!S_ISREG(status.st_mode)) return Error{Kind::config, cat(path, ": not a regular file")};
  if (status.st_uid != uid && status.st_uid != 0)
    return Error{Kind::config, cat(path, ": belongs to uid ", status.st_uid)};
  if ((status.st_mode & others) != 0)
    return Error{Kind::config, cat(path, ": a password that others can read; chmod 600 it")};
  if (static_cast<std::size_t>(status.st_size) > longest_secret)
    return Error{Kind::config, cat(path, ": too large for a password")};
  std::string text(longest_secret, '\0');
  TRY_LET(got, base::read_at(fd.number(), text, 0, path));
  text.resize(got);
  return text;
}

// What comes until the command has ended, though a process that it left behind (an agent, say) may
// hold the pipe for ever; nullopt: no end within 30 seconds or before SIGTERM, or more than any
// password.
std::optional<std::string> output_of(int reader, int process) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::string text;
  while (text.size() <= longest_secret) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                          deadline - std::chrono::steady_clock::now())
                          .count();
    pollfd polls[] = {{reader, POLLIN, 0}, {process, POLLIN, 0}};
    if (left <= 0 || stop_requested()) break;
    if (::poll(polls, 2, static_cast<int>(std::min<long>(left, 1000))) < 0 && errno != EINTR) break;
    char buffer[4096];
    const auto got = ::read(reader, buffer, sizeof buffer);
    if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
    // Looked at before the read: all that the command wrote has been read then.
    const bool ended = polls[1].revents != 0 || process < 0;
    if (got <= 0 && ended) return text;
    if (got == 0) reader = -1;  // it said all, but its status is yet to come
  }
  return std::nullopt;
}

Result<> exit_of(int status) {
  if (status == 0) return {};
  return Error{Kind::retry, cat("password command: failed with status ",
                                WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status))};
}

// What a command prints on standard output.
Result<std::string> from_command(const std::string& command, const std::string& home, uid_t uid) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return base::system_error("password command", "pipe", errno);
  Fd reader(ends[0]), writer(ends[1]);
  ::fcntl(reader.number(), F_SETFL, O_NONBLOCK);
  const auto user = base::find_user(uid);
  const auto environment =
      base::clean_environment(home.empty() ? "/" : home, user ? user->name : "");
  const pid_t child = ::fork();
  if (child < 0) return base::system_error(Kind::retry, "password command", "fork", errno);
  if (child == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGPIPE, SIG_DFL);
    ::dup2(writer.number(), STDOUT_FILENO);
    // libcurl's sockets are open to whom we exec: an agent that stays would keep the session.
    ::close_range(3, ~0U, 0);
    (void)base::exec("/bin/sh", {"sh", "-c", command}, environment);
    ::_exit(127);
  }
  ::setpgid(child, child);  // as the child does: whoever comes first
  writer.reset();
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  auto text = output_of(reader.number(), process.number());
  if (!text) ::kill(-child, SIGKILL), ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  if (!text && stop_requested()) return Error{Kind::retry, "stopped"};
  if (!text) return Error{Kind::retry, "password command: no end within 30 seconds"};
  TRY(exit_of(status));
  return std::move(*text);
}

Result<std::string> from_credential(const std::string& name, uid_t uid) {
  const auto path = credential_path(name);
  if (path.empty())
    return Error{Kind::config,
                 cat("credential ", name, ": not given to this service (LoadCredential=)")};
  return from_file(path, uid, 007);
}

Result<std::string> from_netrc(const Smarthost& smarthost, const Host& host,
                               const std::string& home, uid_t uid) {
  TRY_LET(text, from_file(home + "/.netrc", uid));
  if (auto password = netrc_password(text, host.name, smarthost.user)) return std::move(*password);
  return Error{Kind::config,
               cat(home, "/.netrc: nothing for user ", smarthost.user, " at ", host.name)};
}

}  // namespace

std::optional<std::string> netrc_password(std::string_view netrc, std::string_view host,
                                          std::string_view user) {
  std::string_view rest = netrc;
  const auto word = [&rest]() -> std::string_view {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
    const auto token = rest.substr(0, rest.find_first_of(" \t\r\n"));
    rest.remove_prefix(token.size());
    return token;
  };
  bool here = false, user_fits = true;
  std::optional<std::string> password;
  for (auto token = word(); !token.empty(); token = word()) {
    if (token == "machine" || token == "default") {
      if (here && user_fits && password) return password;
      here = token == "default" || base::iequals(word(), host);
      user_fits = true;
      password.reset();
    } else if (token == "login") {
      user_fits = word() == user;
    } else if (token == "password") {
      password = word();
    } else if (token == "account") {
      word();
    }
  }
  return here && user_fits ? password : std::nullopt;
}

Result<Password> fetch_password(const Smarthost& smarthost, const Host& host,
                                const std::string& home, uid_t uid) {
  const auto fetch = [&]() -> Result<std::string> {
    const auto& argument = smarthost.password.argument;
    switch (smarthost.password.source) {
      case Secret::Source::file: return from_file(argument, uid);
      case Secret::Source::command: return from_command(argument, home, uid);
      case Secret::Source::credential: return from_credential(argument, uid);
      case Secret::Source::netrc: return from_netrc(smarthost, host, home, uid);
      case Secret::Source::text: return argument;
      case Secret::Source::none:
      case Secret::Source::keyring: break;
    }
    return Error{Kind::config, "no password is configured"};
  };
  TRY_LET(text, fetch());
  std::string line = first_line(std::move(text));
  if (line.empty()) return Error{Kind::config, "the password is empty"};
  if (line.find('\0') != std::string::npos)
    return Error{Kind::config, "the password holds a NUL byte"};
  return Password(std::move(line));
}

}  // namespace spool
