#include "spool/transaction.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "spool/body.h"

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

namespace {

bool about_our_setup(const SmtpReply& reply) {
  constexpr int codes[] = {500, 501, 502, 503, 504, 530, 534, 535, 538, 555};
  if (std::find(std::begin(codes), std::end(codes), reply.code) != std::end(codes)) return true;
  const auto status = reply.status();
  return status.subject == 7 && (status.detail == 8 || status.detail == 9 || status.detail == 11);
}

}  // namespace

Outcome outcome_of(const SmtpReply& reply, std::string_view step, std::string_view peer) {
  Outcome outcome;
  outcome.status = reply.status();
  outcome.text =
      base::printable(cat("host ", peer, " said: ", reply.shown(), " (in reply to ", step, ")"));
  const bool too_many = reply.code == 552 && step == "RCPT TO command";
  if (reply.permanent() && !about_our_setup(reply) && !too_many) {
    outcome.kind = Outcome::Kind::failed;
  } else {
    outcome.kind = Outcome::Kind::delayed;
    outcome.status.category = 4;
  }
  return outcome;
}

Outcome outcome_of(const Error& error, std::string_view peer) {
  return {Outcome::Kind::delayed,
          {4, 4, 2},
          base::printable(cat(error.text, peer.empty() ? "" : " with ", peer))};
}

/// One transaction on its way.
struct Session::Attempt {
  std::vector<std::string> commands;             // MAIL, RCPT…, DATA
  std::vector<std::size_t> asked;                // which recipient each RCPT names
  std::vector<std::optional<Outcome>> outcomes;  // decided ones
  std::optional<SmtpReply> mail, data;
  std::string final_text;
  std::size_t accepted = 0;
  bool finished = false;  // the final dot is on its way
  bool in_doubt = false;

  void decide(const Outcome& outcome) {  // all that is undecided
    for (auto& slot : outcomes)
      if (!slot) slot = outcome;
  }
};

Session::Session(Stream& stream, std::string peer, Timeouts timeouts,
                 std::function<base::Result<>()> about_to_finish)
    : stream_(stream),
      peer_(std::move(peer)),
      timeouts_(timeouts),
      about_to_finish_(std::move(about_to_finish)) {}

Result<> Session::send(std::string_view text, std::chrono::seconds limit) {
  auto sent = stream_.send(text, std::chrono::steady_clock::now() + limit);
  if (!sent) alive_ = false;
  return sent;
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
  const bool recoded = plan.encoding != TransferEncoding::none;
  std::string command = cat("MAIL FROM:<", job.sender.text(), ">");
  const auto& facts = job.facts;
  if (offered_.size && !recoded) command += cat(" SIZE=", plan.size);
  if (offered_.eight_bit && !recoded && (facts.eight_bit_body || facts.eight_bit_header))
    command += " BODY=8BITMIME";
  const bool utf8 = facts.eight_bit_header || !job.sender.ascii() ||
                    std::any_of(job.recipients.begin(), job.recipients.end(),
                                [](const auto& path) { return !path.ascii(); });
  if (offered_.utf8 && utf8) command += " SMTPUTF8";
  return command;
}

// The reply to command number `command` of the attempt, into its place.
Result<> Session::take_reply(Attempt& attempt, std::size_t command) {
  TRY_LET(reply, read_reply(timeouts_.reply));
  if (command == 0) {
    if (!reply.positive()) attempt.decide(outcome_of(reply, "MAIL FROM command", peer_));
    attempt.mail = std::move(reply);
  } else if (command + 1 == attempt.commands.size()) {
    attempt.data = std::move(reply);
  } else if (auto& slot = attempt.outcomes[attempt.asked[command - 1]]; !slot) {
    if (reply.positive()) ++attempt.accepted;
    else slot = outcome_of(reply, "RCPT TO command", peer_);
  }
  return alive_ ? Result<>() : Result<>(Error{Kind::retry, "the server closes the session"});
}

