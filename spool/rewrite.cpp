#include "spool/rewrite.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "spool/mime.h"

namespace spool {

using base::cat;
using rfc::Field;
using rfc::Path;

bool fits_one(const std::vector<std::string>& patterns, const std::string& address) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return base::matches(pattern.starts_with('@') ? cat("*", pattern) : pattern, address);
  });
}

bool Rewriting::is_local(std::string_view name) const {
  return std::any_of(local_domains.begin(), local_domains.end(),
                     [&](const auto& known) { return base::iequals(known, name); });
}

namespace {
/// `@domain` alone, with a domain that an address may have.
bool is_bare_domain(std::string_view text) {
  return text.starts_with('@') && Path::parse(cat("x", text));
}
/// What is wrong with a line's key or value; empty if nothing is.
std::string entry_problem(std::string_view key, std::string_view value) {
  if (value.empty()) return cat(key, ": there is no address behind it");
  if (!is_bare_domain(key) && (!Path::parse(key) || key.starts_with('<')))
    return cat(key, ": not user, user@domain or @domain");
  const auto address = Path::parse(value);
  const bool good =
      is_bare_domain(value) || (address && address.value().qualified() && !value.starts_with('@'));
  return good ? "" : cat(value, ": not user@domain or @domain");
}
}  // namespace

Generic Generic::parse(std::string_view file, std::string_view text,
                       std::vector<std::string>& mistakes) {
  Generic generic;
  for (int number = 1; !text.empty(); ++number) {
    const auto line = base::take(text, '\n');
    const auto content = base::trim(line);
    if (content.empty() || content.starts_with('#')) continue;
    const auto key = content.substr(0, content.find_first_of(" \t"));
    const auto value = base::trim(content.substr(key.size()));
    std::string problem = entry_problem(key, value);
    if (content.data() != line.data()) problem = "the line begins with a blank";
    if (problem.empty() && !generic.table_.emplace(base::lowered(key), value).second)
      problem = cat(key, ": a second line for it");
    if (!problem.empty())
      mistakes.push_back(cat(file, ":", number, ": ", base::printable(problem)));
  }
  return generic;
}

std::optional<Path> Generic::find(const Path& address, bool local) const {
  if (table_.empty() || address.null()) return std::nullopt;
  auto found = table_.find(base::lowered(address.text()));
  if (found == table_.end() && local) found = table_.find(base::lowered(address.local()));
  if (found == table_.end()) found = table_.find(base::lowered(cat("@", address.domain())));
  if (found == table_.end()) return std::nullopt;
  const auto& value = found->second;
  auto path = Path::parse(value.starts_with('@') ? cat(address.local(), value) : value);
  return path ? std::optional(std::move(path).value()) : std::nullopt;
}

namespace {
std::optional<Path> outside(const Path& address, const Rewriting& rewriting) {
  const auto domain = address.domain();
  const bool local = rewriting.is_local(domain) || base::iequals(domain, rewriting.domain);
  return rewriting.generic.find(address, local);
}

bool replaces(const Rewriting& rewriting, bool signed_message) {
  if (rewriting.from.null() || rewriting.mode == Rewriting::Mode::never) return false;
  return rewriting.mode == Rewriting::Mode::always || !signed_message;
}

/// Whether it gives way to `from`, where anything does.
bool gives_way(const Path& address, const Rewriting& rewriting) {
  if (address.same(rewriting.from)) return false;
  return rewriting.mode == Rewriting::Mode::always || !fits_one(rewriting.senders, address.text());
}
}  // namespace

Path rewritten_sender(const Path& sender, const Rewriting& rewriting, bool signed_message) {
  if (sender.null()) return sender;
  const Path known = outside(sender, rewriting).value_or(sender);
  const bool goes = replaces(rewriting, signed_message) && gives_way(known, rewriting);
  return goes ? rewriting.from : known;
}

