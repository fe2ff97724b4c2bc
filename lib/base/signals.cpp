#include "lib/base/signals.h"

#include <pthread.h>

#include <initializer_list>

namespace base {

SignalsHeld::SignalsHeld() {
  sigset_t held;
  ::sigemptyset(&held);
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGXCPU})
    ::sigaddset(&held, number);
  ::pthread_sigmask(SIG_BLOCK, &held, &before_);
}

SignalsHeld::~SignalsHeld() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

bool SignalsHeld::wanted() {
  sigset_t pending;
  ::sigemptyset(&pending);
  if (::sigpending(&pending) != 0) return false;
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXCPU}) {
    struct sigaction action {};
    // One that is ignored waits as well while it is held.
    if (::sigismember(&pending, number) == 1 && ::sigaction(number, nullptr, &action) == 0 &&
        action.sa_handler != SIG_IGN)
      return true;
  }
  return false;
}

}  // namespace base