Result<> Session::envelope(Attempt& attempt, const std::string& mail) {
  attempt.commands.insert(attempt.commands.begin(), mail);
  attempt.commands.push_back("DATA");
  const auto& commands = attempt.commands;
  const std::size_t at_once = offered_.pipelining ? group_size : 1;
  for (std::size_t first = 0; first < commands.size(); first += at_once) {
    const auto end = std::min(first + at_once, commands.size());
    const bool data_next = end == commands.size();
    // Nothing accepted: DATA would only be refused; RFC 2920 asks for it to ride along where that
    // is not known yet.
    if (data_next && first + 1 == end && attempt.accepted == 0) return {};
    std::string text;
    for (std::size_t i = first; i < end; ++i) text += cat(commands[i], "\r\n");
    TRY(send(text, timeouts_.reply));
    for (std::size_t i = first; i < end; ++i) TRY(take_reply(attempt, i));
    if (attempt.mail && !attempt.mail->positive() && !data_next) return {};
  }
  return {};
}

Result<> Session::body(const Job& job, const BodyPlan& plan, Attempt& attempt) {
  BodySource source(job, plan);
  std::string text;
  for (bool more = true; more;) {
    text.clear();
    TRY_LET(going_on, source.next(text));
    more = going_on;
    if (stop_requested()) return Error{Kind::retry, "stopped"};
    if (!more) {
      TRY(about_to_finish_());
      attempt.finished = true;
    }
    TRY(send(text, timeouts_.data));
  }
  return {};
}

// The text of the message and the reply that decides about it.
Result<> Session::message(const Job& job, const BodyPlan& plan, Attempt& attempt) {
  auto sent = body(job, plan, attempt);
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
  if (!reply) {
    attempt.in_doubt = true;
    return Error{Kind::retry,
                 cat(reply.error().text,
                     " after the final dot: it is not known whether the message was taken")};
  }
  const auto& value = reply.value();
  if (value.positive()) attempt.decide({Outcome::Kind::delivered, value.status(), value.shown()});
  else attempt.decide(outcome_of(value, "end of DATA command", peer_));
  return {};
}

// Leave the server outside of a transaction, for the next message.
void Session::reset_server(Attempt& attempt) {
  if (!alive_) return;
  if (attempt.data && attempt.data->intermediate()) {
    // It waits for a message that nobody may get: an empty one, whose recipients were all refused
    // (RFC 2920 section 3.1).
    if (!send(".\r\n", timeouts_.data) || !read_reply(timeouts_.dot)) alive_ = false;
    return;
  }
  const auto reply = exchange("RSET");
  if (!reply || !reply.value().positive()) alive_ = false;
}

void Session::run(const Job& job, const BodyPlan& plan, Attempt& attempt) {
  auto state = envelope(attempt, mail_command(job, plan));
  if (state && attempt.data && attempt.accepted > 0) {
    if (attempt.data->intermediate()) state = message(job, plan, attempt);
    else attempt.decide(outcome_of(*attempt.data, "DATA command", peer_));
  }
  if (!state) attempt.decide(outcome_of(state.error(), peer_));
  attempt.decide({Outcome::Kind::delayed, {4, 5, 0}, cat("host ", peer_, " took no recipient")});
  if (!attempt.finished) reset_server(attempt);
}

Verdict Session::transact(const Job& job) {
  Attempt attempt;
  attempt.outcomes.resize(job.recipients.size());
  const BodyPlan plan = plan_body(job, offered_.eight_bit);
  if (offered_.size_limit != 0 && plan.size > offered_.size_limit)
    attempt.decide({Outcome::Kind::failed,
                    {5, 3, 4},
                    cat("message of ", plan.size, " bytes is larger than the ", offered_.size_limit,
                        " bytes that host ", peer_, " takes")});
  for (std::size_t i = 0; i < job.recipients.size(); ++i) {
    if (!offered_.utf8 && (!job.recipients[i].ascii() || !job.sender.ascii()))
      attempt.outcomes[i] =
          Outcome{Outcome::Kind::failed,
                  {5, 6, 7},
                  cat("host ", peer_, " does not offer SMTPUTF8, which this address needs")};
    if (attempt.outcomes[i]) continue;
    attempt.commands.push_back(cat("RCPT TO:<", job.recipients[i].text(), ">"));
    attempt.asked.push_back(i);
  }
  if (!attempt.asked.empty()) run(job, plan, attempt);
  Verdict verdict;
  for (auto& outcome : attempt.outcomes) verdict.outcomes.push_back(std::move(*outcome));
  verdict.in_doubt = attempt.in_doubt;
  verdict.session_usable = alive_;
  verdict.begun = attempt.asked.empty() || (attempt.mail && attempt.mail->code != 421);
  return verdict;
}

void Session::quit() {
  if (alive_) (void)send("QUIT\r\n", std::chrono::seconds(1));
  alive_ = false;
}

}  // namespace spool
