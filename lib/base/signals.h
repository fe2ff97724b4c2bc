// signals.h - what must not be left half done is not interrupted.
#pragma once

#include <signal.h>

namespace base {

/// While one lives, signals that end or stop a program wait (HUP, INT, QUIT, TERM, TSTP, XCPU).
/// Whoever takes long asks wanted() and gives up cleanly. They may be nested.
class SignalsHeld {
 public:
  SignalsHeld();
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld();

  /// Whether a signal waits that asks this program to end. Never where none are held.
  static bool wanted();

 private:
  sigset_t before_;
};

}  // namespace base
