#include "mail/farewell.h"

#include <signal.h>
#include <unistd.h>

namespace reader {

namespace {
volatile sig_atomic_t last_signal = 0;
int depth = 0;  // a letter may be written while another one is
constexpr int farewells[] = {SIGHUP, SIGTERM};

// Whoever waits for a line listens to SIGINT alone.
void on_farewell(int number) {
  last_signal = number;
  ::raise(SIGINT);
}
}  // namespace

// An ignored signal stays ignored (nohup).
Farewell::Farewell() {
  if (depth++ > 0) return;
  last_signal = 0;
  for (const int number : farewells) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = on_farewell;
    ::sigaction(number, &action, nullptr);
  }
}

Farewell::~Farewell() {
  if (--depth > 0) return;
  for (const int number : farewells) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler == on_farewell)
      ::signal(number, SIG_DFL);
  }
}

bool Farewell::came() { return last_signal != 0; }

void Farewell::die() {
  const int number = last_signal;
  ::signal(number, SIG_DFL);
  ::raise(number);
  ::_exit(128 + number);
}

}  // namespace reader
