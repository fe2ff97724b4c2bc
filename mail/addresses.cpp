#include "mail/addresses.h"

#include <unordered_set>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "lib/rfc/envelope.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr auto npos = std::string_view::npos;

std::string shown(std::string_view word) { return base::printable(word, 200); }

// How an element reads that is a name and an address.
std::string element_text(const rfc::Mailbox& mailbox) {
  if (mailbox.display.empty()) return mailbox.address;
  // A phrase of other than words and blanks is quoted; encoded words are made when it is sent.
  const bool words = mailbox.display.find_first_of("()<>[]:;@\\,.\"") == npos;
  return cat(words ? mailbox.display : rfc::quoted_string(mailbox.display), " <", mailbox.address,
             ">");
}

// `a b c`: names with blanks between, as mailx always took them.
bool blanks_separate(std::string_view text) {
  return text.find_first_of("<>\"()") == npos && text.find_first_of(" \t") != npos;
}

void split_at_blanks(std::string_view text, Addresses& out) {
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t", at)) != npos) {
    const auto end = std::min(text.find_first_of(" \t", at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end;
  }
}

// A local part as it is meant: without quotes and backslashes.
std::string unquoted(std::string_view local) {
  std::string out;
  for (std::size_t i = 0; i < local.size(); ++i) {
    if (local[i] == '"') continue;
    if (local[i] == '\\' && i + 1 < local.size()) ++i;
    out.push_back(local[i]);
  }
  return out;
}

// An MTA may take it for a command, a file or a list, if it gets it as it is.
bool hidden_destination(const rfc::Path& path) {
  if (path.qualified()) return false;
  const auto local = unquoted(path.local());
  return local.find_first_of("|:+~") == 0 || local.find('/') != std::string::npos;
}

// Whether more follows the first mailbox of what is to be one element.
bool several(std::string_view element) {
  rfc::AddressList mailboxes(element);
  const auto first = mailboxes.next();
  return first && first->problem.empty() && mailboxes.next();
}

std::string lowered_domain(std::string address) {
  const auto at = address.rfind('@');
  if (at == std::string::npos) return address;
  return cat(std::string_view(address).substr(0, at), base::lowered(address.substr(at)));
}

// `user/dept@corp`, `+4912345@sms.example`: nothing but an address, of words that RFC 5322 allows.
// What begins like a path or a command is none, whatever follows.
bool plain_address(std::string_view word) {
  if (word.empty() || std::string_view("/.|-\"").find(word[0]) != npos) return false;
  const auto path = rfc::Path::parse(word);
  return path && path.value().qualified() && path.value().text() == word;
}

}  // namespace

Destination destination_of(std::string_view word) {
  word = base::trim(word);
  if (word.starts_with('|')) return Destination::command;
  if (plain_address(word)) return Destination::person;
  if (word.starts_with('+')) return Destination::file;
  if (word.starts_with('-')) return Destination::person;  // refused as one, with better words
  // As BSD's mail tells them: a slash before anything that only an address has.
  const auto mark = word.find_first_of("/@%!\"<");
  return mark != npos && word[mark] == '/' ? Destination::file : Destination::person;
}

Result<Addresses> split_addresses(std::string_view list) {
  Addresses out;
  list = base::trim(list);
  if (list.empty()) return out;
  const bool one_word = list.find_first_of(", \t") == npos;
  const auto destination = destination_of(list);
  if (destination == Destination::command || (destination == Destination::file && one_word)) {
    out.emplace_back(list);
    return out;
  }
  rfc::AddressList elements(list);
  std::size_t begin = 0;
  while (const auto mailbox = elements.next()) {
    auto text = base::trim(list.substr(begin, elements.position() - begin));
    begin = elements.position();
    if (text.ends_with(',')) text.remove_suffix(1);
    // Not for the grammar of RFC 5322: `\name`, and what is judged later, with better words.
    const bool odd = text.starts_with('\\') || text.starts_with('-') ||
                     destination_of(text) != Destination::person;
    if (odd || (!mailbox->problem.empty() && blanks_separate(text))) {
      split_at_blanks(text, out);
    } else if (!mailbox->problem.empty()) {
      return Error{Kind::usage, cat(shown(text), ": ", mailbox->problem)};
    } else if (mailbox->address.empty()) {
      return Error{Kind::usage, cat(shown(text), ": no address")};
    } else {
      out.push_back(element_text(*mailbox));
    }
  }
  return out;
}

Result<Addresses> split_persons(std::string_view list) {
  TRY_LET(elements, split_addresses(list));
  for (const auto& element : elements)
    if (destination_of(element) != Destination::person)
      return Error{Kind::usage, cat(shown(element), ": not an address")};
  return elements;
}

