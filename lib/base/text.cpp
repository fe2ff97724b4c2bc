#include "lib/base/text.h"

#include <algorithm>

#include "lib/base/unicode.h"

namespace base {

namespace detail {
std::string join(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const auto piece : pieces) size += piece.size();
  std::string text;
  text.reserve(size);
  for (const auto piece : pieces) text.append(piece);
  return text;
}
}  // namespace detail

std::string_view trim(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const auto end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::string_view take(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const auto word = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return word;
}

std::string lowered(std::string_view text) {
  std::string copy(text);
  for (char& c : copy) c = lower(c);
  return copy;
}

bool iequals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && istarts_with(a, b);
}

bool istarts_with(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i)
    if (lower(text[i]) != lower(prefix[i])) return false;
  return true;
}

std::size_t ifind(std::string_view text, std::string_view part) {
  for (std::size_t at = 0; at + part.size() <= text.size(); ++at)
    if (istarts_with(text.substr(at), part)) return at;
  return std::string_view::npos;
}

namespace {
// RFC 3629 section 4: which second bytes may follow which first ones. Third and fourth are 80 to
// BF.
struct Utf8Range {
  unsigned char first_low, first_high, second_low, second_high;
  std::size_t length;
};
constexpr Utf8Range utf8_ranges[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},  // no overlong form
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},  // no surrogate
    {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

bool fits(const Utf8Range& range, std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.size() < range.length || byte(0) < range.first_low || byte(0) > range.first_high)
    return false;
  if (byte(1) < range.second_low || byte(1) > range.second_high) return false;
  for (std::size_t i = 2; i < range.length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return false;
  return true;
}
}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  if (!eight_bit(text[0])) return 1;
  for (const auto& range : utf8_ranges)
    if (fits(range, text)) return range.length;
  return 0;
}

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text, std::size_t limit) {
  // Nearly all that is shown is short plain ASCII.
  const auto plain = [](char c) { return !eight_bit(c) && !control(c); };
  if (text.size() <= limit && std::all_of(text.begin(), text.end(), plain))
    return std::string(text);
  std::string shown;
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const bool bad = length == 0 || c1_control(text) || (length == 1 && control(text[0])) ||
                     invisible(text.substr(0, length));
    const auto step = length == 0 ? 1 : length;
    if (shown.size() + step > limit) return shown + "...";
    if (bad) shown.push_back('?');
    else shown.append(text.substr(0, step));
    text.remove_prefix(step);
  }
  return shown;
}

bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || lower(pattern[p]) == lower(text[t]))) {
      ++p, ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string json_escaped(std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const char c = text[0];
    if (length == 0) out.append("\xef\xbf\xbd");
    else if (c1_control(text))
      out.append({'\\', 'u', '0', '0', hex[(text[1] >> 4) & 15], hex[text[1] & 15]});
    else if (length > 1) out.append(text.substr(0, length));
    else if (c == '"' || c == '\\') out.append({'\\', c});
    else if (control(c)) out.append({'\\', 'u', '0', '0', hex[(c >> 4) & 15], hex[c & 15]});
    else out.push_back(c);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

void append_base64(std::string_view bytes, std::string& out) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(3, bytes.size()))) {
    const auto byte = [&](std::size_t i) {
      return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
    };
    const unsigned bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    out.push_back(digits[bits >> 18]);
    out.push_back(digits[bits >> 12 & 63]);
    out.push_back(bytes.size() > 1 ? digits[bits >> 6 & 63] : '=');
    out.push_back(bytes.size() > 2 ? digits[bits & 63] : '=');
  }
}

std::string base64(std::string_view bytes) {
  std::string out;
  append_base64(bytes, out);
  return out;
}

}  // namespace base
