#include "mail/send_mode.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

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
  if (invocation.from) TRY(set_sender("-r", *invocation.from, letter));
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

Result<> check_own_address(const Session& session) {
  Letter nobody;
  return use_own_address(session, nobody);
}

Result<> append_stream(int file, std::string_view what, Scratch& text) {
  char buffer[65536];
  for (;;) {
    TRY_LET(got, base::read_some(file, buffer, what));
    if (got == 0) return {};
    TRY(text.append({buffer, got}));
  }
}

Result<> append_named(const std::string& path, Scratch& text) {
  TRY_LET(file, base::open_at(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0, path));
  return append_stream(file.number(), path, text);
}

// A pipe is read once, and would not be there again.
Result<> hold_pipes(const Session& session, Letter& letter) {
  for (auto& attachment : letter.attachments) {
    struct stat status;
    if (::stat(attachment.path.c_str(), &status) != 0 || !S_ISFIFO(status.st_mode)) continue;
    Scratch text(session.environment.tmp);
    TRY(append_named(attachment.path, text));
    TRY_LET(file, std::move(text).finish());
    attachment.path = cat("/proc/self/fd/", file.number());
    letter.held.push_back(std::move(file));
  }
  return {};
}

// Every byte is text: no escapes, no dot that ends it.
Result<> read_input(Scratch& body) {
  if (base::stdin_was_closed()) return {};
  return append_stream(STDIN_FILENO, "standard input", body);
}

Result<> piped_body(const Invocation& invocation, Scratch& body) {
  if (!invocation.body_file.empty()) return append_named(invocation.body_file, body);
  if (!invocation.quoted_file.empty()) TRY(append_named(invocation.quoted_file, body));
  return read_input(body);
}

// What a template says is added to the command line's, or goes before it.
void add_letter(Letter said, Letter& letter) {
  const auto add = [](auto& more, auto& out) {
    std::move(more.begin(), more.end(), std::back_inserter(out));
  };
  add(said.to, letter.to);
  add(said.cc, letter.cc);
  add(said.bcc, letter.bcc);
  add(said.fields, letter.fields);
  if (!said.subject.empty()) letter.subject = std::move(said.subject);
  if (!said.from.empty()) letter.from = std::move(said.from);
}

// The header of a template leaves the body for the letter's fields.
Result<> take_template(const Session& session, Letter& letter) {
  constexpr std::size_t largest = 16 << 20;
  std::string start(largest, '\0');
  TRY_LET(size, base::read_at(letter.body.number(), start, 0, "standard input"));
  start.resize(size);
  const auto header = template_header_size(start);
  Letter said;
  TRY(read_template(std::string_view(start).substr(0, header), said));
  Scratch rest(session.environment.tmp);
  TRY(rest.append_file(letter.body.number(), header));
  TRY_LET(body, std::move(rest).finish());
  letter.body = std::move(body);
  // Whoever wrote it does not know our aliases.
  for (auto* list : {&said.to, &said.cc, &said.bcc}) guard_from_aliases(session.groups, *list);
  add_letter(std::move(said), letter);
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

// The letter as it stands when all is read; false: there is none to be sent.
Result<bool> complete(Session& session, const Invocation& invocation, Letter& letter) {
  if (invocation.from_header) {
    TRY(take_template(session, letter));
    TRY(check_recipients(session, letter));
    TRY(check_entity(letter));
  }
  TRY_LET(empty, is_empty(letter));
  if (!empty || !letter.attachments.empty()) return true;
  if (invocation.skip_empty || session.variables.is_set("skipemptybody")) return false;
  if (somebody_looks(session)) base::complain("Null message body; hope that's ok");
  return true;
}

// What was read is read: nobody can write it into the pipe again.
Result<int> send_piped(Session& session, const Invocation& invocation, Letter letter) {
  Scratch text(session.environment.tmp);
  const auto read = piped_body(invocation, text);
  const bool something = text.size() > 0;
  TRY_LET(body, std::move(text).finish());
  letter.body = std::move(body);
  auto wanted = read ? complete(session, invocation, letter) : Result<bool>(read.error());
  if (!wanted) {
    if (something) keep_unsent(session, std::move(letter));
    return std::move(wanted).error();
  }
  if (wanted.value()) TRY(send(session, std::move(letter)));
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
  TRY(check_entity(letter));
  TRY(check_own_address(session));
  if (!invocation.from_header) TRY(check_recipients(session, letter));
  TRY(hold_pipes(session, letter));
  const bool composes = (session.terminal.input || invocation.escapes || invocation.interactive) &&
                        !invocation.from_header && invocation.body_file.empty();
  return composes ? send_composed(session, invocation, std::move(letter))
                  : send_piped(session, invocation, std::move(letter));
}

}  // namespace reader
