#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "lib/base/main.h"
#include "mail/input.h"

namespace reader {

namespace {

volatile sig_atomic_t interrupted = 0;

void on_interrupt(int) { interrupted = 1; }

class PlainInput : public Input {
 public:
  PlainInput(int descriptor, bool person) : descriptor_(descriptor), person_(person) {}

  Line read(const std::string& prompt) override {
    if (person_) base::print(prompt);
    base::flush_output();
    for (;;) {
      const auto newline = buffer_.find('\n', at_);
      if (newline != std::string::npos) return take(newline, newline + 1);
      const auto got = fill();
      if (got < 0 && errno == EINTR && take_interrupt()) return interrupt();
      if (got < 0 && errno == EINTR) continue;
      if (got > 0) continue;
      if (at_ < buffer_.size()) return take(buffer_.size(), buffer_.size());
      return {Line::Kind::end, ""};
    }
  }

  Line edit(const std::string& prompt, const std::string& initial) override {
    auto line = read(prompt + initial);
    if (line.kind == Line::Kind::text) line.text.insert(0, initial);
    return line;
  }

  bool person() const override { return person_; }

 private:
  ssize_t fill() {
    buffer_.erase(0, at_);
    at_ = 0;
    const auto before = buffer_.size();
    buffer_.resize(before + block);
    const auto got = ::read(descriptor_, buffer_.data() + before, block);
    const int problem = errno;
    buffer_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    errno = problem;
    return got;
  }

  Line take(std::size_t end, std::size_t next) {
    Line line{Line::Kind::text, buffer_.substr(at_, end - at_)};
    at_ = next;
    return line;
  }

  Line interrupt() {
    buffer_.clear();
    at_ = 0;
    return {Line::Kind::interrupted, ""};
  }

  static constexpr std::size_t block = 16384;
  int descriptor_;
  bool person_;
  std::string buffer_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<Input> plain_input(int descriptor, bool person) {
  return std::make_unique<PlainInput>(descriptor, person || ::isatty(descriptor) == 1);
}

// No SA_RESTART: a read that waits must end. An ignored SIGINT stays ignored (nohup, `&`).
void catch_interrupts() {
  struct sigaction action {};
  if (::sigaction(SIGINT, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) return;
  action = {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
}

bool take_interrupt() {
  const bool came = interrupted != 0;
  interrupted = 0;
  return came;
}

}  // namespace reader
