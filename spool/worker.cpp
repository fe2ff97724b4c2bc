#include "spool/worker.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "lib/base/text.h"
#include "spool/channel.h"
#include "spool/credentials.h"
#include "spool/secret.h"
#include "spool/smtp.h"

namespace spool {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t dot_frame = 1, verdict_frame = 2;

std::string pack_job(const Job& job) {
  Packer packer;
  const auto& facts = job.facts;
  packer.text(job.id)
      .text(job.sender.text())
      .number(job.message_offset)
      .number(facts.bytes)
      .number(facts.lines);
  packer.number(facts.dot_lines)
      .number(facts.longest)
      .number(facts.eight_bit_header)
      .number(facts.eight_bit_body);
  packer.number(facts.nul).number(facts.bare_cr).number(job.recipients.size());
  for (const auto& path : job.recipients) packer.text(path.text());
  return packer.bytes();
}

std::optional<Job> unpack_job(const Frame& frame) {
  Unpacker unpacker(frame.bytes);
  Job job;
  auto& facts = job.facts;
  job.id = unpacker.text();
  auto sender = rfc::Path::parse(unpacker.text());
  job.message_offset = unpacker.number();
  facts.bytes = unpacker.number();
  facts.lines = unpacker.number();
  facts.dot_lines = unpacker.number();
  facts.longest = unpacker.number();
  facts.eight_bit_header = unpacker.number() != 0;
  facts.eight_bit_body = unpacker.number() != 0;
  facts.nul = unpacker.number() != 0;
  facts.bare_cr = unpacker.number() != 0;
  for (auto left = unpacker.number(); left > 0 && unpacker.ok(); --left) {
    auto path = rfc::Path::parse(unpacker.text());
    if (!path) return std::nullopt;
    job.recipients.push_back(std::move(path).value());
  }
  if (!unpacker.ok() || !sender || !frame.descriptor) return std::nullopt;
  job.sender = std::move(sender).value();
  job.descriptor = frame.descriptor.number();
  return job;
}

std::string pack_answer(const Answer& answer) {
  Packer packer;
  packer.number(verdict_frame).number(answer.session_failed).text(answer.relay);
  packer.number(static_cast<std::uint64_t>(answer.connect_seconds * 1e6));
  packer.number(static_cast<std::uint64_t>(answer.transmit_seconds * 1e6));
  packer.number(answer.verdict.in_doubt).number(answer.verdict.begun);
  packer.number(answer.verdict.outcomes.size());
  for (const auto& outcome : answer.verdict.outcomes) {
    const auto number = [](int value) { return static_cast<std::uint64_t>(value); };
    packer.number(number(static_cast<int>(outcome.kind))).number(number(outcome.status.category));
    packer.number(number(outcome.status.subject))
        .number(number(outcome.status.detail))
        .text(outcome.text);
  }
  return packer.bytes();
}

// The values behind the frame's kind.
std::optional<Answer> unpack_answer(Unpacker& unpacker, std::size_t recipients) {
  Answer answer;
  answer.session_failed = unpacker.number() != 0;
  answer.relay = unpacker.text();
  answer.connect_seconds = static_cast<double>(unpacker.number()) / 1e6;
  answer.transmit_seconds = static_cast<double>(unpacker.number()) / 1e6;
  answer.verdict.in_doubt = unpacker.number() != 0;
  answer.verdict.begun = unpacker.number() != 0;
  if (unpacker.number() != recipients) return std::nullopt;
  for (std::size_t i = 0; i < recipients && unpacker.ok(); ++i) {
    rfc::Outcome outcome;
    const auto kind = unpacker.number();
    const auto number = [&] { return static_cast<int>(unpacker.number()); };
    outcome.kind = kind == 0   ? rfc::Outcome::Kind::delivered
                   : kind == 2 ? rfc::Outcome::Kind::failed
                               : rfc::Outcome::Kind::delayed;
    outcome.status.category = number();
    outcome.status.subject = number();
    outcome.status.detail = number();
    outcome.text = unpacker.text();
    answer.verdict.outcomes.push_back(std::move(outcome));
  }
  return unpacker.ok() ? std::optional(std::move(answer)) : std::nullopt;
}

/// The worker's side.
class SessionProcess {
 public:
  SessionProcess(int socket, const Smarthost& smarthost, std::string helo, std::string home,
                 uid_t uid)
      : socket_(socket),
        smarthost_(smarthost),
        helo_(std::move(helo)),
        home_(std::move(home)),
        uid_(uid) {}

  void run() {
    while (!stop_requested() && reachable_) {
      auto frame = receive_frame(socket_, Clock::now() + std::chrono::hours(24));
      if (!frame || !frame.value()) break;
      const auto job = unpack_job(*frame.value());
      if (!job) break;
      const Answer answer = handle(*job);
      // Behind half a frame nothing would be understood; the end of the channel is.
      if (!reachable_ || !send_frame(socket_, pack_answer(answer))) break;
    }
    drop();
  }

 private:
  Answer handle(const Job& job) {
    if (session_ && messages_ >= smarthost_.messages_per_connection) drop();
    const bool reused = session_ != nullptr;
    Answer answer = attempt(job);
    // A server that hung up between two messages has refused neither.
    if (reused && !answer.verdict.begun && !stop_requested()) answer = attempt(job);
    return answer;
  }

