#include "spool/pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "spool/cause.h"
#include "spool/stream.h"

namespace spool {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;
using rfc::EnhancedStatus;
using rfc::Outcome;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kept_output = 4096;
constexpr std::uint64_t largest_in_memory = 16u << 20;
constexpr std::string_view word_characters = "@._+=/:,-";

// All of standard input at once, in no pipe: were we killed while a command reads, it would take
// the end of a pipe for the end of the message.
Result<Fd> standard_input(std::string_view head, const store::MessageText& text) {
  Fd file;
  if (text.size > largest_in_memory)
    file = Fd(::open("/var/tmp", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600));
  if (!file) file = Fd(::memfd_create("message", MFD_CLOEXEC));
  if (!file) return base::system_error("message for a command", "create", errno);
  store::Rendering rendering(std::string(head), text, store::Rendering::Form::plain);
  for (;;) {
    TRY_LET(piece, rendering.next());
    if (piece.empty()) break;
    TRY(base::write_all(file.number(), piece, "message for a command"));
  }
  if (::lseek(file.number(), 0, SEEK_SET) != 0)
    return base::system_error("message for a command", "seek", errno);
  return file;
}

// SIG_DFL for all signals. glibc's signal() refuses two that it uses itself (32 and 33), but
// whoever runs us may have had them ignored, and that is inherited.
void reset_signals() {
  constexpr std::size_t mask_size = 8;         // of the kernel's sigset_t
  const std::array<unsigned long, 4> fresh{};  // handler, flags, restorer, mask
  for (int number = 1; number < NSIG; ++number)
    ::syscall(SYS_rt_sigaction, number, fresh.data(), nullptr, mask_size);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// In the child. What somebody set low for us, or ignored, is not the command's business.
void reset_process(const std::string& folder) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a delivery that is not recorded is made again
  reset_signals();
  for (const auto what : {RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_NPROC}) {
    rlimit limit{};
    if (::getrlimit(what, &limit) != 0) continue;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(what, &limit);
  }
  ::umask(077);
  if (::chdir(folder.c_str()) != 0 && ::chdir("/") != 0) ::_exit(71);
}

[[noreturn]] void become(const Program& program, int input, int output, pid_t parent) {
  reset_process(program.folder);
  if (::getppid() != parent) ::_exit(75);
  if (::dup2(input, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(output, 2) < 0) ::_exit(71);
  ::close_range(3, ~0U, 0);
  const auto error = base::exec(program.path, program.arguments, program.environment);
  (void)base::write_all(2, error.text, "output");
  ::_exit(127);
}

class Child {
 public:
  Child(pid_t id, Fd output) : id_(id), output_(std::move(output)) {
    process_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, id, 0)));
  }

  // Until it has ended or that time has come; whether it has ended.
  bool wait_until(Clock::time_point deadline) {
    for (;;) {
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) return false;
      if (stop_requested() && !std::exchange(stopping_, true))
        deadline = std::min(deadline, Clock::now() + std::chrono::seconds(20));
      pollfd polls[] = {{output_.number(), POLLIN, 0}, {process_.number(), POLLIN, 0}};
      // Without a descriptor for the process (a full table) its end is asked for.
      const int wait = static_cast<int>(std::min<long>(left, process_ ? 1000 : 10));
      if (::poll(polls, 2, wait) < 0 && errno != EINTR) return false;
      take_output();
      if (ended()) {
        take_output();  // what it wrote before its end
        return true;
      }
    }
  }
  void signal(int number) const {
    ::kill(-id_, number);
    ::kill(id_, number);
  }
  // Waits for the end.
  Ending reap(bool timed_out) {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {}
    if (timed_out) return {Ending::How::timed_out, 0, std::move(text_)};
    if (WIFSIGNALED(status)) return {Ending::How::killed, WTERMSIG(status), std::move(text_)};
    return {Ending::How::exited, WEXITSTATUS(status), std::move(text_)};
  }

 private:
  // Not reaped yet: its number and its group's stay its own while they are signalled.
  bool ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == id_;
  }
  // What there is, and no more than a pipe holds: others may go on writing for ever.
  void take_output() {
    char buffer[65536];
    const auto got = output_ ? ::read(output_.number(), buffer, sizeof buffer) : -1;
    if (got == 0) output_.reset();
    if (got > 0)
      text_.append(buffer, std::min(static_cast<std::size_t>(got), kept_output - text_.size()));
  }

  pid_t id_;
  Fd output_, process_;
  std::string text_;
  bool stopping_ = false;
};

bool shell_word(char c) {
  return base::alpha(c) || base::digit(c) || word_characters.find(c) != std::string_view::npos;
}

