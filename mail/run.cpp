#include "mail/run.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/main.h"
#include "lib/base/process.h"
#include "mail/input.h"

namespace reader {

using base::Kind;
using base::Result;

namespace {

/// SIGINT and SIGQUIT leave us alone as long as it lives.
class Deaf {
 public:
  Deaf() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignore, &interrupt_);
    ::sigaction(SIGQUIT, &ignore, &quit_);
  }
  Deaf(const Deaf&) = delete;
  ~Deaf() {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGQUIT, &quit_, nullptr);
  }

 private:
  struct sigaction interrupt_ {
  }, quit_{};
};

[[noreturn]] void child(const Session& session, const std::vector<std::string>& words) {
  base::prepare_child();
  const auto error = base::exec(words[0], words, session.environment.all);
  base::complain(error.text);
  ::_exit(127);
}

int status_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Result<int> run_program(const Session& session, const std::vector<std::string>& words) {
  base::flush_output();
  const Deaf deaf;
  const auto pid = ::fork();
  if (pid < 0) return base::system_error(Kind::retry, words[0], "fork", errno);
  if (pid == 0) child(session, words);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return base::system_error(words[0], "wait", errno);
  return status_of(status);
}

std::string shell_of(const Session& session) {
  const auto shell = session.variables.text("SHELL", session.environment.shell);
  return shell.find('/') == std::string::npos ? "/bin/sh" : shell;
}

Result<int> run_shell(const Session& session, const std::string& command) {
  return run_program(session, {shell_of(session), "-c", command});
}

}  // namespace reader
