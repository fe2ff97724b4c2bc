// session_process.h - the worker's side of the channel: one SMTP session, fed with jobs. It alone
// touches the network, TLS and the password.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "spool/answer.h"
#include "spool/settings.h"
#include "spool/smtp.h"

namespace spool {

/// What a worker is for.
struct Account {
  const Smarthost& smarthost;
  std::string helo;  ///< the name it greets with
  std::string home;  ///< for ~/.netrc and the password command
  uid_t uid;
  std::size_t first_host = 0;  ///< which host to try first; the others follow in their order
};

class SessionProcess {
 public:
  SessionProcess(int socket, const Account& account) : socket_(socket), account_(account) {}

  /// Serve until the channel ends or a signal says stop.
  void run();

 private:
  struct Queued {
    Job job;
    base::Fd entry;
  };
  Answer handle(const Job& job);
  Answer attempt(const Job& job);
  Answer refused(const Job& job, const base::Error& error) const;
  base::Result<> open();
  base::Result<> open_host(std::size_t index);
  base::Result<> log_in(const Host& host);
  base::Result<> announce(FrameKind kind);
  base::Result<> begin_text();
  base::Result<> await_record();
  const Job* next_job();
  bool receive();
  void drop();

  int socket_;
  const Account& account_;
  std::deque<Queued> jobs_;  // the first is at hand
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Session> session_;
  std::size_t host_ = 0;
  unsigned messages_ = 0;    // of this session, the one at hand not counted
  unsigned unrecorded_ = 0;  // answers given whose record was not confirmed yet
  bool local_cause_ = false;
  bool reachable_ = true;  // the flush, over socket_
};

}  // namespace spool
