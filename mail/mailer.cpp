#include "mail/mailer.h"

#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/text.h"

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

// What the child gets: the message as 0, a file for its complaints as 2, signals as usual.
class Start {
 public:
  Start(int input, int complaints) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, complaints, STDERR_FILENO);
    ::posix_spawnattr_init(&attributes_);
    sigset_t usual;
    ::sigemptyset(&usual);
    for (const int number : {SIGPIPE, SIGXFSZ, SIGINT, SIGQUIT}) ::sigaddset(&usual, number);
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
    if (errno != EINTR) return base::system_error(Kind::os, "sendmail", "wait", errno);
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

Result<Finished> run_mailer(const Mailer& mailer, const std::vector<std::string>& arguments,
                            int input) {
  const Fd complaints(::memfd_create("complaints", MFD_CLOEXEC));
  if (!complaints) return base::system_error("sendmail", "make a temporary file", errno);
  Start start(input, complaints.number());
  TRY_LET(child,
          start.spawn(pointers(mailer.command, arguments), pointers(mailer.environment, {})));
  Finished finished;
  TRY_LET(status, wait_for(child));
  finished.status = status;
  char buffer[65536];
  TRY_LET(size, base::read_at(complaints.number(), buffer, 0, "sendmail"));
  finished.words.assign(buffer, size);
  return finished;
}

Error mailer_error(const std::string& name, const Finished& finished) {
  const std::string words = on_one_line(finished.words, name);
  const std::string how = finished.status > 128 ? cat("killed by signal ", finished.status - 128)
                                                : cat("exit status ", finished.status);
  return Error{static_cast<Kind>(finished.status),
               words.empty() ? cat(name, ": ", how) : cat(name, ": ", words, " (", how, ")")};
}

}  // namespace reader
