// local_process.h - the delivery agent: a process of its own that is fed messages for this machine
// as descriptors and gives outcomes back. It has the rights of the recipient and no others.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "spool/feed.h"
#include "spool/local.h"
#include "spool/session_process.h"

namespace spool {

class LocalProcess {
 public:
  LocalProcess(int socket, const Account& account) : account_(account), feed_(socket) {}

  /// Serve until the channel ends or a signal says stop.
  void run();

 private:
  Answer handle(const Job& job);
  rfc::Outcome deliver(const Job& job);
  rfc::Outcome to_mailbox(const LocalJob& job, const LocalPlace& place) const;
  rfc::Outcome hand_over(const LocalJob& job, const LocalTarget& target,
                         const LocalPlace& place) const;

  /// A target that made us wait: it is left alone for a while, or a thousand messages would wait as
  /// long each.
  struct Stuck {
    std::chrono::steady_clock::time_point until;
    rfc::Outcome outcome;
  };
  rfc::Outcome deliver_unless_stuck(const Job& job);

  const Account& account_;
  Feed feed_;
  base::Fd journal_;                    // the folder; opened for the first message
  std::map<std::string, Stuck> stuck_;  // by kind and target
  unsigned messages_ = 0;
};

}  // namespace spool
