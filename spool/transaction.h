// transaction.h - SMTP over a stream (RFC 5321): EHLO, AUTH's place, and the mail transaction with
// a result for every recipient. It knows no network and no spool.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/rfc/envelope.h"
#include "lib/rfc/status.h"
#include "lib/store/entry.h"
#include "spool/stream.h"

namespace spool {

/// What the server offered in its reply to EHLO. Keywords in any case.
struct Capabilities {
  bool pipelining = false, eight_bit = false, utf8 = false, size = false, dsn = false;
  std::uint64_t size_limit = 0;   ///< 0: none was named
  std::vector<std::string> auth;  ///< lower-case mechanism names
};
Capabilities capabilities(const rfc::SmtpReply& ehlo);

struct Timeouts {
  std::chrono::seconds reply{300}, data{120}, dot{600};
};

struct Rewriting;  // rewrite.h

/// A recipient of this machine.
struct LocalTarget {
  store::RecipientKind kind = store::RecipientKind::mailbox;
  std::string target;              ///< login name, path, command, or name for another user's mail
  std::string original;            ///< as submitted: X-Original-To
  std::string final_address;       ///< Delivered-To
  std::string notify, ret, envid;  ///< DSN parameters, for other_user
  std::size_t line = 0;            ///< in the entry
};

/// One message for some recipients.
struct Job {
  std::string id;  ///< for logs and errors
  base::Time arrival;
  std::optional<LocalTarget> local;  ///< for an agent of this machine; recipients holds one then
  std::string prefix;                ///< whole header lines to go before the message, ASCII
  rfc::Path sender;
  std::vector<rfc::Path> recipients;
  /// RET and ENVID of MAIL, NOTIFY and ORCPT of each RCPT (RFC 3461 section 4), each with a blank
  /// before it; sent where DSN is offered. recipient_parameters: empty where no recipient has any.
  std::string mail_parameters;
  std::vector<std::string> recipient_parameters;
  store::Facts facts;
  int descriptor = -1;  ///< of the entry
  std::uint64_t message_offset = 0;
  /// Where in the entry the status bytes of the recipients lie, side by side, for the worker to
  /// write them; 0: they do not, or others write them.
  std::uint64_t status_offset = 0;
  const Rewriting* rewriting = nullptr;  ///< of senders; nullptr: none
};

struct BodyPlan;  // body.h

/// What became of a Job.
struct Verdict {
  std::vector<rfc::Outcome> outcomes;  ///< one a recipient, in order
  /// Recipients that were not decided about, since the server takes no more of them in one
  /// transaction (452 4.5.3) and has taken others: they go at once in another one.
  std::vector<std::size_t> left_over;
  bool in_doubt = false;       ///< the connection was lost between the final dot and its reply
  bool session_usable = true;  ///< false: drop the connection
  bool begun = true;       ///< false: MAIL got no answer but a farewell; a new session may be tried
  bool our_setup = false;  ///< MAIL or DATA was refused for what our set-up is (530, 535, …)
  bool dsn_offered = false;  ///< the server took over what NOTIFY asks for
};

/// What a Session asks of its owner while it works.
struct SessionHooks {
  /// Directly before the text of a message is sent: whether that may be. The verdict on the
  /// message before must be on stable storage by then.
  std::function<base::Result<>()> before_text;
  /// Directly before the final dot is sent; its error keeps it unsent.
  std::function<base::Result<>()> before_dot;
  /// The job that transact() will be called with next, or nullptr: its commands ride with the
  /// final dot, which saves a round trip. May be empty.
  std::function<const Job*()> next;
};

struct Attempt;

/// A session with a server that has greeted. Dead after a timeout, an end of input, garbage or 421.
class Session {
 public:
  Session(Stream& stream, std::string peer, Timeouts timeouts, SessionHooks hooks);
  ~Session();

  /// EHLO. Errors: retry with the server's words.
  base::Result<> greet(const std::string& helo);
  const Capabilities& offered() const { return offered_; }
  /// Send a line and read the reply; for AUTH. `secret` lines appear in no error. Errors: retry.
  base::Result<rfc::SmtpReply> exchange(std::string_view line);
  /// The mail transaction, ended by RSET where the server is left inside one. \pre `job` is the one
  /// that hooks.next() gave last, if it gave one.
  Verdict transact(const Job& job);
  /// QUIT; the reply is not waited for.
  void quit();

 private:
  base::Result<std::string> read_line(Deadline deadline);
  base::Result<rfc::SmtpReply> read_reply(std::chrono::seconds limit);
  base::Result<> send(std::string_view text, std::chrono::seconds limit);
  base::Result<> nothing_unasked();
  std::unique_ptr<Attempt> prepare(const Job& job) const;
  std::string mail_command(const Job& job, const BodyPlan& plan) const;
  std::string next_group(Attempt& attempt) const;
  void run(Attempt& attempt);
  base::Result<> envelope(Attempt& attempt);
  base::Result<> message(Attempt& attempt);
  base::Result<> body(Attempt& attempt);
  void ride(std::string& text);
  base::Result<> final_reply(Attempt& attempt);
  void reset_server(Attempt& attempt);
  base::Result<> take_reply(Attempt& attempt, std::size_t command);
  void take_rcpt_reply(Attempt& attempt, std::size_t recipient, const rfc::SmtpReply& reply);

  Stream& stream_;
  std::string peer_;
  Timeouts timeouts_;
  SessionHooks hooks_;
  Capabilities offered_;
  std::string received_;            // bytes behind the last reply
  std::unique_ptr<Attempt> ahead_;  // of the next job: its first commands are under way already
  bool alive_ = true;
};

/// Whether a reply speaks of our set-up (login, encryption, a command the server does not know),
/// not of the mail: 500 to 504, 530, 534, 535, 538, 555 and X.7.8, X.7.9, X.7.11; but not where its
/// status is about an address (X.1.Y).
bool about_our_setup(const rfc::SmtpReply& reply);
/// What a reply to a step of the transaction means for a recipient. Replies that speak of our own
/// set-up are never permanent; 552 to RCPT is 452 (RFC 5321 section 4.5.3.1.10).
rfc::Outcome outcome_of(const rfc::SmtpReply& reply, std::string_view step, std::string_view peer);
/// A fault of ours or of the line: always delayed.
rfc::Outcome outcome_of(const base::Error& error, std::string_view peer);

}  // namespace spool
