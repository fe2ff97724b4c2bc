// stop.cpp - being told to stop: by SIGTERM, at a terminal (`sendmail -v`) also by Ctrl-C or its
// end.
#include <signal.h>

#include "spool/stream.h"

namespace spool {

namespace {
volatile sig_atomic_t stop_flag = 0;
void on_stop(int) { stop_flag = 1; }
}  // namespace

bool stop_requested() { return stop_flag != 0; }

void request_stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = on_stop;  // no SA_RESTART: waits must end
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

}  // namespace spool
