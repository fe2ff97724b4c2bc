#include "spool/session_process.h"

#include <cerrno>
#include <utility>

#include "lib/base/text.h"
#include "spool/credentials.h"
#include "spool/digest.h"
#include "spool/secret.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using Clock = std::chrono::steady_clock;

void SessionProcess::run() {
  while (const Job* job = feed_.wait()) {
    const Answer answer = handle(*job);
    if (!feed_.answer(answer)) break;
    // Where the smarthost does not take us, the next message is not to find that out again: the
    // flush may want no more of this.
    if (troubled(answer) && !feed_.await_record()) break;
  }
  drop();
}

Answer SessionProcess::handle(const Job& job) {
  if (session_ && messages_ >= account_.smarthost.messages_per_connection) drop();
  const bool reused = session_ != nullptr;
  Answer answer = attempt(job);
  // A server that hung up between two messages has refused neither.
  if (reused && !answer.verdict.begun && !stop_requested()) answer = attempt(job);
  return answer;
}

Answer SessionProcess::refused(const Job& job, const Error& error) const {
  Answer answer;
  answer.session_failed = true;
  answer.local_cause = local_cause_;
  answer.verdict.outcomes.assign(job.recipients.size(), outcome_of(error, ""));
  return answer;
}

Answer SessionProcess::attempt(const Job& job) {
  const auto start = Clock::now();
  if (auto opened = open(); !opened) return refused(job, opened.error());
  const auto connected = Clock::now();
  Answer answer;
  answer.relay = connection_->peer();
  answer.host = host_;
  answer.verdict = session_->transact(job);
  answer.use = ++messages_;
  answer.connect_seconds = std::chrono::duration<double>(connected - start).count();
  answer.transmit_seconds = std::chrono::duration<double>(Clock::now() - connected).count();
  if (!answer.verdict.session_usable) drop();
  return answer;
}

// A session that can take a message; the hosts are tried in order. One that takes the connection
// but not us (wrong password) ends the search: the next would only be told the same secret.
Result<> SessionProcess::open() {
  if (session_) return {};
  Error trouble{Kind::retry, "no host"};
  const auto count = account_.smarthost.hosts.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (stop_requested()) return Error{Kind::retry, "stopped"};
    auto opened = open_host((account_.first_host + i) % count);
    if (opened) return feed_.announce(FrameKind::ready);
    trouble = std::move(opened).error();
    if (session_) break;
  }
  drop();
  return trouble;
}

// session_ is there afterwards where the host took the connection.
Result<> SessionProcess::open_host(std::size_t index) {
  const auto& smarthost = account_.smarthost;
  const auto& host = smarthost.hosts[index];
  auto connection = Connection::open(smarthost, host, account_.helo);
  if (!connection) {
    const int cause = connection.error().system_error;
    local_cause_ = cause == ENETUNREACH || cause == EMFILE || cause == ENFILE;
    return std::move(connection).error();
  }
  connection_ = std::move(connection).value();
  const Timeouts timeouts{smarthost.reply_timeout, smarthost.data_timeout, smarthost.dot_timeout};
  session_ =
      std::make_unique<Session>(*connection_, connection_->peer(), timeouts,
                                SessionHooks{[this] { return begin_text(); },
                                             // Untold, the flush would take the message for unsent.
                                             [this] { return feed_.announce(FrameKind::dot); },
                                             [this] { return next_job(); }});
  host_ = index;
  messages_ = 0;
  local_cause_ = false;
  auto ready = log_in(host);
  if (ready) return ready;
  return Error{Kind::retry, cat("host ", host.name, ":", host.port, ": ", ready.error().text)};
}

Result<> SessionProcess::log_in(const Host& host) {
  const auto& smarthost = account_.smarthost;
  TRY(session_->greet(account_.helo));
  if (smarthost.user.empty()) return {};
  local_cause_ = true;  // a locked agent of this session's, say
  TRY_LET(password, fetch_password(smarthost, host, account_.home, account_.who.uid));
  TRY_LET(nonce, random_text(24));
  local_cause_ = false;
  return authenticate(*session_, smarthost, password, {host, connection_->bindings(), nonce});
}

// A long text is on its way, perhaps: others need not wait to see what becomes of it.
Result<> SessionProcess::begin_text() {
  if (messages_ == 0) TRY(feed_.announce(FrameKind::accepted));
  return feed_.await_record();
}

// The job behind the one at hand, if this session may take it.
const Job* SessionProcess::next_job() {
  const bool last = messages_ + 2 > account_.smarthost.messages_per_connection;
  return last || stop_requested() ? nullptr : feed_.behind();
}

void SessionProcess::drop() {
  if (session_) session_->quit();
  session_.reset();
  connection_.reset();
}

}  // namespace spool
