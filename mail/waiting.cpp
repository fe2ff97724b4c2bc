#include "mail/waiting.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>

#include "mail/input.h"

namespace reader {

namespace {
// SIGINT is held back but while we sleep: one that comes just before would else be seen too late.
class HeldBack {
 public:
  HeldBack() {
    sigset_t interrupt;
    ::sigemptyset(&interrupt);
    ::sigaddset(&interrupt, SIGINT);
    ::sigprocmask(SIG_BLOCK, &interrupt, &before_);
  }
  HeldBack(const HeldBack&) = delete;
  HeldBack& operator=(const HeldBack&) = delete;
  ~HeldBack() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  const sigset_t& before() const { return before_; }

 private:
  sigset_t before_{};
};

timespec time_until(std::chrono::steady_clock::time_point end) {
  using std::chrono::nanoseconds;
  constexpr std::int64_t second = 1'000'000'000;
  const auto left =
      std::chrono::duration_cast<nanoseconds>(end - std::chrono::steady_clock::now()).count();
  const std::int64_t wait = std::max<std::int64_t>(left, 0);
  return {wait / second, wait % second};
}
}  // namespace

Waited wait_for(std::span<pollfd> descriptors, std::chrono::steady_clock::time_point end) {
  const HeldBack held;
  for (;;) {
    if (take_interrupt()) return Waited::interrupted;
    const timespec time = time_until(end);
    const int ready = ::ppoll(descriptors.data(), descriptors.size(), &time, &held.before());
    if (ready > 0) return Waited::ready;
    if (ready == 0 || errno != EINTR) return Waited::late;
  }
}

}  // namespace reader
