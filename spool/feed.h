// feed.h - a worker's end of the channel: jobs come in, answers go out, and what was delivered is
// on stable storage before anything else of the worker's leaves.
#pragma once

#include <deque>

#include "spool/answer.h"

namespace spool {

class Feed {
 public:
  /// rewriting: what each job is to be rewritten by.
  explicit Feed(int socket, const Rewriting* rewriting = nullptr)
      : socket_(socket), rewriting_(rewriting) {}

  /// The job at hand, awaited; nullptr when none can come any more, or a signal says stop.
  const Job* wait();
  /// The job behind the one at hand, if it is here already.
  const Job* behind();
  /// Tell the flush. Errors: retry (it has gone).
  base::Result<> announce(FrameKind kind);
  /// The answer to the job at hand, which is done with then. What was delivered is recorded first,
  /// where the job says that this is the worker's to do. false: the flush cannot be told.
  bool answer(Answer answer);
  /// Wait until the flush has recorded what the worker has not. Errors: retry (it never will).
  base::Result<> await_record();

 private:
  struct Queued {
    Job job;
    base::Fd entry;
  };
  bool receive();

  int socket_;
  const Rewriting* rewriting_;
  std::deque<Queued> jobs_;  // the first is at hand
  // The entries answered last. Whoever closes a file last frees its blocks, which is not to keep
  // the flush.
  std::deque<base::Fd> spent_;
  unsigned unrecorded_ = 0;  // answers given whose record was not confirmed yet
  bool reachable_ = true;
};

}  // namespace spool
