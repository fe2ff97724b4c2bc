#include "spool/worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "lib/base/log.h"
#include "spool/local_process.h"

namespace spool {

using base::Error;
using base::Fd;
using base::Kind;
using base::Result;
using Clock = std::chrono::steady_clock;

namespace {

// Nothing of the flush but its end of the socket pair stays open here: locks and entries are the
// flush's.
void close_others(int keep) {
  if (keep > 3) ::close_range(3, static_cast<unsigned>(keep - 1), 0);
  ::close_range(static_cast<unsigned>(keep + 1), ~0U, 0);
}

// noexcept: what the standard library throws must not unwind into the flush's own objects, which
// end other workers and write to the spool.
[[noreturn]] void become_session(int socket, pid_t parent, const Account& account) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  ::prctl(PR_SET_DUMPABLE, 0);  // it will hold the password
  base::log_disconnect();
  close_others(socket);
  if (account.smarthost.agent == Agent::session) SessionProcess(socket, account).run();
  else LocalProcess(socket, account).run();
  ::_exit(0);
}

}  // namespace

Worker::Worker(Worker&& other) noexcept { *this = std::move(other); }

Worker& Worker::operator=(Worker&& other) noexcept {
  if (this == &other) return *this;
  end();
  process_ = std::exchange(other.process_, -1);
  socket_ = std::move(other.socket_);
  recipients_ = std::move(other.recipients_);
  limit_ = other.limit_;
  deadline_ = other.deadline_;
  finishing_ = other.finishing_;
  stopped_ = other.stopped_;
  timed_out_ = other.timed_out_;
  return *this;
}

Worker::~Worker() { end(); }

Result<Worker> Worker::start(const Account& account) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return base::system_error(Kind::retry, "session worker", "socketpair", errno);
  Fd ours(ends[0]), theirs(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return base::system_error(Kind::retry, "session worker", "fork", errno);
  if (child == 0) become_session(theirs.number(), parent, account);
  Worker worker;
  worker.process_ = child;
  worker.socket_ = std::move(ours);
  const auto& smarthost = account.smarthost;
  // A session that is gone is opened anew for a message, so each may cost a connection's time.
  worker.limit_ = smarthost.message_timeout +
                  smarthost.connect_timeout * static_cast<long>(smarthost.hosts.size()) +
                  std::chrono::seconds(60);
  return worker;
}

void Worker::end() {
  if (process_ <= 0) return;
  socket_.reset();  // the worker sees the end, says QUIT and goes
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)));
  pollfd poll{process.number(), POLLIN, 0};
  if (!process || ::poll(&poll, 1, 3000) <= 0) ::kill(process_, SIGKILL);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {}
  process_ = -1;
}

void Worker::restart_clock() {
  deadline_ = recipients_.empty() ? Deadline::max() : Clock::now() + limit_;
}

Deadline Worker::deadline() const { return deadline_; }

Result<> Worker::give(const Job& job) {
  recipients_.push_back(job.recipients.size());
  if (recipients_.size() == 1) restart_clock();
  return tell(pack_job(job), job.descriptor);
}

// A worker that may have missed something is told nothing more: it answers for the message at hand,
// finds the end of the channel and goes, which next() will tell.
Result<> Worker::tell(const std::string& frame, int descriptor) {
  auto sent = send_frame(socket_.number(), frame, descriptor);
  if (!sent) ::shutdown(socket_.number(), SHUT_WR);
  return sent;
}

void Worker::recorded() {
  (void)tell(Packer().number(static_cast<std::uint64_t>(FrameKind::recorded)).bytes(), -1);
}

void Worker::stop() {
  if (!std::exchange(stopped_, true) && process_ > 0) ::kill(process_, SIGTERM);
}

void Worker::time_out() {
  timed_out_ = true;
  deadline_ = Deadline::max();
  if (process_ > 0) ::kill(process_, SIGKILL);
}

WorkerEvent Worker::ended(const Error& error) {
  if (process_ > 0) ::kill(process_, SIGKILL);
  end();
  WorkerEvent event;
  event.kind = WorkerEvent::Kind::ended;
  event.error = error;
  event.in_doubt = finishing_ && !recipients_.empty();
  event.timed_out = timed_out_;
  return event;
}

WorkerEvent Worker::next() {
  auto frame = receive_frame(socket_.number(), Clock::now() + std::chrono::seconds(20));
  if (!frame || !frame.value()) {
    // What was lost may have announced the final dot, unless nothing came in time.
    const char* reason = timed_out_ ? "session worker: timed out" : "the session worker died";
    auto event = ended(frame ? Error{Kind::retry, reason} : frame.error());
    const bool lost = !frame && frame.error().kind != Kind::retry;
    event.in_doubt = event.in_doubt || (lost && !recipients_.empty());
    return event;
  }
  Unpacker unpacker(frame.value()->bytes);
  WorkerEvent event;
  switch (static_cast<FrameKind>(unpacker.number())) {
    case FrameKind::ready: event.kind = WorkerEvent::Kind::ready; return event;
    case FrameKind::accepted: event.kind = WorkerEvent::Kind::accepted; return event;
    case FrameKind::dot: finishing_ = true; return event;
    case FrameKind::answer: {
      auto answer =
          recipients_.empty() ? std::nullopt : unpack_answer(unpacker, recipients_.front());
      if (!answer) break;
      recipients_.pop_front();
      finishing_ = false;
      restart_clock();
      event.kind = WorkerEvent::Kind::answer;
      event.answer = std::move(*answer);
      return event;
    }
    case FrameKind::job:
    case FrameKind::recorded: break;
  }
  event = ended({Kind::retry, "the session worker talks nonsense"});
  event.in_doubt = !recipients_.empty();
  return event;
}

}  // namespace spool
