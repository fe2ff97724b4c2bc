#include "lib/store/target.h"

#include <algorithm>
#include <optional>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "lib/rfc/envelope.h"

namespace store {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr auto npos = std::string_view::npos;
constexpr std::string_view include_mark = ":include:";

bool blank(char c) { return c == ' ' || c == '\t'; }

std::string excerpt(std::string_view text) { return base::printable(base::trim(text), 100); }

/// A quoted-string at the start of a text.
struct Quoted {
  std::string content;     ///< backslashes taken away, tabs as blanks
  std::size_t length = 0;  ///< quotes included
};

// nullopt: it does not end.
std::optional<Quoted> quoted_string(std::string_view text) {
  Quoted quoted;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      quoted.length = i + 1;
      return quoted;
    }
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    quoted.content.push_back(text[i] == '\t' ? ' ' : text[i]);
  }
  return std::nullopt;
}

// Behind the comment at the start of a text; npos if it does not end.
std::size_t comment_length(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') ++i;
    else if (text[i] == '(') ++depth;
    else if (text[i] == ')' && --depth == 0) return i + 1;
  }
  return npos;
}

/// An unquoted command: text up to a comma outside double quotes.
struct ShellWords {
  std::size_t length = 0;
  char open = '\0';  ///< the quote or apostrophe that does not end, as the shell sees it
};

ShellWords shell_words(std::string_view text) {
  ShellWords words;
  auto& [at, open] = words;
  for (; at < text.size() && (open == '"' || text[at] != ','); ++at) {
    const char c = text[at];
    if (c == '\\' && open != '\'' && at + 1 < text.size()) ++at;
    else if (c == open) open = '\0';
    else if (open == '\0' && (c == '"' || c == '\'')) open = c;
  }
  return words;
}

// Whether a local part means the same without quotes.
bool needs_no_quotes(std::string_view local) {
  constexpr std::string_view marks = "!#$%&'*+-/=?^_`{|}~.";
  // Those that would begin a file, a command or a comment.
  return !local.empty() && std::string_view("|/#").find(local[0]) == npos &&
         std::all_of(local.begin(), local.end(), [&](char c) {
           return base::alpha(c) || base::digit(c) || base::eight_bit(c) || marks.find(c) != npos;
         });
}

// What an address without a domain must not begin with: a mistyped file, command or include, or
// one that a quoted local part hides from a first look.
std::string_view misplaced(std::string_view local) {
  if (local[0] == '|') return "a command within an address";
  if (local[0] == '/' || local.starts_with("./") || local.starts_with("../") ||
      local.starts_with("~/"))
    return "a file name begins with '/' and is an element of its own";
  if (base::istarts_with(local, include_mark)) return "':include:' within an address";
  return {};
}

std::string too_many() { return cat("more than ", most_targets, " targets"); }

