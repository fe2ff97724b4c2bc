// stop.cpp - SIGTERM.
#include <signal.h>

#include "spool/stream.h"

namespace spool {

namespace {
volatile sig_atomic_t stop_flag = 0;
void on_sigterm(int) { stop_flag = 1; }
}  // namespace

bool stop_requested() { return stop_flag != 0; }

void request_stop_on_sigterm() {
  struct sigaction action {};
  action.sa_handler = on_sigterm;  // no SA_RESTART: waits must end
  ::sigaction(SIGTERM, &action, nullptr);
}

}  // namespace spool