  Answer attempt(const Job& job) {
    Answer answer;
    const auto start = Clock::now();
    if (auto opened = open(); !opened) {
      answer.session_failed = true;
      answer.verdict.outcomes.assign(job.recipients.size(), outcome_of(opened.error(), ""));
      return answer;
    }
    const auto connected = Clock::now();
    answer.relay = connection_->peer();
    answer.verdict = session_->transact(job);
    ++messages_;
    answer.connect_seconds = std::chrono::duration<double>(connected - start).count();
    answer.transmit_seconds = std::chrono::duration<double>(Clock::now() - connected).count();
    if (!answer.verdict.session_usable) drop();
    return answer;
  }

  // A session that can take a message; the hosts are tried in order. One that takes the connection
  // but not us (wrong password) ends the search: the next would only be told the same secret.
  Result<> open() {
    if (session_) return {};
    Error trouble{Kind::retry, "no host"};
    for (const auto& host : smarthost_.hosts) {
      if (stop_requested()) return Error{Kind::retry, "stopped"};
      auto connection = Connection::open(smarthost_, host, helo_);
      if (!connection) {
        trouble = std::move(connection).error();
        continue;
      }
      connection_ = std::move(connection).value();
      const Timeouts timeouts{smarthost_.reply_timeout, smarthost_.data_timeout,
                              smarthost_.dot_timeout};
      session_ = std::make_unique<Session>(*connection_, connection_->peer(), timeouts,
                                           [this] { return announce_dot(); });
      messages_ = 0;
      auto ready = log_in(host);
      if (!ready) {
        drop();
        return Error{Kind::retry,
                     cat("host ", host.name, ":", host.port, ": ", ready.error().text)};
      }
      return {};
    }
    return trouble;
  }

  // A flush that was not told takes the message for unsent: then it must not be sent.
  Result<> announce_dot() {
    auto told = send_frame(socket_, Packer().number(dot_frame).bytes());
    if (told) return told;
    reachable_ = false;
    return Error{Kind::retry, std::move(told).error().text};
  }

  Result<> log_in(const Host& host) {
    TRY(session_->greet(helo_));
    if (smarthost_.user.empty()) return {};
    TRY_LET(password, fetch_password(smarthost_, host, home_, uid_));
    return authenticate(*session_, smarthost_, password);
  }

  void drop() {
    if (session_) session_->quit();
    session_.reset();
    connection_.reset();
  }

  int socket_;
  const Smarthost& smarthost_;
  std::string helo_, home_;
  uid_t uid_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Session> session_;
  unsigned messages_ = 0;
  bool reachable_ = true;  // the flush, over socket_
};

// Nothing of the flush but its end of the socket pair stays open here: locks and entries are the
// flush's.
void close_others(int keep) {
  if (keep > 3) ::close_range(3, static_cast<unsigned>(keep - 1), 0);
  ::close_range(static_cast<unsigned>(keep + 1), ~0U, 0);
}

}  // namespace

Worker::Worker(Worker&& other) noexcept
    : process_(std::exchange(other.process_, -1)),
      socket_(std::move(other.socket_)),
      limit_(other.limit_),
      stop_forwarded_(other.stop_forwarded_) {}

Worker& Worker::operator=(Worker&& other) noexcept {
  if (this != &other) {
    end();
    process_ = std::exchange(other.process_, -1);
    socket_ = std::move(other.socket_);
    limit_ = other.limit_;
    stop_forwarded_ = other.stop_forwarded_;
  }
  return *this;
}

Worker::~Worker() { end(); }

Result<Worker> Worker::start(const Smarthost& smarthost, const std::string& helo,
                             const std::string& home, uid_t uid) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return base::system_error(Kind::retry, "session worker", "socketpair", errno);
  Fd ours(ends[0]), theirs(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return base::system_error(Kind::retry, "session worker", "fork", errno);
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    ::prctl(PR_SET_DUMPABLE, 0);  // it will hold the password
    close_others(theirs.number());
    SessionProcess(theirs.number(), smarthost, helo, home, uid).run();
    ::_exit(0);
  }
  Worker worker;
  worker.process_ = child;
  worker.socket_ = std::move(ours);
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

void Worker::forward_stop() {
  if (!stop_requested() || std::exchange(stop_forwarded_, true)) return;
  ::kill(process_, SIGTERM);
}

Answer Worker::failed(const Job& job, const Error& error, bool in_doubt) {
  ::kill(process_, SIGKILL);
  end();
  Answer answer;
  answer.verdict.in_doubt = in_doubt;
  answer.verdict.session_usable = false;
  answer.verdict.outcomes.assign(job.recipients.size(), outcome_of(error, ""));
  return answer;
}

Answer Worker::deliver(const Job& job) {
  bool finishing = false;
  const auto deadline = Clock::now() + limit_;
  if (auto sent = send_frame(socket_.number(), pack_job(job), job.descriptor); !sent)
    return failed(job, sent.error(), false);
  for (;;) {
    auto frame = receive_frame(
        socket_.number(), deadline, [](void* self) { static_cast<Worker*>(self)->forward_stop(); },
        this);
    // Unless nothing came in time, what was lost may have announced the final dot.
    if (!frame) return failed(job, frame.error(), finishing || frame.error().kind != Kind::retry);
    if (!frame.value()) return failed(job, {Kind::retry, "the session worker died"}, finishing);
    Unpacker unpacker(frame.value()->bytes);
    const auto kind = unpacker.number();
    if (kind == dot_frame) {
      finishing = true;
      continue;
    }
    auto answer = unpack_answer(unpacker, job.recipients.size());
    if (kind != verdict_frame || !answer)
      return failed(job, {Kind::retry, "the session worker talks nonsense"}, true);
    return std::move(*answer);
  }
}

}  // namespace spool
