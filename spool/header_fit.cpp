#include "spool/header_fit.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "spool/mime.h"

namespace spool {

namespace {
using base::cat;
constexpr auto npos = std::string_view::npos;

constexpr bool blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool white(char c) { return blank(c) || c == '\n' || c == '\r'; }

bool has_eight_bit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), base::eight_bit);
}
bool encoded_word(std::string_view text) {
  return text.size() > 6 && text.starts_with("=?") && text.ends_with("?=") && !has_eight_bit(text);
}

void put_hex(char mark, char c, std::string& out) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out.append({mark, hex[byte >> 4], hex[byte & 15]});
}

/// Encoded words for a text that is not UTF-8; its bytes stay what they are.
std::string unknown_words(std::string_view text) {
  constexpr std::string_view begin = "=?unknown-8bit?Q?", marks = "!*+-/";
  constexpr std::size_t longest_word = 75;
  std::string out, word;
  for (const char c : text) {
    std::string coded;
    if (base::alpha(c) || base::digit(c) || marks.find(c) != npos) coded = c;
    else if (c == ' ') coded = '_';
    else put_hex('=', c, coded);
    if (begin.size() + word.size() + coded.size() + 2 > longest_word) {
      out.append(cat(begin, word, "?=\n "));
      word.clear();
    }
    word.append(coded);
  }
  return cat(out, begin, word, "?=");
}

std::string encoded_words(std::string_view text) {
  return base::valid_utf8(text) ? rfc::encoded_text(text) : unknown_words(text);
}

struct Word {
  std::string text;  ///< without quotes
  std::string raw;
  bool encoded = false;
  std::string gap = " ";  ///< the blanks before it
};

/// Words joined by their blanks; those from `first` up to `last` as encoded words where they hold
/// 8-bit text, else as they are: quotes may hold what else would be another address. White space
/// between two encoded words means nothing, so that the space is encoded where one stands beside.
void put_run(const std::vector<Word>& words, std::size_t first, std::size_t last,
             std::string& out) {
  std::string text = first > 0 && words[first - 1].encoded ? " " : "", raw;
  for (std::size_t i = first; i < last; ++i) {
    const std::string_view gap = i == first ? "" : std::string_view(words[i].gap);
    text += cat(gap, words[i].text);
    raw += cat(gap, words[i].raw);
  }
  if (last < words.size() && words[last].encoded) text.push_back(' ');
  out.append(has_eight_bit(text) ? encoded_words(text) : raw);
}

/// Words that lie between encoded ones are one run each; narrow: only from a run's first 8-bit word
/// to its last.
std::string joined(const std::vector<Word>& words, bool narrow) {
  std::string out;
  const auto eight_bit = [&](std::size_t i) { return has_eight_bit(words[i].text); };
  for (std::size_t begin = 0; begin < words.size();) {
    if (!out.empty()) out.append(words[begin].gap);
    std::size_t end = begin + 1;
    if (words[begin].encoded || (narrow && !eight_bit(begin))) {
      out.append(words[begin].raw);
      begin = end;
      continue;
    }
    while (end < words.size() && !words[end].encoded) ++end;
    const auto next = end;
    while (narrow && end > begin + 1 && !eight_bit(end - 1)) --end;
    put_run(words, begin, end, out);
    for (; end < next; ++end) out.append(words[end].gap).append(words[end].raw);
    begin = next;
  }
  return out;
}

std::string unstructured(std::string_view text) {
  constexpr std::string_view whites = " \t\r\n";
  std::vector<Word> words;
  for (std::size_t at = 0;;) {
    const auto begin = text.find_first_not_of(whites, at);
    if (begin == npos) return joined(words, true);
    const auto gap = text.substr(at, begin - at);
    at = std::min(text.find_first_of(whites, begin), text.size());
    const std::string word(text.substr(begin, at - begin));
    const bool folded = gap.find_first_of("\r\n") != npos;
    words.push_back({word, word, encoded_word(word), folded ? " " : std::string(gap)});
  }
}

