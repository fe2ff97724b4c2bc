#include "mail/mailer.h"

#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/input.h"
#include "mail/run.h"
#include "mail/send_batches.h"
#include "mail/words.h"

namespace reader {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {

std::vector<char*> pointers(const std::vector<std::string>& first,
                            const std::vector<std::string>& second) {
  std::vector<char*> result;
  for (const auto* words : {&first, &second})
    for (const auto& word : *words) result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

// What the child gets in the place of ours; -1: ours.
struct Plumbing {
  int input = -1, output = -1, complaints = -1;
};

class Start {
 public:
  explicit Start(const Plumbing& plumbing) {
    ::posix_spawn_file_actions_init(&actions_);
    const std::pair<int, int> pipes[] = {{plumbing.input, STDIN_FILENO},
                                         {plumbing.output, STDOUT_FILENO},
                                         {plumbing.complaints, STDERR_FILENO}};
    for (const auto& [from, to] : pipes)
      if (from >= 0) ::posix_spawn_file_actions_adddup2(&actions_, from, to);
    ::posix_spawnattr_init(&attributes_);
    sigset_t usual;
    ::sigemptyset(&usual);
    // SIGINT and SIGQUIT are ignored only where the caller ignores them.
    for (const int number : {SIGPIPE, SIGXFSZ}) ::sigaddset(&usual, number);
    ::posix_spawnattr_setsigdefault(&attributes_, &usual);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF);
  }
  Start(const Start&) = delete;
  ~Start() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  Result<pid_t> spawn(const std::vector<char*>& argv, const std::vector<char*>& environment) {
    pid_t child = 0;
    const base::CallersUmask theirs;
    const int error =
        ::posix_spawn(&child, argv[0], &actions_, &attributes_, argv.data(), environment.data());
    if (error == 0) return child;
    const bool passing = error == EAGAIN || error == ENOMEM || error == ENFILE;
    return base::system_error(passing ? Kind::retry : Kind::unavailable, argv[0], "exec", error);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

Result<int> wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return base::system_error(Kind::os, "child", "wait", errno);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Its lines, one behind the other: `sendmail: ` is said once, by us.
std::string on_one_line(std::string_view words, std::string_view name) {
  std::string out;
  for (auto line : base::split(words, '\n')) {
    line = base::trim(line);
    if (line.starts_with(cat(name, ": "))) line.remove_prefix(name.size() + 2);
    if (line.empty()) continue;
    out.append(out.empty() ? "" : "; ").append(line);
  }
  return out;
}

}  // namespace

Result<Mailer> mailer_of(const Session& session) {
  std::string command = session.variables.text("sendmail");
  if (command.empty()) command = session.variables.text("mta");
  if (command.starts_with("file://")) command.erase(0, 7);
  if (command.find("://") != std::string::npos)
    return Error{Kind::config, cat(base::printable(command, 200), ": mta: not a program")};
  Mailer mailer{split_words(command), session.environment.all};
  if (mailer.command.empty()) mailer.command = {session.programs.sendmail};
  return mailer;
}

// E2BIG comes at a quarter of the stack's limit, the environment among it; 128 KiB are always
// there.
std::size_t room_for_addresses(const Mailer& mailer, const std::vector<std::string>& words) {
  constexpr std::size_t most = 100 * 1024, least = 4096, spare = 8192;
  const std::size_t others = argument_bytes(mailer.command) + argument_bytes(mailer.environment) +
                             argument_bytes(words) + spare;
  const long limit = ::sysconf(_SC_ARG_MAX);
  const std::size_t allowed = limit > 0 ? static_cast<std::size_t>(limit) : most;
  return std::min(most, allowed > others + least ? allowed - others : least);
}

Result<Finished> run_mailer(const Mailer& mailer, const std::vector<std::string>& arguments,
                            int input) {
  const Fd complaints(::memfd_create("complaints", MFD_CLOEXEC));
  if (!complaints) return base::system_error(mailer.command[0], "make a temporary file", errno);
  Start start({.input = input, .complaints = complaints.number()});
  TRY_LET(child,
          start.spawn(pointers(mailer.command, arguments), pointers(mailer.environment, {})));
  Finished finished;
  TRY_LET(status, wait_for(child));
  finished.status = status;
  char buffer[65536];
  TRY_LET(size, base::read_at(complaints.number(), buffer, 0, mailer.command[0]));
  finished.words.assign(buffer, size);
  return finished;
}

Error mailer_error(const Mailer& mailer, const Finished& finished) {
  const auto& path = mailer.command[0];
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string words = on_one_line(finished.words, name);
  const std::string how = finished.status > 128 ? cat("killed by signal ", finished.status - 128)
                                                : cat("exit status ", finished.status);
  return Error{static_cast<Kind>(finished.status),
               words.empty() ? cat(name, ": ", how) : cat(name, ": ", words, " (", how, ")")};
}

Result<int> run_filter(const Session& session, std::string_view command, int input, int output) {
  base::flush_output();
  if (input >= 0 && ::lseek(input, 0, SEEK_SET) < 0)
    return base::system_error(Kind::io, "letter", "seek", errno);
  Start start({.input = input, .output = output});
  TRY_LET(child, start.spawn(pointers({shell_of(session), "-c", std::string(command)}, {}),
                             pointers(session.environment.all, {})));
  auto status = wait_for(child);
  (void)take_interrupt();  // it was the command's
  return status;
}

}  // namespace reader
