// session_process.h - the worker's side of the channel: one SMTP session, fed with jobs. It alone
// touches the network, TLS and the password.
#pragma once

#include <memory>
#include <string>

#include "lib/base/user.h"
#include "spool/feed.h"
#include "spool/settings.h"
#include "spool/smtp.h"

namespace spool {

/// What a worker is for.
struct Account {
  const Smarthost& smarthost;
  std::string helo;  ///< the name it greets with
  std::string home;  ///< for ~/.netrc and the password command; the recipient's, for an agent
  const base::Identity& who;
  std::size_t first_host = 0;  ///< which host to try first; the others follow in their order
  // For an agent of this machine.
  const LocalSettings& local;
  std::string journal;    ///< the folder where appends are noted
  bool own_spool = true;  ///< user mode
  std::string mail;       ///< MAIL as it was given to this run, or empty
};

class SessionProcess {
 public:
  SessionProcess(int socket, const Account& account)
      : account_(account), feed_(socket, &account.smarthost.rewriting) {}

  /// Serve until the channel ends or a signal says stop.
  void run();

 private:
  Answer handle(const Job& job);
  Answer attempt(const Job& job);
  Answer refused(const Job& job, const base::Error& error) const;
  base::Result<> open();
  base::Result<> open_host(std::size_t index);
  base::Result<> log_in(const Host& host);
  base::Result<> begin_text();
  const Job* next_job();
  void drop();

  const Account& account_;
  Feed feed_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Session> session_;
  std::size_t host_ = 0;
  unsigned messages_ = 0;  // of this session, the one at hand not counted
  bool local_cause_ = false;
};

}  // namespace spool
