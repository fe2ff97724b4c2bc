#include "lib/rfc/envelope.h"

#include <algorithm>

#include "lib/base/text.h"

namespace rfc {

namespace {
using base::cat;
constexpr auto npos = std::string_view::npos;
constexpr std::size_t largest_part = 255;
/// What is wrong with a text; empty if nothing is.
using Problem = std::string_view;

bool atext(char c) {
  constexpr std::string_view marks = "!#$%&'*+-/=?^_`{|}~";
  return base::alpha(c) || base::digit(c) || base::eight_bit(c) || marks.find(c) != npos;
}

bool domain_character(char c) {
  return base::alpha(c) || base::digit(c) || base::eight_bit(c) || c == '-' || c == '_' || c == '.';
}

std::string_view without_spaces_around(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// Offset behind the quoted-string at the start of `text`, npos if it does not end.
std::size_t quoted_length(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') return i + 1;
    if (text[i] == '\\') ++i;
  }
  return npos;
}

/// Offset of the '@' before the domain of a well-formed path, npos if it is unqualified. No domain
/// ends with a quote, and none holds an '@'.
std::size_t domain_mark(std::string_view path) {
  return path.ends_with('"') ? npos : path.rfind('@');
}

/// Controls, those of U+0080 to U+009F among them: they drive terminals as much as the others.
Problem characters_problem(std::string_view text) {
  while (!text.empty()) {
    const auto length = base::utf8_length(text);
    if (length == 0) return "not UTF-8";
    if (base::c1_control(text) || base::control(text[0])) return "control character";
    text.remove_prefix(length);
  }
  return {};
}

Problem stray_character(char c) {
  switch (c) {
    case ' ': return "space outside quotes";
    case '<': return "unbalanced '<'";
    case '>': return "unbalanced '>'";
    case '"': return "unbalanced or misplaced '\"'";
    case '@': return "more than one '@'";
    case '(':
    case ')': return "comment";
    case ',': return "more than one address";
    default: return "character that no address may hold";
  }
}

Problem local_problem(std::string_view local) {
  if (local.empty()) return "no local part";
  if (local.size() > largest_part) return "local part over 255 bytes";
  if (local[0] == '"') return {};  // was measured by quoted_length()
  const auto stray =
      std::find_if_not(local.begin(), local.end(), [](char c) { return atext(c) || c == '.'; });
  return stray == local.end() ? Problem() : stray_character(*stray);
}

Problem literal_problem(std::string_view literal) {
  const auto inner = literal.substr(1, literal.size() - 2);
  const bool closed = literal.size() > 2 && literal.ends_with(']');
  // dtext without those that would be read as something else further on.
  const bool plain = inner.find_first_of(" \"@<>[\\]") == npos;
  return closed && plain ? Problem() : Problem("malformed address literal");
}

Problem domain_problem(std::string_view domain) {
  if (domain.empty()) return "empty domain";
  if (domain.size() > largest_part) return "domain over 255 bytes";
  if (domain[0] == '[') return literal_problem(domain);
  const auto stray = std::find_if_not(domain.begin(), domain.end(), domain_character);
  if (stray != domain.end()) return stray_character(*stray);
  const bool empty_label = domain[0] == '.' || domain.find("..") != npos;
  return empty_label ? Problem("empty label in the domain") : Problem();
}

/// Takes the source route off the front of `path` (RFC 5321 appendix C: it is to be ignored).
Problem drop_route(std::string_view& path) {
  char behind = path.starts_with('@') ? ',' : ':';
  while (behind == ',') {
    if (!path.starts_with('@')) return "malformed source route";
    path.remove_prefix(1);
    const auto bracket = path.starts_with('[') ? path.find(']') : 0;
    const auto end = bracket == npos ? npos : path.find_first_of(",:", bracket);
    if (end == npos) return "no local part";
    const auto problem = domain_problem(path.substr(0, end));
    if (!problem.empty()) return problem;
    behind = path[end];
    path.remove_prefix(end + 1);
  }
  return {};
}

/// Where the local part of a path without brackets and route ends; npos if a quote is open.
std::size_t local_length(std::string_view path) {
  if (path.starts_with('"')) return quoted_length(path);
  return std::min(path.find('@'), path.size());
}

/// Drops from `path` what does not belong to it; without a problem, what is left is well-formed.
Problem reduce(std::string_view& path) {
  path = without_spaces_around(path);
  if (path.starts_with('<')) {
    if (!path.ends_with('>')) return "unbalanced '<'";
    path = without_spaces_around(path.substr(1, path.size() - 2));
  }
  if (path.empty()) return {};
  if (const auto problem = drop_route(path); !problem.empty()) return problem;
  const auto length = local_length(path);
  if (length == npos) return "unbalanced '\"'";
  if (const auto problem = local_problem(path.substr(0, length)); !problem.empty()) return problem;
  if (length == path.size()) return {};
  if (path[length] != '@') return stray_character(path[length]);
  // An absolute domain: SMTP has no such form, and the name is the same without the dot.
  if (path.ends_with('.') && !path.ends_with("..")) path.remove_suffix(1);
  return domain_problem(path.substr(length + 1));
}
}  // namespace

base::Result<Path> Path::parse(std::string_view text) {
  std::string_view rest = text;
  auto problem = characters_problem(text);
  if (problem.empty()) problem = reduce(rest);
  if (!problem.empty())
    return base::Error{base::Kind::data, cat(base::printable(text, 200), ": ", problem)};
  Path path;
  path.text_ = rest;
  return path;
}

std::string_view Path::local() const {
  return std::string_view(text_).substr(0, domain_mark(text_));
}

std::string_view Path::domain() const {
  const auto mark = domain_mark(text_);
  return mark == npos ? std::string_view() : std::string_view(text_).substr(mark + 1);
}

bool Path::ascii() const { return std::none_of(text_.begin(), text_.end(), base::eight_bit); }

Path Path::qualified_with(std::string_view domain) const {
  if (null() || qualified()) return *this;
  // Through parse(), so that no path holds what a path cannot hold, whatever the domain.
  auto path = parse(cat(text_, "@", domain));
  return path ? std::move(path).value() : *this;
}

bool Path::same(const Path& other) const {
  return local() == other.local() && base::iequals(domain(), other.domain());
}

}  // namespace rfc
