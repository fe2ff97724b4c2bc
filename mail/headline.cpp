#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "lib/rfc/header.h"
#include "mail/encoded_word.h"
#include "mail/fields.h"
#include "mail/show.h"
#include "mail/summary_name.h"

namespace reader {

using base::cat;
using base::Result;

namespace {

constexpr std::size_t name_columns = 17, recipient_columns = 14, date_columns = 16;

// "%-N.Ns" in columns.
std::string left(std::string_view text, std::size_t columns) {
  std::string cut(cut_to_width(text, columns));
  cut.append(columns - std::min(columns, display_width(cut)), ' ');
  return cut;
}

std::string right(std::string text, std::size_t columns) {
  text.insert(0, columns - std::min(columns, display_width(text)), ' ');
  return text;
}

// Later ones count, as in bsd-mailx.
char state_letter(Marks marks) {
  char letter = ' ';
  if ((marks & Mark::saved) != 0) letter = '*';
  if ((marks & Mark::preserved) != 0) letter = 'P';
  if ((marks & (Mark::is_read | Mark::is_new)) == Mark::is_new) letter = 'N';
  if ((marks & (Mark::is_read | Mark::is_new)) == 0) letter = 'U';
  if ((marks & Mark::to_mbox) != 0) letter = 'M';
  return letter;
}

std::string subject_of(std::string_view header) {
  const auto body = field_body(header, "subject");
  return displayable(readable(body ? *body : field_body(header, "subj").value_or("")));
}

// Whether all of a list is ours.
bool all_own(const Session& session, std::string_view list) {
  rfc::AddressList addresses(list);
  while (const auto mailbox = addresses.next())
    if (!own_address(session, mailbox->address)) return false;
  return true;
}

std::string number(std::uint64_t value, std::size_t columns) {
  return right(std::to_string(value), columns);
}

}  // namespace

std::string readable(std::string_view body) { return decoded_words(rfc::unfolded(body)); }

bool own_address(const Session& session, std::string_view address) {
  const auto at = address.rfind('@');
  const auto login = address.substr(0, at);
  const auto domain = at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
  const bool any_host = session.variables.is_set("allnet") || domain.empty();
  if (login == session.person.user &&
      (any_host || base::iequals(domain, session.person.host) ||
       base::iequals(domain, session.person.domain) || domain == "localhost"))
    return true;
  const auto& names = session.groups.alternates;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return base::iequals(name, session.variables.is_set("allnet") ? login : address);
  });
}

Result<SummaryName> summary_name(const Session& session, std::size_t index,
                                 std::string_view header) {
  auto from = field_body(header, "from");
  if (!from) from = field_body(header, "sender");
  SummaryName name;
  if (from) {
    name.text = bare_addresses(*from);
  } else {
    TRY_LET(line, session.folder->from_line(index));
    name.text = envelope_sender(line);
  }
  const bool ours = session.variables.is_set("showto");
  const bool others = session.variables.is_set("show-rcpt");
  if (!ours && !others) return name;
  const auto to = field_body(header, "to");
  if (!to || !(all_own(session, name.text) ? ours : others)) return name;
  return SummaryName{bare_addresses(*to), true};
}

Result<std::string> headline(Session& session, std::size_t index) {
  TRY_LET(header, session.folder->header(index));
  TRY_LET(from_line, session.folder->from_line(index));
  TRY_LET(lines, session.folder->lines(index));
  TRY_LET(name, summary_name(session, index, header));
  const auto who = displayable(readable(name.text));
  const auto date = displayable(envelope_date(from_line));
  auto size = std::to_string(session.folder->size(index));
  size.append(5 - std::min<std::size_t>(5, size.size()), ' ');
  const auto line =
      cat(index == session.dot ? ">" : " ", std::string(1, state_letter(session.marks[index])),
          number(index + 1, 3), name.recipients ? " TO " : " ",
          left(who, name.recipients ? recipient_columns : name_columns), "  ",
          right(std::string(cut_to_width(date, date_columns)), date_columns), " ", number(lines, 4),
          "/", size, " ", subject_of(header));
  const auto columns = session.terminal.output ? session.terminal.columns : 80;
  return for_charset(cut_to_width(line, static_cast<std::size_t>(std::max(columns, 1))),
                     session.terminal.charset) +
         "\n";
}

}  // namespace reader
