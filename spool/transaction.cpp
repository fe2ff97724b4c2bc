#include "spool/transaction.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "spool/body.h"
#include "spool/cause.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using rfc::Outcome;
using rfc::SmtpReply;

namespace {
constexpr std::size_t group_size =
    50;  // commands under way at once: more could fill both sides' buffers (RFC 2920)
}

namespace {

// One line of the reply to EHLO, lower-case.
void add_capability(std::string_view keyword, std::string_view words, Capabilities& offered) {
  if (keyword == "pipelining") offered.pipelining = true;
  if (keyword == "8bitmime") offered.eight_bit = true;
  if (keyword == "smtputf8") offered.utf8 = true;
  if (keyword == "dsn") offered.dsn = true;
  if (keyword == "size") {
    offered.size = true;
    offered.size_limit = base::to_number<std::uint64_t>(base::trim(words)).value_or(0);
  }
  if (!keyword.starts_with("auth")) return;
  // "AUTH=PLAIN" is the old form of some servers.
  const std::string mechanisms =
      cat(keyword.starts_with("auth=") ? keyword.substr(5) : "", " ", words);
  for (const auto word : base::split(mechanisms, ' '))
    if (!word.empty() && (keyword == "auth" || keyword.starts_with("auth=")))
      offered.auth.emplace_back(word);
}

}  // namespace

Capabilities capabilities(const SmtpReply& ehlo) {
  Capabilities offered;
  std::string_view rest = ehlo.text;
  base::take(rest, '\n');  // the server's name
  while (!rest.empty()) {
    const std::string line = base::lowered(base::trim(base::take(rest, '\n')));
    std::string_view words = line;
    const auto keyword = base::take(words, ' ');
    add_capability(keyword, words, offered);
  }
  return offered;
}

bool about_our_setup(const SmtpReply& reply) {
  constexpr int codes[] = {500, 501, 502, 503, 504, 530, 534, 535, 538, 555};
  const auto status = reply.status();
  if (status.subject == 1) return false;
  if (std::find(std::begin(codes), std::end(codes), reply.code) != std::end(codes)) return true;
  return status.subject == 7 && (status.detail == 8 || status.detail == 9 || status.detail == 11);
}

Outcome outcome_of(const SmtpReply& reply, std::string_view step, std::string_view peer) {
  const bool too_many = reply.code == 552 && step == "RCPT TO command";
  const bool permanent = reply.permanent() && !about_our_setup(reply) && !too_many;
  const std::string text =
      base::printable(cat("host ", peer, " said: ", reply.shown(), " (in reply to ", step, ")"));
  Outcome outcome = permanent ? failed(Cause::refused, text, reply.status())
                              : Outcome{Outcome::Kind::delayed, reply.status(), text};
  if (!permanent) outcome.status.category = 4;
  outcome.reply = reply.shown();
  outcome.host = peer.substr(0, peer.find('['));
  return outcome;
}

Outcome outcome_of(const Error& error, std::string_view peer) {
  return {Outcome::Kind::delayed,
          {4, 4, 2},
          base::printable(cat(error.text, peer.empty() ? "" : " with ", peer))};
}

/// One transaction on its way.
struct Attempt {
  const Job* job = nullptr;
  BodyPlan plan;
  std::vector<std::string> commands;             // MAIL, RCPT…, DATA; none where nobody is asked
  std::vector<std::size_t> asked;                // which recipient each RCPT names
  std::size_t sent = 0, replied = 0;             // of the commands
  std::vector<std::optional<Outcome>> outcomes;  // decided ones
  std::vector<std::size_t> left_over;
  std::optional<SmtpReply> mail, data;
  std::size_t accepted = 0;
  bool full = false;      // the server takes no more recipients in this transaction
  bool finished = false;  // the final dot is on its way
  bool in_doubt = false, our_setup = false;
  bool out_of_step = false;  // the server's replies do not belong to our commands

  void decide(const Outcome& outcome) {  // all that is undecided
    for (auto& slot : outcomes)
      if (!slot) slot = outcome;
  }
  bool data_is_next() const { return sent + 1 == commands.size(); }
  // The recipients that were not named yet go in another transaction: DATA is next.
  void leave_rest() {
    for (; sent + 1 < commands.size(); ++sent) left_over.push_back(asked[sent - 1]);
    replied = sent;
  }
};

Session::Session(Stream& stream, std::string peer, Timeouts timeouts, SessionHooks hooks)
    : stream_(stream), peer_(std::move(peer)), timeouts_(timeouts), hooks_(std::move(hooks)) {}

