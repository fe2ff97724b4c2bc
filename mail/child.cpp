#include "mail/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/main.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "mail/input.h"
#include "mail/waiting.h"

namespace reader {

using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {
constexpr std::size_t output_limit = 64'000'000;

struct Pipe {
  Fd read, write;
};
Result<Pipe> open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return base::system_error("pipe", "open", errno);
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

// While a program has the terminal, what is typed to stop something stops the program.
class Interrupts {
 public:
  Interrupts() {
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignore, &interrupt_);
    ::sigaction(SIGQUIT, &ignore, &quit_);
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts() {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGQUIT, &quit_, nullptr);
  }

 private:
  struct sigaction interrupt_ {
  }, quit_{};
};

struct Streams {
  int input = -1, output = -1, errors = -1;  // -1: ours
};

[[noreturn]] void become(const Program& program, const Streams& streams) {
  base::prepare_child();
  if (streams.input >= 0) ::dup2(streams.input, 0);
  if (streams.output >= 0) ::dup2(streams.output, 1);
  if (streams.errors >= 0) ::dup2(streams.errors, 2);
  (void)base::exec(program.arguments[0], program.arguments, program.environment);
  ::_exit(127);
}

Result<pid_t> start(const Program& program, const Streams& streams) {
  const pid_t child = ::fork();
  if (child < 0) return base::system_error(program.arguments[0], "fork", errno);
  if (child == 0) become(program, streams);
  return child;
}

int status_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Who has closed its output may still be at work.
Waited await_end(pid_t child, std::chrono::steady_clock::time_point end) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  std::array<pollfd, 1> waiting{pollfd{process.number(), POLLIN, 0}};
  return wait_for(waiting, end);
}

Error interrupt() { return {Kind::usage, "Interrupt"}; }

// Text goes in and text comes out, whichever is possible.
class Exchange {
 public:
  Exchange(Fd in, Fd out, std::string_view input)
      : in_(std::move(in)), out_(std::move(out)), input_(input) {
    ::fcntl(in_.number(), F_SETFL, O_NONBLOCK);
  }

  Result<std::string> run(std::chrono::steady_clock::time_point end) {
    bool open = true;
    while (open) {
      std::array<pollfd, 2> waiting{pollfd{out_.number(), POLLIN, 0},
                                    pollfd{in_.number(), POLLOUT, 0}};
      const auto waited = wait_for(waiting, end);
      if (waited == Waited::interrupted) return interrupt();
      if (waited == Waited::late) return Error{Kind::retry, "it took too long"};
      if (waiting[1].revents != 0) write();
      if (waiting[0].revents != 0) open = read();
      if (result_.size() > output_limit) return Error{Kind::data, "too much came of it"};
    }
    return std::move(result_);
  }

 private:
  void write() {
    const auto written = ::write(in_.number(), input_.data(), input_.size());
    if (written > 0) input_.remove_prefix(static_cast<std::size_t>(written));
    else if (errno != EAGAIN && errno != EINTR) input_ = {};
    if (input_.empty()) in_.reset();
  }

  bool read() {
    char buffer[65536];
    const auto length = ::read(out_.number(), buffer, sizeof buffer);
    if (length > 0) result_.append(buffer, static_cast<std::size_t>(length));
    return length > 0 || (length < 0 && errno == EINTR);
  }

  Fd in_, out_;
  std::string_view input_;
  std::string result_;
};
}  // namespace

Program shell_command(std::string_view command, const std::vector<std::string>& environment) {
  return {{"/bin/sh", "-c", std::string(command)}, environment};
}

Result<int> run_fed(const Program& program, std::string_view input) {
  TRY_LET(pipe, open_pipe());
  const Interrupts interrupts;
  TRY_LET(child, start(program, {.input = pipe.read.number()}));
  pipe.read.reset();
  // SIGPIPE is ignored (run_main); who has read enough is right.
  (void)base::write_all(pipe.write.number(), input, "pipe");
  pipe.write.reset();
  return status_of(child);
}

Result<std::string> filtered(const Program& program, std::string_view input,
                             std::chrono::steady_clock::time_point end) {
  TRY_LET(in, open_pipe());
  TRY_LET(out, open_pipe());
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  TRY_LET(child, start(program, {in.read.number(), out.write.number(), null.number()}));
  in.read.reset();
  out.write.reset();
  auto result = Exchange(std::move(in.write), std::move(out.read), input).run(end);
  const auto ended = result ? await_end(child, end) : Waited::late;
  if (ended != Waited::ready) ::kill(child, SIGKILL);
  const int status = status_of(child);
  // What is typed to interrupt us interrupts the program as well, and it may be the first to end.
  if (ended == Waited::interrupted || take_interrupt()) return interrupt();
  if (result && status != 0)
    return Error{Kind::unavailable, base::cat(program.arguments[0], ": exit status ", status)};
  return result;
}

}  // namespace reader
