// worker.h - the flush's handle on a session worker: a process that holds one SMTP session and is
// fed messages as descriptors; verdicts come back as values, so that whatever happens to it costs a
// delay and nothing else.
#pragma once

#include <sys/types.h>

#include <deque>

#include "spool/answer.h"
#include "spool/session_process.h"

namespace spool {

/// What a worker has to say.
struct WorkerEvent {
  enum class Kind { nothing, ready, accepted, answer, ended };
  Kind kind = Kind::nothing;
  Answer answer;  ///< with `answer`: for the oldest job that was not answered yet
  base::Error error{base::Kind::retry, ""};  ///< with `ended`
  bool in_doubt = false;   ///< with `ended`: the oldest job's final dot was about to be sent
  bool timed_out = false;  ///< with `ended`: it was killed for its time
};

class Worker {
 public:
  /// Fork it. Errors: retry.
  static base::Result<Worker> start(const Account& account);
  Worker(Worker&& other) noexcept;
  Worker& operator=(Worker&& other) noexcept;
  ~Worker();

  /// Give it a job behind those that it has. Its descriptor is passed on; the job's recipients are
  /// counted, nothing of it is kept. Errors: io (the worker is no more of use).
  base::Result<> give(const Job& job);
  /// The last answer is recorded: the next message's text may leave.
  void recorded();
  /// To be polled for reading; then call next().
  int socket() const { return socket_.number(); }
  /// Read a frame, which must be about to come.
  WorkerEvent next();
  /// When the job at hand must have been answered; it is killed then. Never while there is none.
  Deadline deadline() const;
  /// Its time is over. What it has said already is still to be read, and then its end.
  void time_out();
  /// End it by force, because of `error`. \pre it waits for a word of ours, or its end was read
  WorkerEvent ended(const base::Error& error);
  /// Pass SIGTERM on.
  void stop();
  /// No more jobs: it says QUIT and goes, which the destructor awaits.
  void hang_up() { socket_.reset(); }

 private:
  Worker() = default;
  void end();
  void restart_clock();
  base::Result<> tell(const std::string& frame, int descriptor);
  pid_t process_ = -1;
  base::Fd socket_;
  std::deque<std::size_t> recipients_;  // of each job, how many
  std::chrono::seconds limit_{0};
  Deadline deadline_ = Deadline::max();
  bool finishing_ = false, stopped_ = false, timed_out_ = false;
};

}  // namespace spool