/// Structured text (address lists and others) with its phrases and comments in ASCII.
class Structured {
 public:
  explicit Structured(std::string_view text) : text_(text) {}
  /// failed(): 8-bit text stands where no encoded word may; it is made one nevertheless, but for
  /// that in a domain literal.
  std::string ascii() {
    while (at_ < text_.size()) step();
    end_run(false);
    return std::move(out_);
  }
  bool failed() const { return failed_; }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '(') return comment();
    if (c == '<' || c == ':' || c == ',' || c == ';' || c == '@' || c == '>' || c == '[')
      return special(c);
    if (white(c)) space();
    else word();
  }

  std::string_view quoted(char open, char close) {
    const auto begin = at_;
    std::size_t depth = 1;
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size()) ++at_;
      else if (c == close && --depth == 0) break;
      else if (c == open && open != close) ++depth;
    }
    at_ = std::min(at_ + 1, text_.size());
    return text_.substr(begin, at_ - begin);
  }

  static std::string plain(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      out.push_back(text[i]);
    }
    return rfc::unfolded(out);
  }

  void comment() {
    const auto whole = quoted('(', ')');
    end_run(phrase_follows());
    if (!has_eight_bit(whole)) out_.append(whole);
    else out_.append(cat("(", unstructured(plain(whole.substr(1, whole.size() - 2))), ")"));
  }

  void special(char c) {
    end_run((c == '<' && !inside_) || (c == ':' && !inside_));
    if (c == '<') inside_ = true;
    if (c == '>' || c == ',' || c == ';') inside_ = domain_ = false;
    if (c == '@') domain_ = true;
    if (c == '[') out_.append(quoted('[', ']'));
    else out_.push_back(text_[at_++]);
  }

  void space() {
    const auto begin = at_;
    while (at_ < text_.size() && white(text_[at_])) ++at_;
    (words_.empty() ? out_ : run_).append(text_.substr(begin, at_ - begin));
  }

  void word() {
    const auto begin = at_;
    constexpr std::string_view ends = " \t\r\n()<>:,;@[\"";
    if (text_[at_] == '"') (void)quoted('"', '"');
    else at_ = std::min(text_.find_first_of(ends, at_ + 1), text_.size());
    const auto raw = text_.substr(begin, at_ - begin);
    run_.append(raw);
    Word word{std::string(raw), std::string(raw), encoded_word(raw)};
    const bool closed = raw.size() > 1 && raw.ends_with('"');
    if (raw.starts_with('"')) word.text = plain(raw.substr(1, raw.size() - (closed ? 2 : 1)));
    words_.push_back(std::move(word));
  }

  /// Whether the words before a comment are a phrase: a '<' or ':' comes before the element's end.
  bool phrase_follows() {
    if (inside_ || domain_) return false;
    if (mark_ < at_) mark_ = std::min(text_.find_first_of("<:,;@", at_), text_.size());
    return mark_ < text_.size() && (text_[mark_] == '<' || text_[mark_] == ':');
  }

  void end_run(bool phrase) {
    const auto tail = run_.find_last_not_of(" \t\r\n") + 1;
    const bool fits = !has_eight_bit(run_);
    failed_ |= !fits && !phrase;
    if (fits) out_.append(run_);
    else out_.append(joined(words_, !phrase)).append(run_.substr(tail));
    run_.clear();
    words_.clear();
  }

  std::string_view text_;
  std::size_t at_ = 0, mark_ = 0;  // mark_: the last one that phrase_follows() found
  std::string out_, run_;          // run_: words since the last special, raw
  std::vector<Word> words_;
  bool inside_ = false, domain_ = false, failed_ = false;
};

/// `; name*0*=utf-8''…` with a line for each piece.
std::string extended_parameter(std::string_view name, std::string_view value) {
  constexpr std::size_t piece = 60;
  std::string coded = base::valid_utf8(value) ? "utf-8''" : "unknown-8bit''";
  std::vector<std::string> pieces;
  for (const char c : value) {
    if (coded.size() > piece) pieces.push_back(std::exchange(coded, {}));
    if (base::alpha(c) || base::digit(c) || c == '-' || c == '.' || c == '_') coded.push_back(c);
    else put_hex('%', c, coded);
  }
  pieces.push_back(coded);
  if (pieces.size() == 1) return cat(";\n ", name, "*=", pieces[0]);
  std::string out;
  for (std::size_t i = 0; i < pieces.size(); ++i) out += cat(";\n ", name, "*", i, "*=", pieces[i]);
  return out;
}

/// Offset of the next ';' outside quotes and comments, or the end.
std::size_t parameter_end(std::string_view text, std::size_t at) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\' && quote != 0) ++at;
    else if (quote != 0 && c == quote) quote = 0;
    else if (quote != 0) continue;
    else if (c == '"') quote = '"';
    else if (c == '(') quote = ')';
    else if (c == ';') break;
  }
  return std::min(at, text.size());
}

std::string hexed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (base::eight_bit(c)) put_hex('=', c, out);
    else out.push_back(c);
  }
  return out;
}

std::string with_extended_parameters(std::string_view body) {
  const auto type_end = parameter_end(body, 0);
  std::string out = hexed(body.substr(0, type_end));
  for (auto at = type_end; at < body.size();) {
    const auto end = parameter_end(body, at + 1);
    const auto part = body.substr(at, end - at);
    const auto name = base::trim(part.substr(1, std::max<std::size_t>(part.find('='), 1) - 1));
    const auto value = parameter(cat("x:", part), base::lowered(name));
    if (value && has_eight_bit(*value) && !has_eight_bit(name))
      out.append(extended_parameter(name, *value));
    else out.append(hexed(part));
    at = end;
  }
  return out;
}

/// Whether a well-formed mailbox has an address that is not ASCII.
bool eight_bit_address(std::string_view list) {
  rfc::AddressList mailboxes(list);
  while (const auto mailbox = mailboxes.next()) {
    const bool address = mailbox->problem.empty() && mailbox->address.find('@') != npos;
    if (address && has_eight_bit(mailbox->address)) return true;
  }
  return false;
}