namespace {
/// An address list after some of its addresses were replaced.
struct List {
  std::string text;
  std::vector<Path> addresses;  ///< as they were, qualified
  bool changed = false;
  bool whole = true;  ///< all of it is well-formed
};

/// replacement(address): what takes its place, or nullopt.
template <typename Replacement>
List with_addresses(std::string_view list, const Rewriting& rewriting, Replacement replacement) {
  List result;
  std::size_t copied = 0;
  rfc::AddressList mailboxes(list);
  while (const auto mailbox = mailboxes.next()) {
    const auto path = Path::parse(mailbox->address);
    if (!mailbox->problem.empty() || !path || path.value().null()) {
      result.whole = false;
      continue;
    }
    const Path& address =
        result.addresses.emplace_back(path.value().qualified_with(rewriting.domain));
    const std::optional<Path> other = replacement(address);
    if (!other || other->same(address)) continue;
    result.text.append(list.substr(copied, mailbox->begin - copied)).append(other->text());
    copied = mailbox->end;
    result.changed = true;
  }
  result.text.append(list.substr(copied));
  return result;
}

bool through_generic(Field kind) {
  constexpr Field fields[] = {
      Field::from,      Field::sender,         Field::reply_to,      Field::to,
      Field::cc,        Field::resent_from,    Field::resent_sender, Field::resent_to,
      Field::resent_cc, Field::resent_reply_to};
  return std::find(std::begin(fields), std::end(fields), kind) != std::end(fields);
}

/// The name in a list of one malformed mailbox: what stands before `<`, or all of it where it is
/// nothing but words; else empty.
std::string only_name(std::string_view list) {
  rfc::AddressList mailboxes(list);
  const auto only = mailboxes.next();
  if (!only || mailboxes.next()) return "";
  if (!only->display.empty()) return only->display;
  const bool words = list.find_first_of("<>@,;:()[]\"\\") == std::string_view::npos;
  return words ? rfc::unfolded(list) : "";
}

/// Goes through a header field by field.
class HeaderRewriter {
 public:
  HeaderRewriter(const Rewriting& rewriting, bool signed_message)
      : rewriting_(rewriting),
        maps_(!signed_message),
        replaces_(replaces(rewriting, signed_message)) {}

  std::string rewrite(std::string_view header) {
    for (auto rest = header; !rest.empty();) {
      const auto kind = kind_of(take_field(rest));
      resent_ |= kind == Field::resent_from;
      has_reply_to_ |= kind == Field::reply_to;
    }
    while (!header.empty()) field(take_field(header));
    return std::move(out_);
  }

 private:
  void field(std::string_view field) {
    const auto kind = kind_of(field);
    const auto colon = field.find(':');
    if (!through_generic(kind) || colon == std::string_view::npos) {
      out_.append(field);
      return;
    }
    const auto begin = field.substr(0, colon + 1), body = field.substr(colon + 1);
    const List known = with_addresses(body, rewriting_, [&](const Path& address) {
      return maps_ ? outside(address, rewriting_) : std::nullopt;
    });
    if (replaces_ && is_author(kind)) return author(begin, body, known, false);
    if (replaces_ && is_agent(kind)) return author(begin, body, known, true);
    out_.append(begin).append(known.text);
  }

  bool is_author(Field kind) {
    if (!resent_) return kind == Field::from;
    return kind == Field::resent_from && !std::exchange(author_done_, true);
  }
  bool is_agent(Field kind) {
    if (!resent_) return kind == Field::sender;
    return kind == Field::resent_sender && !std::exchange(agent_done_, true);
  }

  void author(std::string_view begin, std::string_view body, const List& known, bool agent) {
    std::vector<Path> replaced;
    List list = with_addresses(known.text, rewriting_, [&](const Path& address) {
      const bool goes = gives_way(address, rewriting_);
      if (goes) replaced.push_back(address);
      return goes ? std::optional(rewriting_.from) : std::nullopt;
    });
    std::string original(body);
    if (!list.whole) {
      const std::string name = rfc::phrase(only_name(body)), from = rewriting_.from.text();
      list.text = name.empty() ? cat(" ", from, "\n") : cat(" ", name, " <", from, ">\n");
      list.changed = true;
      original = cat(" ", rfc::encoded_text(rfc::unfolded(body)), "\n");
    }
    out_.append(begin).append(list.text);
    if (!list.changed || agent) return;
    if (!out_.ends_with('\n')) out_.push_back('\n');
    out_.append("X-Original-From:").append(original);
    if (!out_.ends_with('\n')) out_.push_back('\n');
    if (!resent_) reply_to(replaced);
  }

  void reply_to(const std::vector<Path>& addresses) {
    std::string list;
    for (const auto& address : addresses)
      if (!rewriting_.is_local(address.domain()))
        list += cat(list.empty() ? "" : ",\n ", address.text());
    if (list.empty() || std::exchange(has_reply_to_, true)) return;
    out_.append(cat("Reply-To: ", list, "\n"));
  }

  const Rewriting& rewriting_;
  bool maps_, replaces_;
  bool resent_ = false, has_reply_to_ = false, author_done_ = false, agent_done_ = false;
  std::string out_;
};
}  // namespace

std::string rewritten_header(std::string_view header, const Rewriting& rewriting,
                             bool signed_message) {
  return HeaderRewriter(rewriting, signed_message).rewrite(header);
}

}  // namespace spool
