#include "sendmail/recipients.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "lib/base/text.h"
#include "lib/rfc/address.h"

namespace submit {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

Result<> check_target(const rfc::Path& path) {
  // Quotes and backslashes do not hide it: whoever expands aliases takes them away.
  const auto first = path.text().find_first_not_of("\"\\");
  if (path.qualified() || first == std::string::npos) return {};
  const char c = path.text()[first];
  if (c != '|' && c != '/' && c != ':') return {};
  return Error{Kind::data, cat(base::printable(path.text()),
                               ": commands, files and lists are for alias files only")};
}

Result<> Recipients::add(const rfc::Path& path, std::string notify, std::string orcpt,
                         bool mailbox) {
  const std::string& text = path.text();
  if (path.null()) return Error{Kind::data, "an empty recipient address"};
  if (text[0] == '-')
    return Error{Kind::usage, cat(base::printable(text), ": a recipient cannot begin with '-'")};
  TRY(check_target(path));
  using store::RecipientKind;
  const auto kind = mailbox            ? RecipientKind::mailbox
                    : path.qualified() ? RecipientKind::address
                                       : RecipientKind::unqualified;
  // As it was given: without the mark, `\\user` would look like what expanding `user` leads to.
  list_.push_back(
      {kind, 0, std::move(notify), std::move(orcpt), mailbox ? cat("\\", text) : text, text});
  return {};
}

Result<> Recipients::add_word(std::string_view address) {
  const bool mailbox = address.starts_with('\\') && address.find('@') == std::string_view::npos;
  if (mailbox) address.remove_prefix(1);
  TRY_LET(path, rfc::Path::parse(address));
  return add(path, notify_, "", mailbox);
}

namespace {

constexpr std::string_view separators = " \t\n,";

// The next bare word of a list at or behind `at`, which is set behind it; empty at the end.
std::string_view next_word(std::string_view list, std::size_t& at) {
  at = std::min(list.find_first_not_of(separators, at), list.size());
  const auto end = std::min(list.find_first_of(separators, at), list.size());
  const auto word = list.substr(at, end - at);
  at = end;
  return word;
}

// Bare addresses separated by blanks, as scripts write them: "a@b c@d".
bool blank_separated(std::string_view list, Recipients::Source source) {
  if (list.find_first_of("<>\"():;") != std::string_view::npos) return false;
  if (source == Recipients::Source::command_line) return true;
  std::size_t at = 0;
  for (auto word = next_word(list, at); !word.empty(); word = next_word(list, at))
    if (word.find('@') == std::string_view::npos) return false;
  return true;
}

// What only an alias file may hold; as a whole word, so that the reason is told instead of a
// grammar's complaint.
bool alias_target(std::string_view list) {
  const auto text = base::trim(list);
  return text.starts_with('|') || text.starts_with("\"|") || text.starts_with(":include:") ||
         (text.starts_with('/') && text.find('@') == std::string_view::npos);
}

}  // namespace

Result<> Recipients::add_list(std::string_view list, Source source) {
  // In a header line ends are folding; on a command line they are an attack.
  if (source == Source::command_line && std::any_of(list.begin(), list.end(), base::control))
    return Error{Kind::data,
                 cat(base::printable(list, 200), ": a control character in an address")};
  if (alias_target(list))
    return Error{Kind::data, cat(base::printable(base::trim(list)),
                                 ": commands, files and lists are for alias files only")};
  if (blank_separated(list, source)) {
    std::size_t at = 0;
    for (auto word = next_word(list, at); !word.empty(); word = next_word(list, at))
      TRY(add_word(word));
    return {};
  }
  rfc::AddressList walk(list);
  while (const auto mailbox = walk.next()) {
    if (!mailbox->problem.empty())
      return Error{Kind::data, cat(base::printable(base::trim(list), 200), ": ", mailbox->problem)};
    TRY(add_word(mailbox->address));
  }
  return {};
}

namespace {

// The order in which duplicates are neighbours: the domain's case does not count, the local part's
// does.
struct Key {
  store::RecipientKind kind;
  std::string_view local, domain;
  explicit Key(const store::Recipient& recipient) : kind(recipient.kind) {
    const std::string_view text = recipient.address;
    const auto at = text.rfind('@');
    local = text.substr(0, at);
    if (at != std::string_view::npos) domain = text.substr(at);
  }
  int compare(const Key& other) const {
    if (kind != other.kind) return kind < other.kind ? -1 : 1;
    if (const int order = local.compare(other.local)) return order;
    const auto lower_less = [](char a, char b) { return base::lower(a) < base::lower(b); };
    if (std::lexicographical_compare(domain.begin(), domain.end(), other.domain.begin(),
                                     other.domain.end(), lower_less))
      return -1;
    return base::iequals(domain, other.domain) ? 0 : 1;
  }
};

}  // namespace

std::vector<store::Recipient> Recipients::take() {
  std::vector<std::uint32_t> order(list_.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const int compared = Key(list_[a]).compare(Key(list_[b]));
    return compared != 0 ? compared < 0 : a < b;
  });
  std::vector<bool> again(list_.size());
  for (std::size_t i = 1; i < order.size(); ++i)
    again[order[i]] = Key(list_[order[i]]).compare(Key(list_[order[i - 1]])) == 0;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < list_.size(); ++i) {
    if (again[i]) continue;
    if (kept != i) list_[kept] = std::move(list_[i]);
    ++kept;
  }
  list_.resize(kept);
  return std::exchange(list_, {});
}

Result<rfc::Path> login_sender(std::string_view login) {
  if (auto path = rfc::Path::parse(login)) return path;
  std::string quoted = "\"";
  for (const char c : login) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  return rfc::Path::parse(cat(quoted, "\""));
}

Result<rfc::Path> parse_sender(std::string_view text) {
  if (std::any_of(text.begin(), text.end(), base::control))
    return Error{Kind::data,
                 cat(base::printable(text, 200), ": a control character in an address")};
  text = base::trim(text);
  if (text.empty() || text == "<>") return rfc::Path();
  if (auto path = rfc::Path::parse(text)) {
    TRY(check_target(path.value()));
    return path;
  }
  rfc::AddressList walk(text);
  const auto mailbox = walk.next();
  if (!mailbox || !mailbox->problem.empty() || walk.next())
    return Error{Kind::data, cat(base::printable(text), ": not a sender address")};
  TRY_LET(path, rfc::Path::parse(mailbox->address));
  TRY(check_target(path));
  return path;
}

}  // namespace submit