/// Walks a right-hand side element by element; after a problem it goes on behind the next comma.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  TargetList read() && {
    begin_ = first_control();
    if (begin_ < text_.size()) {
      problem(text_[begin_] == '\0' ? "a NUL byte" : "a control character");
      return std::move(list_);
    }
    while (next_element()) {
      if (list_.targets.size() == most_targets) {
        problem(too_many());
        break;
      }
      element();
    }
    return std::move(list_);
  }

 private:
  std::string_view rest() const { return text_.substr(at_); }

  // Tabs are none; those of U+0080 to U+009F drive terminals as much as the others.
  std::size_t first_control() const {
    for (std::size_t i = 0; i < text_.size(); ++i)
      if ((base::control(text_[i]) && text_[i] != '\t') || base::c1_control(text_.substr(i)))
        return i;
    return text_.size();
  }
  bool at_end() const { return at_ >= text_.size(); }

  void problem(std::string_view what) { list_.problems.push_back({begin_, std::string(what)}); }
  void problem_here(std::string_view what) {
    auto element = text_.substr(begin_, at_ - begin_);
    if (element.ends_with(',')) element.remove_suffix(1);
    problem(cat(excerpt(element), ": ", what));
  }
  void add(Target::Kind kind, std::string_view value) {
    list_.targets.push_back({kind, std::string(value)});
  }

  // Passes over blanks and comments; false where a comment does not end.
  bool skip_comments() {
    while (!at_end() && (blank(text_[at_]) || text_[at_] == '(')) {
      const auto length = text_[at_] == '(' ? comment_length(rest()) : 1;
      if (length == npos) return false;
      at_ += length;
    }
    return true;
  }

  // To the start of the next element; false at the end.
  bool next_element() {
    for (;;) {
      begin_ = at_;
      if (!skip_comments()) {
        problem("unbalanced '('");
        return false;
      }
      if (at_end()) return false;
      if (text_[at_] != ',') break;
      ++at_;
    }
    begin_ = at_;
    return true;
  }

  // Whether the element ends here, but for blanks and comments; if so, moves there.
  bool ends_behind(std::size_t length) {
    const auto before = at_;
    at_ += length;
    if (skip_comments() && (at_end() || text_[at_] == ',')) return true;
    at_ = before;
    return false;
  }

  void element() {
    switch (text_[at_]) {
      case '|': ++at_; return command();
      case '"': return quoted();
      case '\\': ++at_; return address(Target::Kind::user);
      case '/': return path(Target::Kind::file);
      default: break;
    }
    if (!base::istarts_with(rest(), include_mark)) return address(Target::Kind::address);
    at_ += include_mark.size();
    while (!at_end() && blank(text_[at_])) ++at_;
    path(Target::Kind::include);
  }

  // All of the element between quotes, or a local part or display name.
  void quoted() {
    const auto found = quoted_string(rest());
    if (!found) return unbalanced();
    const std::string_view content = found->content;
    const bool backslash = text_[at_ + 1] == '\\' && !content.starts_with('"');
    const bool special = content.starts_with('|') || content.starts_with('/') ||
                         base::istarts_with(content, include_mark) || backslash;
    if (!special || !ends_behind(found->length)) return address(Target::Kind::address);
    if (content[0] == '|') return checked_command(content.substr(1));
    if (content[0] == '/') return add(Target::Kind::file, content);
    if (base::istarts_with(content, include_mark))
      return absolute(Target::Kind::include, base::trim(content.substr(include_mark.size())));
    // "\user" and "\\user" alike: Sendmail minds any backslash.
    add_address(Target::Kind::user, rfc::quoted_string(content.substr(content[0] == '\\' ? 1 : 0)));
  }

  void unbalanced() {
    at_ = text_.size();
    problem_here("unbalanced '\"'");
  }

  // Behind '|': one quoted-string, or text to the next comma outside double quotes.
  void command() {
    while (!at_end() && blank(text_[at_])) ++at_;
    if (!at_end() && text_[at_] == '"') {
      const auto found = quoted_string(rest());
      if (!found) return unbalanced();
      if (ends_behind(found->length)) return checked_command(found->content);
    }
    const auto words = shell_words(rest());
    const auto from = at_;
    at_ += words.length;
    // A comma between apostrophes ends the command, for Sendmail and Postfix too.
    if (words.open == '"') return problem_here("unbalanced '\"'");
    if (words.open == '\'')
      return problem_here("unbalanced \"'\"; a command with a comma needs quotes");
    std::string text(text_.substr(from, at_ - from));
    std::replace(text.begin(), text.end(), '\t', ' ');
    checked_command(text);
  }

  void checked_command(std::string_view text) {
    text = base::trim(text);
    if (text.empty()) return problem_here("no command behind '|'");
    add(Target::Kind::command, text);
  }

  // A path, quoted or up to a blank, a comma or a comment.
  void path(Target::Kind kind) {
    if (!at_end() && text_[at_] == '"') {
      const auto found = quoted_string(rest());
      if (!found) return unbalanced();
      if (ends_behind(found->length)) return absolute(kind, found->content);
      return unclear("missing ','");
    }
    const auto length = std::min(rest().find_first_of(" \t,(\""), rest().size());
    const auto name = rest().substr(0, length);
    if (ends_behind(length)) return absolute(kind, name);
    unclear("a file name with white space needs quotes");
  }

  void absolute(Target::Kind kind, std::string_view name) {
    if (!name.starts_with('/')) return problem_here("a file name begins with '/'");
    add(kind, name);
  }

  void unclear(std::string_view what) {
    at_ += std::min(rest().find(','), rest().size());
    problem_here(what);
  }

  void address(Target::Kind kind) {
    // As if within a group: so a ':' that would begin one is a problem.
    rfc::AddressList list(rest(), true);
    const auto mailbox = list.next();
    const auto element = rest().substr(0, list.position());
    at_ += element.size();
    if (!mailbox) return problem_here("no address");
    if (element.find(" #") != npos && !mailbox->problem.empty())
      return problem_here(cat(mailbox->problem, "; a comment has a line of its own"));
    if (!mailbox->problem.empty()) return problem_here(mailbox->problem);
    if (!list.in_group()) return problem_here("unexpected ';'");
    add_address(kind, mailbox->address);
  }

  void add_address(Target::Kind kind, std::string_view text) {
    const auto parsed = rfc::Path::parse(text);
    if (!parsed) return problem(parsed.error().text);
    const auto& path = parsed.value();
    const std::string local = unquoted(path.local());
    if (local.empty()) return problem_here("no address");
    const auto what = path.qualified() ? std::string_view() : misplaced(local);
    if (!what.empty()) return problem_here(what);
    const bool plain = needs_no_quotes(local);
    add(kind,
        cat(plain ? local : rfc::quoted_string(local), path.qualified() ? "@" : "", path.domain()));
  }

  std::string_view text_;
  std::size_t at_ = 0, begin_ = 0;
  TargetList list_;
};

}  // namespace

