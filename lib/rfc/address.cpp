#include "lib/rfc/address.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc/header.h"

namespace rfc {

namespace {
using base::cat;
constexpr auto npos = std::string_view::npos;
constexpr std::string_view control_character = "control character";

bool atext(char c) {
  constexpr std::string_view marks = "!#$%&'*+-/=?^_`{|}~";
  return base::alpha(c) || base::digit(c) || base::eight_bit(c) || marks.find(c) != npos;
}

/// One element of an address list. Reads it token by token, as a phrase and as an addr-spec at
/// once: only a later '<', ':' or ',' tells which it was.
class Element {
 public:
  Element(std::string_view text, std::size_t at, bool in_group)
      : text_(text), at_(at), begin_(at), in_group_(in_group) {}

  void read() {
    while (at_ < text_.size() && !ended_) token();
    content_end_ = ended_ ? at_ - 1 : at_;
    judge();
  }
  std::size_t behind() const { return at_; }
  bool in_group() const { return in_group_; }
  bool holds_mailbox() const {
    return place_ != Place::before || !spec_.address.empty() || !problem_.empty();
  }
  Mailbox mailbox() const;

 private:
  enum class Token { none, word, dot, at };
  /// Where in `phrase <@route:addr-spec>` the reader is.
  enum class Place { before, inside, route, behind };
  struct Spec {
    std::string address;
    std::size_t begin = 0, end = 0;
    Token last = Token::none;
    int ats = 0;
    bool adjacent_words = false;  ///< two words with neither '.' nor '@' between
    bool spaced_dot = false;      ///< right only in the obsolete form of a qualified address
    bool stray_literal = false;
  };

  void token();
  void atom();
  void blank_or_fold();
  void quoted_string();
  void comment();
  void literal();
  void dot();
  void at_sign();
  void open();
  void close();
  void colon();
  void comma();
  void semicolon();

