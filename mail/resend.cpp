#include "mail/resend.h"

#include <unistd.h>

#include <cerrno>

#include "lib/base/text.h"
#include "lib/rfc/date.h"
#include "lib/rfc/header.h"
#include "mail/addresses.h"
#include "mail/mailer.h"
#include "mail/outgoing.h"
#include "mail/scratch.h"
#include "mail/send_batches.h"

namespace reader {

using base::cat;
using base::Result;

namespace {

bool of_the_mailbox(std::string_view name) {
  for (const char* each : {"Status", "X-Status", "X-UID", "X-IMAP", "X-IMAPbase", "X-Keywords",
                           "Return-Path", "Bcc", "Resent-Bcc", "Content-Length", "Lines"})
    if (base::iequals(name, each)) return true;
  return false;
}

std::string resent_fields(const Session& session, const std::string& own, const Addresses& to) {
  const auto now = session.clock();
  const std::string from = own.empty() ? cat(session.person.user, "@", session.person.domain) : own;
  Letter letter;
  for (const auto& element : to) letter.to.push_back(element);
  std::string list = letter_header(letter, "");
  return cat("Resent-Date: ", rfc::date(base::seconds(now), base::local_offset(now)),
             "\nResent-From: ", header_address(from), "\nResent-", list);
}

}  // namespace

std::string resent_text(std::string_view text, std::string_view fields) {
  std::string out(fields);
  bool wanted = true;
  while (!text.empty() && text[0] != '\n') {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    const auto line = text.substr(0, end);
    const bool continued = line[0] == ' ' || line[0] == '\t';
    if (!continued) wanted = !of_the_mailbox(line.substr(0, rfc::field_name_length(line)));
    if (wanted) out.append(line);
    text.remove_prefix(end);
  }
  return out.append(text.empty() ? "\n" : text);
}

Result<> resend(Session& session, std::size_t index, const Addresses& to, ResentFields fields) {
  Letter letter;
  letter.to = to;
  TRY(use_own_address(session, letter));
  const Expansion expansion{.groups = &session.groups,
                            .self = session.person.user,
                            .metoo = session.variables.is_set("metoo"),
                            .addresses_only = true};
  TRY_LET(destinations, expand_addresses(letter, expansion));
  if (destinations.addresses.empty()) return base::Error{base::Kind::usage, "No recipient given."};
  TRY_LET(mailer, mailer_of(session));
  TRY_LET(text, session.folder->text(index));
  const bool added = fields == ResentFields::add;
  Scratch message(session.environment.tmp);
  TRY(message.append(resent_text(
      text, added ? resent_fields(session, letter.from, destinations.to) : std::string())));
  TRY_LET(file, std::move(message).finish());
  if (session.variables.is_set("debug")) return {};
  std::vector<std::string> words{"-i"};
  if (!letter.sender.empty()) words.insert(words.end(), {"-f", letter.sender});
  words.emplace_back("--");
  for (const auto& batch : batches_of(destinations.addresses, room_for_addresses(mailer, words))) {
    auto arguments = words;
    arguments.insert(arguments.end(), batch.begin(), batch.end());
    if (::lseek(file.number(), 0, SEEK_SET) != 0)
      return base::system_error(base::Kind::io, "letter", "seek", errno);
    TRY_LET(finished, run_mailer(mailer, arguments, file.number()));
    if (finished.status != 0) return mailer_error(mailer, finished);
  }
  return {};
}

}  // namespace reader