std::string unquoted(std::string_view local) {
  if (!local.starts_with('"')) return std::string(local);
  auto quoted = quoted_string(local);
  return quoted && quoted->length == local.size() ? std::move(quoted->content) : std::string(local);
}

std::string quoted(std::string_view local) {
  return needs_no_quotes(local) ? std::string(local) : rfc::quoted_string(local);
}

std::string written(const Target& target) {
  const bool plain = target.value.find_first_of(" \t,(\"\\") == npos;
  switch (target.kind) {
    case Target::Kind::address: return target.value;
    case Target::Kind::user: return cat("\\", target.value);
    case Target::Kind::file: return plain ? target.value : rfc::quoted_string(target.value);
    case Target::Kind::command: return rfc::quoted_string(cat("|", target.value));
    case Target::Kind::include: break;
  }
  return cat(include_mark, plain ? target.value : rfc::quoted_string(target.value));
}

TargetList read_targets(std::string_view text) { return Reader(text).read(); }

Result<std::vector<Target>> parse_targets(std::string_view text) {
  auto list = read_targets(text);
  if (!list.problems.empty()) return Error{Kind::data, std::move(list.problems[0].text)};
  if (list.targets.empty()) return Error{Kind::data, "no target"};
  return std::move(list.targets);
}

Result<std::vector<Target>> parse_target_file(std::string_view text, std::string_view name) {
  std::vector<Target> targets;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (int line = 1; !text.empty(); ++line) {
    const auto content = base::trim(base::take(text, '\n'));
    if (content.empty() || content[0] == '#') continue;
    auto list = read_targets(content);
    if (!list.problems.empty())
      return Error{Kind::data, cat(name, ":", line, ": ", list.problems[0].text)};
    if (targets.size() + list.targets.size() > most_targets)
      return Error{Kind::data, cat(name, ":", line, ": ", too_many())};
    std::move(list.targets.begin(), list.targets.end(), std::back_inserter(targets));
  }
  return targets;
}

}  // namespace store