/// Malformed elements, which are nobody's address, are text.
std::string ascii_list(std::string_view list, bool& address) {
  Structured reader(list);
  std::string out = reader.ascii();
  const bool text_left = has_eight_bit(out);
  if (reader.failed() || text_left) address |= eight_bit_address(list);
  return text_left ? unstructured(list) : out;
}

bool unstructured_field(rfc::Field kind, std::string_view name) {
  constexpr std::string_view identifiers[] = {"In-Reply-To", "References",     "Content-ID",
                                              "List-Id",     "DKIM-Signature", "Autocrypt"};
  const bool identifier = std::any_of(std::begin(identifiers), std::end(identifiers),
                                      [&](auto known) { return base::iequals(known, name); });
  return kind == rfc::Field::other && !identifier;
}

/// A field that holds 8-bit text.
std::string ascii_field(std::string_view field, bool& address) {
  const auto name = name_of(field);
  const auto kind = rfc::field_of(name);
  const auto colon = field.find(':');
  if (name.empty() || colon == npos || has_eight_bit(name)) return hexed(field);
  const auto begin = field.substr(0, colon + 1);
  const auto content = field.substr(0, field.find_last_not_of(" \t\r\n") + 1).substr(colon + 1);
  const auto first = std::min(content.find_first_not_of(" \t\r\n"), content.size());
  const auto blanks = content.substr(0, first), body = content.substr(first);
  if (rfc::holds_addresses(kind)) return cat(begin, blanks, ascii_list(body, address), "\n");
  if (kind == rfc::Field::content_type || base::iequals(name, "Content-Disposition"))
    return cat(begin, blanks, with_extended_parameters(body), "\n");
  if (!unstructured_field(kind, name)) return hexed(field);
  return cat(begin, " ", unstructured(body), "\n");
}

/// Whether what it has seen ends inside a quoted-string or a comment.
class Quotes {
 public:
  void see(char c) {
    if (std::exchange(escaped_, false)) return;
    if (c == '\\') escaped_ = inside();
    else if (c == '"' && depth_ == 0) quoted_ = !quoted_;
    else if (!quoted_) depth_ += c == '(' ? 1 : c == ')' && depth_ > 0 ? -1 : 0;
  }
  bool inside() const { return quoted_ || depth_ > 0; }

 private:
  bool quoted_ = false, escaped_ = false;
  int depth_ = 0;
};

/// Where the next line begins: at the last blank that text follows, or in a list behind the last
/// comma, outside quotes and comments; else at the last blank inside of them; npos if there is
/// none. longest: of the line before it.
std::size_t fold_place(std::string_view line, std::size_t longest, bool list) {
  std::size_t good = npos, any = npos;
  Quotes quotes;
  // A line of a name or of blanks alone would be no gain.
  const auto colon = blank(line[0]) ? npos : line.find(':');
  const auto first = line.find_first_not_of(" \t", colon == npos ? 0 : colon + 1);
  for (std::size_t i = 0; i <= longest && i + 1 < line.size(); ++i) {
    quotes.see(line[i]);
    if (i <= first || white(line[i + 1])) continue;
    if (blank(line[i])) (quotes.inside() ? any : good) = i;
    else if (list && line[i] == ',' && !quotes.inside() && i < longest) good = i + 1;
  }
  return good == npos ? any : good;
}

/// Appends a field with its long lines folded.
void put_folded(std::string_view field, std::string& out) {
  const bool list = rfc::holds_addresses(kind_of(field));
  while (!field.empty()) {
    auto line = field.substr(0, field.find('\n'));
    field.remove_prefix(std::min(line.size() + 1, field.size()));
    if (line.size() > largest_line) line = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    for (std::size_t indent = 0; line.size() + indent > largest_line;) {
      const auto place = fold_place(line, largest_line - indent, list);
      if (place == npos) break;
      out.append(line.substr(0, place)).push_back('\n');
      line.remove_prefix(place);
      indent = blank(line[0]) ? 0 : 1;
      out.append(indent, ' ');
    }
    out.append(line).push_back('\n');
  }
}
}  // namespace

FittedHeader fit_header(std::string_view header, bool to_ascii) {
  FittedHeader fitted;
  std::string without_nul;
  if (header.find('\0') != npos) {
    without_nul = header;
    std::replace(without_nul.begin(), without_nul.end(), '\0', '?');
    header = without_nul;
  }
  const bool whole = header.ends_with('\n');
  while (!header.empty()) {
    const auto field = take_field(header);
    if (to_ascii && has_eight_bit(field))
      put_folded(ascii_field(field, fitted.address), fitted.text);
    else put_folded(field, fitted.text);
  }
  if (!whole && fitted.text.ends_with('\n')) fitted.text.pop_back();
  return fitted;
}

}  // namespace spool