Session::~Session() = default;

Result<> Session::send(std::string_view text, std::chrono::seconds limit) {
  auto sent = stream_.send(text, std::chrono::steady_clock::now() + limit);
  if (!sent) alive_ = false;
  return sent;
}

// What is said before it is asked for would be taken for the reply to what is asked next, and each
// recipient for another one. Errors: io; what was said is kept.
Result<> Session::nothing_unasked() {
  if (received_.empty()) {
    char buffer[512];
    const auto got = stream_.receive(buffer, std::chrono::steady_clock::now());
    if (!got && got.error().kind == Kind::retry) return {};  // nothing is there
    if (got && got.value() > 0) received_.assign(buffer, got.value());
  }
  alive_ = false;
  return Error{Kind::io, received_.empty() ? "lost connection" : "a reply that nobody asked for"};
}

// The next line without its line end. Errors: retry.
Result<std::string> Session::read_line(Deadline deadline) {
  constexpr std::size_t longest = 65536;
  auto newline = received_.find('\n');
  while (newline == std::string::npos) {
    if (received_.size() > longest) return Error{Kind::retry, "a reply line without end"};
    char buffer[4096];
    TRY_LET(got, stream_.receive(buffer, deadline));
    if (got == 0) return Error{Kind::retry, "lost connection"};
    const auto before = received_.size();
    received_.append(buffer, got);
    newline = received_.find('\n', before);
  }
  std::string line = received_.substr(0, newline);
  received_.erase(0, newline + 1);
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

Result<SmtpReply> Session::read_reply(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  rfc::ReplyReader reader;
  const bool was_alive = std::exchange(alive_, false);  // dead unless a whole reply comes
  for (;;) {
    TRY_LET(line, read_line(deadline));
    const auto state = reader.feed(line);
    if (state == rfc::ReplyReader::State::garbage) return Error{Kind::retry, "not an SMTP reply"};
    if (state == rfc::ReplyReader::State::more) continue;
    SmtpReply reply = reader.take();
    alive_ = was_alive && reply.code != 421;
    return reply;
  }
}

Result<SmtpReply> Session::exchange(std::string_view line) {
  TRY(nothing_unasked());
  TRY(send(cat(line, "\r\n"), timeouts_.reply));
  return read_reply(timeouts_.reply);
}

Result<> Session::greet(const std::string& helo) {
  TRY_LET(reply, exchange(cat("EHLO ", helo)));
  if (!reply.positive())
    return Error{Kind::retry, cat("host ", peer_, " refused EHLO: ", reply.shown())};
  offered_ = capabilities(reply);
  return {};
}

std::string Session::mail_command(const Job& job, const BodyPlan& plan) const {
  std::string command = cat("MAIL FROM:<", plan.sender.text(), ">");
  if (offered_.size) command += cat(" SIZE=", plan.size);
  if (offered_.eight_bit && plan.eight_bit) command += " BODY=8BITMIME";
  const bool utf8 = plan.utf8 || !plan.sender.ascii() ||
                    std::any_of(job.recipients.begin(), job.recipients.end(),
                                [](const auto& path) { return !path.ascii(); });
  if (offered_.utf8 && utf8) command += " SMTPUTF8";
  return offered_.dsn ? command + job.mail_parameters : command;
}

// Who can be asked for, and with which commands.
std::unique_ptr<Attempt> Session::prepare(const Job& job) const {
  auto attempt = std::make_unique<Attempt>();
  attempt->job = &job;
  attempt->outcomes.resize(job.recipients.size());
  attempt->plan = plan_body(job, offered_);
  const auto& plan = attempt->plan;
  if (plan.refused) attempt->decide(*plan.refused);
  if (offered_.size_limit != 0 && plan.size > offered_.size_limit)
    attempt->decide(
        failed(Cause::too_large, cat("message of ", plan.size, " bytes is larger than the ",
                                     offered_.size_limit, " bytes that host ", peer_, " takes")));
  for (std::size_t i = 0; i < job.recipients.size(); ++i) {
    auto& outcome = attempt->outcomes[i];
    if (!outcome && !offered_.utf8 && (!job.recipients[i].ascii() || !plan.sender.ascii()))
      outcome = failed(Cause::needs_utf8, cat("host ", peer_, " does not offer SMTPUTF8, which ",
                                              "this address needs"));
    if (outcome) continue;
    std::string command = cat("RCPT TO:<", job.recipients[i].text(), ">");
    if (offered_.dsn && !job.recipient_parameters.empty()) command += job.recipient_parameters[i];
    attempt->commands.push_back(std::move(command));
    attempt->asked.push_back(i);
  }
  if (attempt->commands.empty()) return attempt;
  attempt->commands.insert(attempt->commands.begin(), mail_command(job, plan));
  attempt->commands.emplace_back("DATA");
  return attempt;
}

// The commands that go in one flight now; none where the transaction has come to nothing.
std::string Session::next_group(Attempt& attempt) const {
  const auto& commands = attempt.commands;
  const std::size_t at_once = offered_.pipelining ? group_size : 1;
  if (attempt.mail && !attempt.mail->positive()) return {};
  // Nothing accepted: DATA would only be refused. RFC 2920 has it ride along where that is not
  // known yet.
  if (attempt.data_is_next() && attempt.sent > 0 && attempt.accepted == 0) return {};
  const auto end = std::min(attempt.sent + at_once, commands.size());
  std::string text;
  for (; attempt.sent < end; ++attempt.sent) text += cat(commands[attempt.sent], "\r\n");
  return text;
}

void Session::take_rcpt_reply(Attempt& attempt, std::size_t recipient, const SmtpReply& reply) {
  auto& slot = attempt.outcomes[recipient];
  if (slot) return;
  // RFC 5321 section 4.5.3.1.10: enough recipients for one transaction, not one too many for ever.
  const auto status = reply.status();
  const bool enough =
      reply.code == 452 && attempt.accepted > 0 &&
      (status == rfc::EnhancedStatus{4, 5, 3} || status == rfc::EnhancedStatus{4, 0, 0});
  if (reply.positive()) ++attempt.accepted;
  else if (enough) attempt.left_over.push_back(recipient);
  else slot = outcome_of(reply, "RCPT TO command", peer_);
  attempt.full = attempt.full || enough;
}

// The reply to command number `command` of the attempt, into its place.
Result<> Session::take_reply(Attempt& attempt, std::size_t command) {
  TRY_LET(reply, read_reply(timeouts_.reply));
  const bool last = command + 1 == attempt.commands.size();
  if (last ? reply.positive() : reply.intermediate()) {
    attempt.out_of_step = true;
    alive_ = false;
    return Error{Kind::retry, cat("replies out of step: ", reply.shown())};
  }
  if (command == 0) {
    if (!reply.positive()) attempt.decide(outcome_of(reply, "MAIL FROM command", peer_));
    attempt.our_setup = !reply.positive() && about_our_setup(reply);
    attempt.mail = std::move(reply);
  } else if (last) {
    attempt.data = std::move(reply);
  } else {
    take_rcpt_reply(attempt, attempt.asked[command - 1], reply);
  }
  return alive_ ? Result<>() : Result<>(Error{Kind::retry, "the server closes the session"});
}

Result<> Session::envelope(Attempt& attempt) {
  while (attempt.replied < attempt.commands.size()) {
    if (attempt.sent == attempt.replied) {
      if (attempt.full) attempt.leave_rest();
      const std::string group = next_group(attempt);
      if (group.empty()) return {};
      if (auto quiet = nothing_unasked(); !quiet) {
        attempt.out_of_step = !received_.empty();
        return quiet;
      }
      TRY(send(group, timeouts_.reply));
    }
    for (; attempt.replied < attempt.sent; ++attempt.replied)
      TRY(take_reply(attempt, attempt.replied));
  }
  return {};
}

// The next job's first commands go with the final dot (RFC 2920 section 3.1 allows the end of the
// text to begin a group). Should this message be refused, the server is outside of a transaction
// all the same.
void Session::ride(std::string& text) {
  const Job* job = offered_.pipelining && hooks_.next ? hooks_.next() : nullptr;
  if (job == nullptr) return;
  ahead_ = prepare(*job);
  if (!ahead_->commands.empty()) text += next_group(*ahead_);
}

Result<> Session::body(Attempt& attempt) {
  TRY(hooks_.before_text());
  BodySource source(*attempt.job, attempt.plan);
  std::string text;
  for (bool more = true; more;) {
    text.clear();
    TRY_LET(going_on, source.next(text));
    more = going_on;
    if (stop_requested()) return Error{Kind::retry, "stopped"};
    if (!more) {
      TRY(nothing_unasked());
      TRY(hooks_.before_dot());
      attempt.finished = true;
      ride(text);
    }
    TRY(send(text, timeouts_.data));
  }
  return {};
}

// The text of the message and the reply that decides about it.
Result<> Session::message(Attempt& attempt) {
  auto sent = body(attempt);
  if (sent || attempt.finished) return final_reply(attempt);
  // Without its final dot the message is none: the connection is dropped in the middle of it. A
  // server that had enough (552) may have said so before it hung up.
  alive_ = false;
  if (sent.error().kind == Kind::io) {
    const auto reply = read_reply(std::chrono::seconds(1));
    alive_ = false;
    if (reply && !reply.value().positive())
      attempt.decide(outcome_of(reply.value(), "message text", peer_));
  }
  return sent;
}

Result<> Session::final_reply(Attempt& attempt) {
  stream_.await_last_reply(true);
  auto reply = read_reply(timeouts_.dot);
  stream_.await_last_reply(false);
  if (!reply || reply.value().intermediate()) {
    attempt.in_doubt = true;
    alive_ = false;
    return Error{Kind::retry,
                 cat(reply ? reply.value().shown() : reply.error().text,
                     " after the final dot: it is not known whether the message was taken")};
  }
  const auto& value = reply.value();
  if (!value.positive()) {
    attempt.decide(outcome_of(value, "end of DATA command", peer_));
    return {};
  }
  Outcome outcome{Outcome::Kind::delivered, value.status(), value.shown()};
  outcome.reply = value.shown();
  outcome.host = peer_.substr(0, peer_.find('['));
  attempt.decide(outcome);
  return {};
}

// Leave the server outside of a transaction, for the next message.
void Session::reset_server(Attempt& attempt) {
  if (!alive_) return;
  if (attempt.data && attempt.data->intermediate() && attempt.accepted > 0) {
    alive_ = false;  // somebody would get the empty message
  } else if (attempt.data && attempt.data->intermediate()) {
    // It waits for a message that nobody may get: an empty one, whose recipients were all refused
    // (RFC 2920 section 3.1).
    if (!send(".\r\n", timeouts_.data) || !read_reply(timeouts_.dot)) alive_ = false;
  } else {
    const auto reply = exchange("RSET");
    attempt.out_of_step = reply ? reply.value().intermediate() : !received_.empty();
    if (!reply || !reply.value().positive()) alive_ = false;
  }
}

void Session::run(Attempt& attempt) {
  auto state = envelope(attempt);
  if (state && attempt.data && attempt.accepted > 0 && attempt.mail->positive()) {
    // What is left over is decided about in another transaction.
    for (const auto i : attempt.left_over)
      attempt.outcomes[i] =
          Outcome{Outcome::Kind::delayed, {4, 5, 3}, "the server takes no more recipients at once"};
    if (attempt.data->intermediate()) {
      state = message(attempt);
    } else {
      attempt.decide(outcome_of(*attempt.data, "DATA command", peer_));
      attempt.our_setup = about_our_setup(*attempt.data);
    }
  }
  if (!state) attempt.decide(outcome_of(state.error(), peer_));
  attempt.decide({Outcome::Kind::delayed, {4, 5, 0}, cat("host ", peer_, " took no recipient")});
  if (attempt.finished) return;
  attempt.left_over.clear();
  reset_server(attempt);
  if (!attempt.out_of_step) return;
  // Who can say whom a refusal was meant for?
  const Error error{Kind::retry, state ? "replies out of step" : state.error().text};
  attempt.outcomes.assign(attempt.outcomes.size(), outcome_of(error, peer_));
}

Verdict Session::transact(const Job& job) {
  const auto attempt = ahead_ && ahead_->job == &job ? std::move(ahead_) : prepare(job);
  if (!attempt->commands.empty()) run(*attempt);
  Verdict verdict;
  for (auto& outcome : attempt->outcomes) verdict.outcomes.push_back(std::move(*outcome));
  verdict.left_over = std::move(attempt->left_over);
  verdict.in_doubt = attempt->in_doubt;
  verdict.session_usable = alive_;
  verdict.begun = attempt->commands.empty() || (attempt->mail && attempt->mail->code != 421);
  verdict.our_setup = attempt->our_setup;
  verdict.dsn_offered = offered_.dsn;
  return verdict;
}

void Session::quit() {
  // Behind a DATA that rode ahead it would be text of a message.
  if (alive_ && !ahead_) (void)send("QUIT\r\n", std::chrono::seconds(1));
  alive_ = false;
}

}  // namespace spool
