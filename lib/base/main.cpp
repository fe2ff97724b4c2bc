#include "lib/base/main.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <new>
#include <optional>

#include "lib/base/fd.h"
#include "lib/base/text.h"

namespace base {

namespace {
std::string program_name;
std::string output;
std::optional<Error> lost_output;
bool closed_stdin = false, closed_stdout = false;
// As they were when the program started.
mode_t callers_umask = 022;
bool interrupt_ignored = false, quit_ignored = false;

// A closed 0, 1 or 2 would become the number of the next file opened: a diagnostic would go into a
// message.
bool repair_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    if (fd == 0) closed_stdin = true;
    if (fd == 1) closed_stdout = true;
    const int flags = fd == 0 ? O_RDONLY : O_WRONLY;
    if (::open("/dev/null", flags) != fd && ::open("/", O_RDONLY | O_DIRECTORY) != fd) return false;
  }
  return true;
}

void repair_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // a file size limit is an error of write, not a death
  ::signal(SIGCHLD, SIG_DFL);  // an ignored SIGCHLD would take our children's status away
  ::signal(SIGALRM, SIG_DFL);
  ::alarm(0);
}

bool ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// Mail is nobody else's business.
void set_own_ways() {
  interrupt_ignored = ignored(SIGINT);
  quit_ignored = ignored(SIGQUIT);
  callers_umask = ::umask(077);
}

int finish(Result<int> result) {
  int status = 0;
  if (result) {
    status = result.value();
  } else {
    complain(result.error().text);
    status = static_cast<int>(result.error().kind);
  }
  flush_output();
  if (lost_output && status == 0) {
    complain(lost_output->text);
    status = static_cast<int>(Kind::io);
  }
  return status;
}
}  // namespace

void print(std::string_view text) {
  if (lost_output) return;
  output.append(text);
  if (output.size() >= 1 << 16) flush_output();
}

void flush_output() {
  if (output.empty()) return;
  // A part may be out: what failed is told at the end, and not tried again.
  const auto written = write_all(STDOUT_FILENO, output, "standard output");
  if (!written) lost_output = written.error();
  output.clear();
}

bool output_was_lost() { return lost_output.has_value(); }

void complain(std::string_view text) {
  (void)write_all(STDERR_FILENO, cat(program_name, ": ", printable(text, 4000), "\n"),
                  "standard error");
}

CallersUmask::CallersUmask() : ours_(::umask(callers_umask)) {}
CallersUmask::~CallersUmask() { ::umask(ours_); }

void prepare_child() {
  ::umask(callers_umask);
  ::signal(SIGINT, interrupt_ignored ? SIG_IGN : SIG_DFL);
  ::signal(SIGQUIT, quit_ignored ? SIG_IGN : SIG_DFL);
  for (const int number : {SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
}

bool stdin_was_closed() { return closed_stdin; }
bool stdout_was_closed() { return closed_stdout; }

int run_main(std::string_view name, int argc, char** argv, Result<int> (*program)(Args)) {
  try {
    program_name = name;
    if (!repair_descriptors()) return static_cast<int>(Kind::os);
    repair_signals();
    set_own_ways();
    const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
    return finish(program(args));
  } catch (const std::bad_alloc&) {
    complain("out of memory");
    return static_cast<int>(Kind::retry);
  } catch (const std::exception& error) {
    complain(cat("internal error: ", error.what()));
    return static_cast<int>(Kind::software);
  }
}

namespace {
class CommandLineParser {
 public:
  CommandLineParser(Args args, std::string_view letters, std::string_view with_value,
                    std::span<const std::string_view> long_options)
      : args_(args), letters_(letters), with_value_(with_value), long_options_(long_options) {}

  Result<CommandLine> parse() {
    while (at_ < args_.size()) {
      const std::string_view word = args_[at_];
      if (word == "--") {
        ++at_;
        break;
      }
      if (word.size() < 2 || word[0] != '-') break;
      ++at_;
      if (word[1] == '-') TRY(long_option(word.substr(2)));
      else TRY(letters(word.substr(1)));
    }
    line_.operands.assign(args_.begin() + static_cast<std::ptrdiff_t>(at_), args_.end());
    return std::move(line_);
  }

 private:
  Result<> long_option(std::string_view word) {
    const auto equals = word.find('=');
    const std::string name(word.substr(0, equals));
    for (const auto known : long_options_) {
      if (known == name && equals == std::string_view::npos) {
        line_.options.push_back({name, ""});
        return {};
      }
      if (known != name + "=") continue;
      if (equals != std::string_view::npos) {
        line_.options.push_back({name, std::string(word.substr(equals + 1))});
        return {};
      }
      if (at_ == args_.size()) return Error{Kind::usage, cat("--", name, ": needs a value")};
      line_.options.push_back({name, args_[at_++]});
      return {};
    }
    return Error{Kind::usage, cat("--", name, ": unknown option")};
  }

  Result<> letters(std::string_view word) {
    while (!word.empty()) {
      const char letter = word[0];
      word.remove_prefix(1);
      if (with_value_.find(letter) != std::string_view::npos) {
        if (word.empty() && at_ == args_.size())
          return Error{Kind::usage, cat("-", std::string(1, letter), ": needs a value")};
        line_.options.push_back(
            {std::string(1, letter), word.empty() ? args_[at_++] : std::string(word)});
        return {};
      }
      if (letters_.find(letter) == std::string_view::npos)
        return Error{Kind::usage, cat("-", std::string(1, letter), ": unknown option")};
      line_.options.push_back({std::string(1, letter), ""});
    }
    return {};
  }

  Args args_;
  std::string_view letters_, with_value_;
  std::span<const std::string_view> long_options_;
  std::size_t at_ = 0;
  CommandLine line_;
};
}  // namespace

Result<CommandLine> parse_command_line(Args args, std::string_view letters,
                                       std::string_view with_value,
                                       std::span<const std::string_view> long_options) {
  return CommandLineParser(args, letters, with_value, long_options).parse();
}

}  // namespace base
