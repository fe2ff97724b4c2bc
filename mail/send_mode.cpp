#include "mail/send_mode.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "mail/addresses.h"
#include "mail/compose.h"
#include "mail/outgoing.h"
#include "mail/reading.h"
#include "mail/scratch.h"
#include "mail/template.h"

namespace reader {

namespace {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

Result<> add_words(const std::vector<std::string>& words, Addresses& out) {
  for (const auto& word : words) {
    TRY_LET(elements, split_addresses(word));
    out.insert(out.end(), elements.begin(), elements.end());
  }
  return {};
}

// `-r 'Name <address>'`: From and the envelope; an empty one is the null sender.
Result<> set_sender(const std::string& word, Letter& letter) {
  TRY_LET(elements, split_persons(word));
  if (elements.size() > 1) return Error{Kind::usage, "-r: more than one address"};
  if (elements.empty()) {
    letter.sender = "<>";
    return {};
  }
  letter.sender = bare_address(elements[0]);
  if (letter.sender.starts_with('-'))
    return Error{Kind::usage,
                 cat(base::printable(letter.sender), ": an address cannot begin with '-'")};
  letter.from = elements[0];
  return {};
}

// Name of a file for copies: what the first recipient's login leaves of itself.
std::string record_name(const Addresses& to) {
  if (to.empty()) return {};
  const std::string address = bare_address(to[0]);
  std::string name;
  for (const char c : address.substr(0, address.find('@'))) {
    const bool safe =
        base::alpha(c) || base::digit(c) || c == '_' || c == '+' || c == '-' || c == '.';
    const bool leading = name.empty() && (c == '.' || c == '-' || c == '+');
    if (safe && !leading) name.push_back(c);
  }
  return name;
}

Result<Letter> letter_of(const Invocation& invocation) {
  Letter letter;
  if (invocation.from) TRY(set_sender(*invocation.from, letter));
  TRY(add_words(invocation.to, letter.to));
  TRY(add_words(invocation.cc, letter.cc));
  TRY(add_words(invocation.bcc, letter.bcc));
  if (invocation.subject) letter.subject = *invocation.subject;
  for (const auto& field : invocation.fields) {
    const auto length = rfc::field_name_length(field);
    letter.fields.push_back({field.substr(0, length),
                             std::string(base::trim(field.substr(field.find(':', length) + 1)))});
  }
  TRY(adopt_fields(letter));
  if (!invocation.type.empty()) letter.type = invocation.type;
  letter.attachments = invocation.attachments;
  if (invocation.record_by_recipient) letter.record_name = record_name(letter.to);
  return letter;
}

// Refused while nothing is read yet: a report that cannot go anywhere is not worth waiting for.
Result<> check_recipients(const Session& session, const Letter& letter) {
  const Expansion expansion{.groups = &session.groups,
                            .self = session.person.user,
                            .metoo = session.variables.is_set("metoo"),
                            .addresses_only = !session.variables.is_set("expandaddr")};
  TRY_LET(destinations, expand_addresses(letter, expansion));
  if (destinations.addresses.empty() && destinations.files.empty() && destinations.commands.empty())
    return Error{Kind::usage, "no recipient"};
  return {};
}

Result<> append_named(const std::string& path, Scratch& body) {
  TRY_LET(file, base::open_at(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0, path));
  return body.append_file(file.number());
}

// Every byte is text: no escapes, no dot that ends it.
Result<> read_input(Scratch& body) {
  if (base::stdin_was_closed()) return {};
  char buffer[65536];
  for (;;) {
    TRY_LET(got, base::read_some(STDIN_FILENO, buffer, "standard input"));
    if (got == 0) return {};
    TRY(body.append({buffer, got}));
  }
}

Result<base::Fd> piped_body(const Session& session, const Invocation& invocation) {
  Scratch body(session.environment.tmp);
  if (!invocation.body_file.empty()) {
    TRY(append_named(invocation.body_file, body));
    return std::move(body).finish();
  }
  if (!invocation.quoted_file.empty()) TRY(append_named(invocation.quoted_file, body));
  TRY(read_input(body));
  return std::move(body).finish();
}

// The header of a template leaves the body for the letter's fields.
Result<> take_template(const Session& session, Letter& letter) {
  constexpr std::size_t largest = 16 << 20;
  std::string start(largest, '\0');
  TRY_LET(size, base::read_at(letter.body.number(), start, 0, "standard input"));
  start.resize(size);
  const auto header = template_header_size(start);
  TRY(read_template(std::string_view(start).substr(0, header), letter));
  Scratch rest(session.environment.tmp);
  TRY(rest.append_file(letter.body.number(), header));
  TRY_LET(body, std::move(rest).finish());
  letter.body = std::move(body);
  return {};
}

Result<bool> is_empty(const Letter& letter) {
  TRY_LET(facts, look_at_body(letter.body.number()));
  return facts.bytes == 0;
}

void set_variables(Session& session, const Invocation& invocation) {
  if (invocation.verbose) session.variables.set("verbose", "");
  if (invocation.debug) session.variables.set("debug", "");
  if (invocation.ignore_interrupts) session.variables.set("ignore", "");
  if (!invocation.verbose) return;
  for (const auto& remark : invocation.remarks) base::complain(remark);
}

// A program that reads our standard error takes every word for a failure.
bool somebody_looks(const Session& session) {
  return session.terminal.input || ::isatty(STDERR_FILENO) == 1;
}

Result<int> send_piped(Session& session, const Invocation& invocation, Letter letter) {
  TRY_LET(body, piped_body(session, invocation));
  letter.body = std::move(body);
  if (invocation.from_header) {
    TRY(take_template(session, letter));
    TRY(check_recipients(session, letter));
  }
  TRY_LET(empty, is_empty(letter));
  if (empty && letter.attachments.empty()) {
    if (invocation.skip_empty || session.variables.is_set("skipemptybody")) return 0;
    if (somebody_looks(session)) base::complain("Null message body; hope that's ok");
  }
  TRY(send(session, std::move(letter)));
  return 0;
}

// A newcomer does not know how a letter ends; whoever has settings does.
void hint(const Session& session) {
  const auto rc = session.environment.mailrc.value_or(cat(session.person.home, "/.mailrc"));
  const bool settled = session.environment.mailrc || ::access(rc.c_str(), F_OK) == 0;
  if (!session.terminal.input || !session.terminal.output || settled) return;
  base::print(session.variables.is_set("dot")
                  ? "(Write your letter; a dot alone on a line or Ctrl-D sends it, ~? helps.)\n"
                  : "(Write your letter; Ctrl-D sends it, ~? helps.)\n");
}

Result<int> send_composed(Session& session, const Invocation& invocation, Letter letter) {
  session.input = session.terminal.input ? terminal_input({}, "") : plain_input(STDIN_FILENO);
  session.escapes = invocation.escapes || invocation.interactive;
  if (!invocation.quoted_file.empty()) {
    Scratch start(session.environment.tmp);
    TRY(append_named(invocation.quoted_file, start));
    TRY_LET(body, std::move(start).finish());
    letter.body = std::move(body);
  }
  catch_interrupts();
  hint(session);
  TRY_LET(composed, compose(session, letter, {}));
  if (composed == Composed::aborted) return 1;
  if (composed == Composed::empty && letter.attachments.empty()) {
    if (invocation.skip_empty || session.variables.is_set("skipemptybody")) return 0;
    base::complain("Null message body; hope that's ok");
  }
  TRY(send(session, std::move(letter)));
  return 0;
}

}  // namespace

Result<int> send_mail(Session& session, const Invocation& invocation) {
  session.sending = true;
  start_up(session, invocation);
  set_variables(session, invocation);
  TRY_LET(letter, letter_of(invocation));
  if (!invocation.from_header) TRY(check_recipients(session, letter));
  const bool composes = (session.terminal.input || invocation.escapes || invocation.interactive) &&
                        !invocation.from_header && invocation.body_file.empty();
  return composes ? send_composed(session, invocation, std::move(letter))
                  : send_piped(session, invocation, std::move(letter));
}

}  // namespace reader
