#include <unistd.h>

#include <unordered_set>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "mail/addresses.h"
#include "mail/command.h"
#include "mail/compose.h"
#include "mail/composition.h"
#include "mail/encoded_word.h"
#include "mail/fields.h"
#include "mail/reply.h"
#include "mail/resend.h"
#include "mail/scratch.h"
#include "mail/select.h"
#include "mail/words.h"

namespace reader {

namespace {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

// A letter that was given up is a word on the screen, no error of the command.
Result<bool> compose_and_send(Session& session, Letter letter,
                              const std::vector<std::size_t>& current) {
  TRY_LET(composed, compose(session, letter, current));
  if (composed == Composed::aborted) return false;
  if (composed == Composed::empty && letter.attachments.empty()) {
    if (session.variables.is_set("skipemptybody")) return false;
    base::flush_output();
    base::complain("Null message body; hope that's ok");
  }
  auto sent = send(session, std::move(letter));
  if (!sent) {
    session.status = 1;
    return std::move(sent).error();
  }
  return true;
}

Result<Next> mail(Session& session, const Call& call) {
  Letter letter;
  TRY_LET(to, split_addresses(call.text));
  letter.to = std::move(to);
  if (letter.to.empty() && session.input->person() && !ask_addresses(session, "To: ", letter.to))
    return Next::go_on;
  if (letter.to.empty()) return Error{Kind::usage, "No recipient given."};
  std::vector<std::size_t> current;
  if (session.dot < session.marks.size()) current.push_back(session.dot);
  TRY(compose_and_send(session, std::move(letter), current));
  return Next::go_on;
}

// --- answers

Answerer answerer_of(const Session& session) {
  return {.user = session.person.user,
          .host = session.person.host,
          .domain = session.person.domain,
          .alternates = session.groups.alternates,
          .metoo = session.variables.is_set("metoo"),
          .same_login = session.variables.is_set("allnet")};
}

std::string author_of(std::string_view header, const Letter& letter) {
  const auto from = field_body(header, "From");
  if (from) return rfc::unfolded(decoded_words(*from));
  return letter.to.empty() ? "" : letter.to[0];
}

// `quote`: the text that is answered stands in the letter, for its author to answer line by line.
Result<> quote(Session& session, std::size_t index, const std::string& author, Letter& letter) {
  const auto* prefix = session.variables.find("indentprefix");
  TRY_LET(text, quoted_message(session, index, QuotedFields::none));
  const std::string quoted =
      cat(author, " wrote:\n\n", indented(text, prefix == nullptr ? "\t" : *prefix), "\n");
  base::print(for_charset(displayable_lines(quoted), session.terminal.charset));
  TRY_LET(body, unnamed_file(session.environment.tmp));
  TRY(base::write_all(body.number(), quoted, "letter"));
  letter.body = std::move(body);
  return {};
}

enum class Copy { as_set, by_author };

// Name of a file after its author's login, safe for a file's name.
std::string login_name(const Letter& letter) {
  std::string name;
  if (letter.to.empty()) return name;
  for (const char c : letter.to[0].substr(0, letter.to[0].find('@'))) {
    const bool safe = base::alpha(c) || base::digit(c) || c == '_' || (!name.empty() && c == '-') ||
                      (!name.empty() && c == '.');
    if (safe) name.push_back(c);
  }
  return name;
}

Result<Next> answer(Session& session, const std::vector<std::size_t>& messages, AnswerTo whom,
                    Copy copy) {
  if (messages.empty()) return Error{Kind::usage, "No applicable messages"};
  const auto first = messages[0];
  TRY_LET(header, session.folder->header(first));
  TRY_LET(from_line, session.folder->from_line(first));
  Letter letter = make_answer(header, from_line, answerer_of(session), whom);
  std::unordered_set<std::string> known(letter.to.begin(), letter.to.end());
  for (std::size_t i = 1; i < messages.size(); ++i) {
    TRY_LET(other, session.folder->header(messages[i]));
    TRY_LET(line, session.folder->from_line(messages[i]));
    const auto more = make_answer(other, line, answerer_of(session), AnswerTo::sender);
    for (const auto& address : more.to)
      if (known.insert(address).second) letter.to.push_back(address);
    letter.left_out.insert(letter.left_out.end(), more.left_out.begin(), more.left_out.end());
  }
  if (letter.to.empty()) return Error{Kind::usage, "The message does not say whom to answer."};
  for (auto* list : {&letter.to, &letter.cc}) guard_from_aliases(session.groups, *list);
  if (copy == Copy::by_author) letter.record_name = login_name(letter);
  if (session.input->person()) base::print(cat(shown_header(session, letter), "\n"));
  if (session.variables.is_set("quote"))
    TRY(quote(session, first, author_of(header, letter), letter));
  TRY_LET(sent, compose_and_send(session, std::move(letter), messages));
  if (sent)
    for (const auto index : messages)
      session.marks[index] = static_cast<Marks>(session.marks[index] | replied | changed);
  return Next::go_on;
}

AnswerTo usual(const Session& session, AnswerTo whom) {
  if (!session.variables.is_set("flipr")) return whom;
  return whom == AnswerTo::all ? AnswerTo::sender : AnswerTo::all;
}

// To all that a message names: one message.
std::vector<std::size_t> first_of(const Call& call) {
  return {call.messages.begin(), call.messages.begin() + (call.messages.empty() ? 0 : 1)};
}

Result<Next> answer_usual(Session& session, const Call& call, AnswerTo whom, Copy copy) {
  const auto meant = usual(session, whom);
  return answer(session, meant == AnswerTo::all ? first_of(call) : call.messages, meant, copy);
}

Result<Next> reply(Session& session, const Call& call) {
  return answer_usual(session, call, AnswerTo::all, Copy::as_set);
}
Result<Next> reply_sender(Session& session, const Call& call) {
  return answer_usual(session, call, AnswerTo::sender, Copy::as_set);
}
Result<Next> reply_all(Session& session, const Call& call) {
  return answer(session, first_of(call), AnswerTo::all, Copy::as_set);
}
Result<Next> reply_list(Session& session, const Call& call) {
  return answer(session, first_of(call), AnswerTo::list, Copy::as_set);
}
Result<Next> followup(Session& session, const Call& call) {
  return answer_usual(session, call, AnswerTo::all, Copy::by_author);
}
Result<Next> followup_sender(Session& session, const Call& call) {
  return answer_usual(session, call, AnswerTo::sender, Copy::by_author);
}

// --- on to somebody else

struct Onward {
  std::vector<std::size_t> messages;
  Addresses to;
};

// `forward 1 2 jane`: the last word is who gets it.
Result<Onward> onward(Session& session, const Call& call) {
  const auto last = split_last_word(call.text);
  if (last.word.empty()) return Error{Kind::usage, "No recipient given."};
  Onward meant;
  TRY_LET(to, split_addresses(last.word));
  TRY_LET(messages, select_messages(session, split_words(last.before), Among::present));
  if (messages.empty()) return Error{Kind::usage, "No applicable messages"};
  meant.to = std::move(to);
  meant.messages = std::move(messages);
  return meant;
}

Result<std::string> forward_subject(Session& session, std::size_t index) {
  TRY_LET(header, session.folder->header(index));
  const auto subject = field_body(header, "Subject");
  const std::string text = subject ? displayable(rfc::unfolded(decoded_words(*subject))) : "";
  return base::istarts_with(text, "fwd:") ? text : cat("Fwd: ", text);
}

Result<> put_inline(Session& session, const std::vector<std::size_t>& messages, Letter& letter) {
  TRY_LET(body, unnamed_file(session.environment.tmp));
  for (const auto index : messages) {
    TRY_LET(text, quoted_message(session, index, QuotedFields::forwarded));
    TRY(base::write_all(body.number(), cat("-------- Original Message --------\n", text, "\n"),
                        "letter"));
  }
  letter.body = std::move(body);
  return {};
}

Result<> attach(Session& session, const std::vector<std::size_t>& messages, Letter& letter) {
  for (const auto index : messages) {
    TRY_LET(text, session.folder->text(index));
    TRY_LET(file, unnamed_file(session.environment.tmp));
    TRY(base::write_all(file.number(), resent_text(text, ""), "letter"));
    letter.attachments.push_back({.path = cat("/proc/self/fd/", file.number()),
                                  .name = cat("message-", index + 1, ".eml"),
                                  .type = "message/rfc822",
                                  .charset = {}});
    letter.held.push_back(std::move(file));
  }
  return {};
}

using Include = Result<> (*)(Session&, const std::vector<std::size_t>&, Letter&);

Result<Next> forward_with(Session& session, const Call& call, Include include) {
  TRY_LET(meant, onward(session, call));
  Letter letter;
  letter.to = meant.to;
  TRY_LET(subject, forward_subject(session, meant.messages[0]));
  letter.subject = std::move(subject);
  TRY(include(session, meant.messages, letter));
  if (session.input->person()) base::print(cat(shown_header(session, letter), "\n"));
  TRY(compose_and_send(session, std::move(letter), meant.messages));
  return Next::go_on;
}

Result<Next> forward(Session& session, const Call& call) {
  const bool attached = session.variables.is_set("forward-as-attachment");
  return forward_with(session, call, attached ? attach : put_inline);
}
Result<Next> forward_attached(Session& session, const Call& call) {
  return forward_with(session, call, attach);
}

Result<Next> resend_with(Session& session, const Call& call, ResentFields fields) {
  TRY_LET(meant, onward(session, call));
  for (const auto index : meant.messages) {
    auto sent = resend(session, index, meant.to, fields);
    if (sent) continue;
    session.status = 1;
    return std::move(sent).error();
  }
  return Next::go_on;
}
Result<Next> resend_marked(Session& session, const Call& call) {
  return resend_with(session, call, ResentFields::add);
}
Result<Next> resend_plain(Session& session, const Call& call) {
  return resend_with(session, call, ResentFields::leave_out);
}

constexpr Command rows[] = {
    {"mail", 1, Takes::text, false, mail, "address ...  write a letter"},
    {"reply", 1, Takes::messages, false, reply, "[message]  answer the sender and all recipients"},
    {"respond", 3, Takes::messages, false, reply, "[message]  the same as reply"},
    {"replyall", 6, Takes::messages, false, reply_all, "[message]  answer all, flipr or not"},
    {"Reply", 1, Takes::messages, false, reply_sender, "[messages]  answer the senders only"},
    {"Respond", 3, Takes::messages, false, reply_sender, "[messages]  the same as Reply"},
    {"Replyall", 6, Takes::messages, false, reply_all, "[message]  the same as replyall"},
    {"lreply", 2, Takes::messages, false, reply_list, "[message]  answer to the mailing list"},
    {"followup", 2, Takes::messages, false, followup,
     "[message]  reply, and keep a copy in a file named after the author"},
    {"Followup", 1, Takes::messages, false, followup_sender,
     "[messages]  Reply, and keep a copy in a file named after the author"},
    {"forward", 3, Takes::text, false, forward,
     "[messages] address  send messages on in a letter of yours"},
    {"Forward", 3, Takes::text, false, forward_attached,
     "[messages] address  send messages on as attachments"},
    {"forwardattach", 8, Takes::text, false, forward_attached,
     "[messages] address  the same as Forward"},
    {"fwd", 2, Takes::text, false, forward, "[messages] address  the same as forward"},
    {"resend", 4, Takes::text, false, resend_marked,
     "[messages] address  send messages on as they are"},
    {"Resend", 4, Takes::text, false, resend_plain,
     "[messages] address  the same, without saying so in them"},
};

}  // namespace

std::span<const Command> send_commands() { return rows; }

}  // namespace reader
