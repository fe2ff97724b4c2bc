// worker.h - a process that holds one SMTP session. It alone touches the network, TLS and the
// password; it is fed messages as descriptors and gives verdicts back as values, so that whatever
// happens to it costs a delay and nothing else.
#pragma once

#include <sys/types.h>

#include <string>

#include "lib/base/fd.h"
#include "lib/base/result.h"
#include "spool/settings.h"
#include "spool/transaction.h"

namespace spool {

/// What came back for one Job.
struct Answer {
  Verdict verdict;
  bool session_failed =
      false;  ///< nothing was tried: no connection, no TLS, no login; the outcomes say why
  std::string relay = "none";  ///< "host[address]:port"
  double connect_seconds = 0, transmit_seconds = 0;
};

class Worker {
 public:
  /// Fork it. Errors: retry.
  static base::Result<Worker> start(const Smarthost& smarthost, const std::string& helo,
                                    const std::string& home, uid_t uid);
  Worker(Worker&& other) noexcept;
  Worker& operator=(Worker&& other) noexcept;
  ~Worker();

  /// Have a message delivered; blocks until the verdict, at most for the smarthost's time limits:
  /// then the process is killed. SIGTERM is passed on to it.
  Answer deliver(const Job& job);
  bool alive() const { return process_ > 0; }

 private:
  Worker() = default;
  void end();
  void forward_stop();
  Answer failed(const Job& job, const base::Error& error, bool in_doubt);
  pid_t process_ = -1;
  base::Fd socket_;
  std::chrono::seconds limit_{0};
  bool stop_forwarded_ = false;
};

}  // namespace spool