// What sysexits.h means and Postfix says of it. 73 is among what is tried again, which Postfix
// bounces: procmail ends with it on a full disk.
struct Meaning {
  int number;
  EnhancedStatus status;
  const char* text;
};
constexpr Meaning meanings[] = {
    {64, {5, 3, 0}, "command line usage error"},  {65, {5, 6, 0}, "data format error"},
    {66, {5, 3, 0}, "cannot open input"},         {67, {5, 1, 1}, "user unknown"},
    {68, {5, 1, 2}, "host name unknown"},         {69, {5, 3, 0}, "service unavailable"},
    {70, {5, 3, 0}, "internal software error"},   {71, {4, 3, 0}, "system resource problem"},
    {72, {5, 3, 0}, "critical OS file missing"},  {73, {4, 2, 0}, "can't create user output file"},
    {74, {4, 3, 0}, "input/output error"},        {75, {4, 3, 0}, "temporary failure"},
    {76, {5, 5, 0}, "remote error in protocol"},  {77, {5, 7, 0}, "permission denied"},
    {78, {4, 3, 5}, "local configuration error"},
};

Outcome exited(int number, std::string_view command, std::string_view said) {
  const auto* meaning = std::find_if(std::begin(meanings), std::end(meanings),
                                     [&](const Meaning& each) { return each.number == number; });
  const bool known = meaning != std::end(meanings);
  const std::string text = base::printable(
      known ? cat(meaning->text, said)
            : cat("Command died with status ", number, ": \"", command, "\"", said));
  const EnhancedStatus status =
      known ? meaning->status : EnhancedStatus{number < 126 ? 5 : 4, 3, 0};
  if (status.category == 5) return failed(Cause::command, text, status);
  return {Outcome::Kind::delayed, status, text};
}

}  // namespace

Result<Program> program_for(const std::string& command, const std::string& folder) {
  if (folder.empty()) return Program{"/bin/sh", {"sh", "-c", command}, {}, {}};
  if (!std::all_of(command.begin(), command.end(),
                   [](char c) { return shell_word(c) || c == ' ' || c == '\t'; }))
    return Error{Kind::config,
                 "the command holds what only a shell understands, which the "
                 "configuration (commands) does not allow"};
  Program program;
  for (std::string_view rest = command; !rest.empty();) {
    const auto word = rest.substr(0, rest.find_first_of(" \t"));
    if (!word.empty()) program.arguments.emplace_back(word);
    rest.remove_prefix(std::max<std::size_t>(word.size(), 1));
  }
  if (program.arguments.empty()) return Error{Kind::config, "the command is empty"};
  auto& name = program.arguments[0];
  name.erase(0, name.rfind('/') + 1);
  program.path = cat(folder, "/", name);
  struct stat status;
  const bool found = !name.empty() && name[0] != '.' &&
                     ::stat(program.path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
                     ::access(program.path.c_str(), X_OK) == 0;
  if (!found) return Error{Kind::config, cat(program.path, ": no command that is allowed")};
  return program;
}

std::string filtered(std::string_view value) {
  std::string text(value);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return !shell_word(c); }, '_');
  return text;
}

Result<Ending> run_program(const Program& program, std::string_view head,
                           const store::MessageText& text, milliseconds limit) {
  TRY_LET(input, standard_input(head, text));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return base::system_error("command", "pipe", errno);
  Fd reader(ends[0]), writer(ends[1]);
  ::fcntl(reader.number(), F_SETFL, O_NONBLOCK);
  ::signal(SIGCHLD, SIG_DFL);  // ignored, it would keep the exit status from us
  const pid_t parent = ::getpid(), id = ::fork();
  if (id < 0) return base::system_error(Kind::retry, "command", "fork", errno);
  if (id == 0) become(program, input.number(), writer.number(), parent);
  writer.reset();
  Child child(id, std::move(reader));
  const bool in_time = child.wait_until(Clock::now() + limit);
  if (!in_time) {
    child.signal(SIGTERM);
    (void)child.wait_until(Clock::now() + std::chrono::seconds(5));
    child.signal(SIGKILL);
  }
  return child.reap(!in_time);
}

Outcome outcome_of(const Ending& ending, std::string_view command) {
  const auto output = base::trim(ending.output);
  const std::string said = output.empty() ? "" : cat(". Command output: ", output);
  if (ending.how == Ending::How::timed_out)
    return {Outcome::Kind::delayed,
            {4, 3, 0},
            base::printable(cat("Command time limit exceeded: \"", command, "\"", said))};
  if (ending.how == Ending::How::killed)
    return {Outcome::Kind::delayed,
            {4, 3, 0},
            base::printable(
                cat("Command died with signal ", ending.number, ": \"", command, "\"", said))};
  if (ending.number != 0) return exited(ending.number, command, said);
  return {
      Outcome::Kind::delivered, {2, 0, 0}, base::printable(cat("delivered to command: ", command))};
}

}  // namespace spool