  std::string_view quoted_character();
  bool fold_at(std::size_t at) const;
  void word(std::string_view raw, std::string_view plain);
  void mark(Token token, std::string_view raw);
  void add_to_phrase(std::string_view plain);
  void judge();
  void judge_spec();
  void complain(std::string_view problem) {
    if (problem_.empty()) problem_ = problem;
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t begin_;
  std::size_t token_begin_ = 0;
  std::size_t content_end_ = 0;
  bool in_group_;
  bool ended_ = false;
  bool open_bracket_ = false;  // commas do not end the element, however malformed it is
  bool gap_ = false;           // white space or a comment since the last token
  Place place_ = Place::before;
  Spec spec_;
  std::string phrase_;
  std::string comment_;
  std::string problem_;
};

void Element::token() {
  token_begin_ = at_;
  const char c = text_[at_];
  if (atext(c)) return atom();
  switch (c) {
    case ' ':
    case '\t':
    case '\n': return blank_or_fold();
    case '"': return quoted_string();
    case '(': return comment();
    case '[': return literal();
    case '.': return dot();
    case '@': return at_sign();
    case '<': return open();
    case '>': return close();
    case ':': return colon();
    case ',': return comma();
    case ';': return semicolon();
    case ')': complain("unbalanced ')'"); break;
    default:
      if (base::control(c)) complain(control_character);
      else complain(cat("unexpected '", text_.substr(at_, 1), "'"));
  }
  ++at_;
}

/// Whether a line end at `at` is folding, or the end of the whole text.
bool Element::fold_at(std::size_t at) const {
  return at + 1 == text_.size() || text_[at + 1] == ' ' || text_[at + 1] == '\t';
}

void Element::blank_or_fold() {
  if (text_[at_] == '\n' && !fold_at(at_)) complain(control_character);
  gap_ = true;
  ++at_;
}

void Element::atom() {
  const auto begin = text_.begin() + static_cast<std::ptrdiff_t>(at_);
  const auto size = static_cast<std::size_t>(std::find_if_not(begin, text_.end(), atext) - begin);
  const auto atom = text_.substr(at_, size);
  at_ += size;
  word(atom, atom);
}

/// One character inside quotes or a comment with the backslash before it; empty for a fold.
std::string_view Element::quoted_character() {
  const auto begin = at_;
  if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
  const char c = text_[at_++];
  if (c == '\n' && begin + 1 == at_ && fold_at(begin)) return {};
  if (base::control(c) && c != '\t') complain(control_character);
  return text_.substr(begin, at_ - begin);
}

void Element::quoted_string() {
  std::string raw = "\"", plain;
  ++at_;
  while (at_ < text_.size() && text_[at_] != '"') {
    const auto character = quoted_character();
    raw.append(character);
    if (!character.empty()) plain.push_back(character.back());
  }
  if (at_ == text_.size()) complain("unbalanced '\"'");
  else ++at_;
  raw.push_back('"');
  word(raw, plain);
}

void Element::comment() {
  std::size_t depth = 1;
  comment_.clear();
  ++at_;
  while (at_ < text_.size()) {
    const auto character = quoted_character();
    if (character == "(") ++depth;
    if (character == ")" && --depth == 0) break;
    if (!character.empty()) comment_.push_back(character.back());
  }
  if (depth > 0) complain("unbalanced '('");
  gap_ = true;
}

void Element::literal() {
  const auto begin = at_;
  std::string raw;
  bool closed = false;
  while (at_ < text_.size() && !closed) {
    closed = text_[at_] == ']';
    const auto character = quoted_character();
    if (character != " " && character != "\t") raw.append(character);
  }
  if (!closed) complain("unbalanced '['");
  if (spec_.last != Token::at) spec_.stray_literal = true;
  word(raw, unfolded(text_.substr(begin, at_ - begin)));
}

void Element::word(std::string_view raw, std::string_view plain) {
  add_to_phrase(plain);
  if (spec_.last == Token::word) spec_.adjacent_words = true;
  if (spec_.last == Token::dot && gap_) spec_.spaced_dot = true;
  mark(Token::word, raw);
}

void Element::dot() {
  add_to_phrase(".");
  if (gap_) spec_.spaced_dot = true;
  ++at_;
  mark(Token::dot, ".");
}

void Element::at_sign() {
  if (place_ == Place::inside && spec_.address.empty()) place_ = Place::route;
  add_to_phrase("@");
  ++at_;
  ++spec_.ats;
  mark(Token::at, "@");
}

/// Notes a token that ends at at_ as part of the addr-spec.
void Element::mark(Token token, std::string_view raw) {
  gap_ = false;
  if (place_ == Place::route) return;
  if (place_ == Place::behind) return complain("missing ','");
  if (spec_.address.empty() && place_ == Place::before) spec_.begin = token_begin_;
  spec_.address.append(raw);
  spec_.last = token;
  spec_.end = at_;
}

void Element::add_to_phrase(std::string_view plain) {
  if (place_ != Place::before) return;
  if (gap_ && !phrase_.empty()) phrase_.push_back(' ');
  phrase_.append(plain);
}

void Element::open() {
  ++at_;
  if (place_ != Place::before) complain("unbalanced '<'");
  else place_ = Place::inside;
  open_bracket_ = true;
  gap_ = false;
  spec_ = {};
  spec_.begin = spec_.end = at_;
}

void Element::close() {
  ++at_;
  if (!open_bracket_) complain("unbalanced '>'");
  if (place_ == Place::route) complain("no address");
  open_bracket_ = false;
  place_ = Place::behind;
}

void Element::colon() {
  ++at_;
  if (place_ == Place::route) {
    place_ = Place::inside;
    spec_ = Spec{.address = {}, .begin = spec_.begin};
    return;
  }
  const bool named = place_ == Place::before && !spec_.address.empty() && spec_.ats == 0;
  if (!named || in_group_ || !problem_.empty()) return complain("unexpected ':'");
  *this = Element(text_, at_, true);
}

void Element::comma() {
  ++at_;
  if (!open_bracket_) ended_ = true;
  else if (place_ != Place::route) complain("unexpected ','");
}

void Element::semicolon() {
  ++at_;
  if (!in_group_ || open_bracket_) return complain("unexpected ';'");
  in_group_ = false;
  ended_ = true;
}

void Element::judge() {
  if (open_bracket_) complain("unbalanced '<'");
  if (!spec_.address.empty()) judge_spec();
}

void Element::judge_spec() {
  if (spec_.adjacent_words || (spec_.spaced_dot && spec_.ats == 0))
    complain(place_ == Place::before ? "missing ',' or '<>'" : "space in the address");
  if (spec_.address.starts_with('@')) complain("no local part");
  if (spec_.address.ends_with('@')) complain("no domain");
  if (spec_.ats > 1) complain("more than one '@'");
  if (spec_.stray_literal) complain("unexpected '['");
}

/// For display: controls (which a quoted-string may fold or escape) would break the line.
std::string one_line(std::string_view text) {
  std::string out(base::trim(text));
  std::replace_if(out.begin(), out.end(), base::control, ' ');
  return out;
}

Mailbox Element::mailbox() const {
  Mailbox mailbox;
  mailbox.problem = problem_;
  mailbox.begin = spec_.begin;
  mailbox.end = spec_.end;
  // What is malformed is shown as it stands: in pieces put together it could pass for an address,
  // and so could a text whose line end was taken for a fold.
  const auto as_it_stands = text_.substr(begin_, content_end_ - begin_);
  if (problem_.empty()) mailbox.address = spec_.address;
  else if (problem_ == control_character) mailbox.address = as_it_stands;
  else mailbox.address = unfolded(as_it_stands);
  const bool has_phrase = place_ != Place::before && !phrase_.empty();
  mailbox.display = one_line(has_phrase ? phrase_ : comment_);
  return mailbox;
}

/// Whether an addr-spec has an '@' outside quotes.
bool has_domain(std::string_view address) {
  bool quoted = false;
  for (std::size_t i = 0; i < address.size(); ++i) {
    if (address[i] == '\\') ++i;
    else if (address[i] == '"') quoted = !quoted;
    else if (address[i] == '@' && !quoted) return true;
  }
  return false;
}

/// Atoms with one space between; encoded words are atoms, with a line end before the space.
bool is_atoms(std::string_view text) {
  char before = ' ';
  for (const char c : text) {
    if (c == '\n') continue;
    if (c == ' ' ? before == ' ' : !atext(c)) return false;
    before = c;
  }
  return before != ' ';
}
}  // namespace

std::string quoted_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

std::optional<Mailbox> AddressList::next() {
  while (at_ < text_.size()) {
    Element element(text_, at_, in_group_);
    element.read();
    at_ = element.behind();
    in_group_ = element.in_group();
    if (element.holds_mailbox()) return element.mailbox();
  }
  return std::nullopt;
}

std::string qualified(std::string_view list, std::string_view domain, bool in_group) {
  if (domain.empty()) return std::string(list);
  std::string out;
  std::size_t copied = 0;
  AddressList mailboxes(list, in_group);
  while (const auto mailbox = mailboxes.next()) {
    const bool bare = mailbox->problem.empty() && !mailbox->address.empty();
    if (!bare || has_domain(mailbox->address)) continue;
    out.append(list.substr(copied, mailbox->end - copied));
    out.append("@").append(domain);
    copied = mailbox->end;
  }
  out.append(list.substr(copied));
  return out;
}

std::string phrase(std::string_view name) {
  const std::string text = encoded_text(name);
  const auto trimmed = base::trim(text);
  return trimmed.empty() || is_atoms(trimmed) ? std::string(trimmed) : quoted_string(trimmed);
}

}  // namespace rfc
