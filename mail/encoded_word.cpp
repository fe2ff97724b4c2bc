#include "mail/encoded_word.h"

#include <algorithm>
#include <optional>

#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "mail/terminal.h"

namespace reader {

namespace {
struct EncodedWord {
  std::string_view charset, content;
  char encoding = 'q';
  std::size_t length = 0;  // of all of it, "=?" to "?="
};

bool blank(char c) { return c == ' ' || c == '\t'; }

// `text` begins with "=?". White space within is no encoded word's (RFC 2047 section 2); longer
// ones than 75 bytes are read, since many write them.
std::optional<EncodedWord> encoded_word_at(std::string_view text) {
  const auto charset_end = text.find('?', 2);
  if (charset_end == std::string_view::npos || charset_end + 2 >= text.size() ||
      text[charset_end + 2] != '?')
    return std::nullopt;
  const char encoding = base::lower(text[charset_end + 1]);
  if (encoding != 'q' && encoding != 'b') return std::nullopt;
  const auto start = charset_end + 3;
  const auto end = text.find('?', start);
  if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != '=')
    return std::nullopt;
  const auto whole = text.substr(0, end + 2);
  if (std::any_of(whole.begin(), whole.end(), blank)) return std::nullopt;
  auto charset = text.substr(2, charset_end - 2);
  charset = charset.substr(0, charset.find('*'));  // a language (RFC 2231 section 5)
  return EncodedWord{charset, text.substr(start, end - start), encoding, end + 2};
}

int hex_value(char c) {
  if (base::digit(c)) return c - '0';
  const char low = base::lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

void append_q(std::string_view content, std::string& out) {
  for (std::size_t i = 0; i < content.size(); ++i) {
    const bool escape = content[i] == '=' && i + 2 < content.size() &&
                        hex_value(content[i + 1]) >= 0 && hex_value(content[i + 2]) >= 0;
    if (!escape) {
      out.push_back(content[i] == '_' ? ' ' : content[i]);
      continue;
    }
    out.push_back(static_cast<char>(hex_value(content[i + 1]) << 4 | hex_value(content[i + 2])));
    i += 2;
  }
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (base::digit(c)) return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

void append_b(std::string_view content, std::string& out) {
  unsigned bits = 0;
  int count = 0;
  for (const char c : content) {
    const int value = base64_value(c);
    if (value < 0) continue;
    bits = (bits << 6 | static_cast<unsigned>(value)) & 0xffffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xff));
  }
}

// Text between encoded words, and the words themselves, in the order in which they come.
class Decoder {
 public:
  void text(std::string_view raw) {
    if (raw.empty()) return;
    const bool between =
        !charset_.empty() && std::all_of(raw.begin(), raw.end(), blank);  // dropped if a word
    if (between) {                                                        // follows
      blanks_ = raw;
      return;
    }
    flush();
    out_.append(from_charset(raw, {}));
  }

  void word(const EncodedWord& word) {
    blanks_ = {};
    // A character may be cut in two words of one charset, though it should not be.
    if (!base::iequals(word.charset, charset_)) flush();
    charset_ = word.charset;
    if (word.encoding == 'q') append_q(word.content, bytes_);
    else append_b(word.content, bytes_);
  }

  std::string finish() {
    flush();
    return std::move(out_);
  }

 private:
  void flush() {
    if (!bytes_.empty()) out_.append(from_charset(bytes_, charset_));
    out_.append(blanks_);
    bytes_.clear();
    charset_ = {};
    blanks_ = {};
  }

  std::string out_, bytes_;
  std::string_view charset_;  // of bytes_; empty: no word came yet
  std::string_view blanks_;   // behind the last word
};
}  // namespace

std::string decoded_words(std::string_view body) {
  const std::string unfolded = rfc::unfolded(body);
  std::string_view rest = unfolded;
  if (rest.find("=?") == std::string_view::npos) return from_charset(rest, {});
  Decoder decoder;
  std::size_t plain = 0;  // bytes before the place at hand that are no encoded word
  for (auto found = rest.find("=?"); found != std::string_view::npos;
       found = rest.find("=?", plain)) {
    const auto word = encoded_word_at(rest.substr(found));
    if (!word) {
      plain = found + 2;
      continue;
    }
    decoder.text(rest.substr(0, found));
    decoder.word(*word);
    rest.remove_prefix(found + word->length);
    plain = 0;
  }
  decoder.text(rest);
  return decoder.finish();
}

}  // namespace reader