std::string header_address(std::string_view element) {
  if (element.starts_with('\\')) element.remove_prefix(1);
  const auto mailbox = rfc::AddressList(element).next();
  if (!mailbox || !mailbox->problem.empty() || mailbox->display.empty())
    return base::printable(bare_address(element));
  return cat(rfc::phrase(mailbox->display), " <", mailbox->address, ">");
}

std::string bare_address(std::string_view element) {
  if (element.starts_with('\\')) element.remove_prefix(1);
  const auto mailbox = rfc::AddressList(element).next();
  return mailbox && mailbox->problem.empty() ? mailbox->address : std::string(element);
}

void guard_from_aliases(const Groups& groups, Addresses& elements) {
  for (auto& element : elements)
    if (groups.aliases.contains(element)) element.insert(0, 1, '\\');
}

namespace {

class Expander {
 public:
  explicit Expander(const Expansion& expansion) : expansion_(expansion) {}

  Result<> field(const Addresses& elements, Addresses& out) {
    for (const auto& element : elements) TRY(expand(element, out));
    return {};
  }

  Destinations result;

 private:
  // A list of what is yet to be looked at instead of recursion: an alias may be a thousand deep.
  struct Pending {
    std::string element;
    std::size_t depth;  // of aliases it came through; they are the last of `open_`
  };

  Result<> expand(const std::string& element, Addresses& out) {
    std::vector<Pending> pending{{element, 0}};
    std::vector<std::string> open;
    while (!pending.empty()) {
      auto [text, depth] = std::move(pending.back());
      pending.pop_back();
      open.resize(depth);
      const auto* members = find_alias(text);
      const bool inside = std::find(open.begin(), open.end(), text) != open.end();
      if (members == nullptr || inside) {
        TRY(add(text, out));
        continue;
      }
      TRY_LET(inner, elements_of(*members));
      open.push_back(text);
      for (auto each = inner.rbegin(); each != inner.rend(); ++each) {
        const bool myself = inner.size() > 1 && *each == expansion_.self;
        if (!myself || expansion_.metoo) pending.push_back({std::move(*each), open.size()});
      }
    }
    return {};
  }

  // Each word of an alias may be a list. What names an alias, or a file with blanks, is none.
  Result<Addresses> elements_of(const std::vector<std::string>& members) const {
    Addresses elements;
    for (const auto& member : members) {
      const bool file =
          destination_of(member) == Destination::file && member.find(',') == std::string::npos;
      if (file || find_alias(member) != nullptr) {
        elements.push_back(member);
        continue;
      }
      TRY_LET(split, split_addresses(member));
      elements.insert(elements.end(), split.begin(), split.end());
    }
    return elements;
  }

  const std::vector<std::string>* find_alias(const std::string& name) const {
    if (expansion_.groups == nullptr) return nullptr;
    const auto found = expansion_.groups->aliases.find(name);
    return found == expansion_.groups->aliases.end() ? nullptr : &found->second;
  }

  Result<> add(const std::string& element, Addresses& out) {
    const auto destination = destination_of(element);
    if (destination == Destination::person) return add_person(element, out);
    if (expansion_.addresses_only)
      return Error{Kind::usage, cat(shown(element), ": a ",
                                    destination == Destination::file ? "file" : "command",
                                    " is no address; `set expandaddr' would allow it")};
    auto& list = destination == Destination::file ? result.files : result.commands;
    if (std::find(list.begin(), list.end(), element) == list.end()) list.push_back(element);
    return {};
  }

  Result<> add_person(const std::string& element, Addresses& out) {
    if (several(element)) return Error{Kind::usage, cat(shown(element), ": more than one address")};
    const auto address = bare_address(element);
    if (address.starts_with('-'))
      return Error{Kind::usage, cat(shown(element), ": an address cannot begin with '-'")};
    const auto path = rfc::Path::parse(address);
    if (!path) return Error{Kind::usage, path.error().text};
    if (path.value().null()) return Error{Kind::usage, cat(shown(element), ": no address")};
    if (hidden_destination(path.value()))
      return Error{Kind::usage, cat(shown(element), ": not an address")};
    if (!known_.insert(lowered_domain(path.value().text())).second) return {};
    out.push_back(element);
    result.addresses.push_back(path.value().text());
    return {};
  }

  const Expansion& expansion_;
  std::unordered_set<std::string> known_;
};

}  // namespace

Result<Destinations> expand_addresses(const Letter& letter, const Expansion& expansion) {
  Expander expander(expansion);
  TRY(expander.field(letter.to, expander.result.to));
  TRY(expander.field(letter.cc, expander.result.cc));
  TRY(expander.field(letter.bcc, expander.result.bcc));
  return std::move(expander.result);
}

}  // namespace reader
