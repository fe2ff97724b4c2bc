#include "lib/rfc/xtext.h"

#include <algorithm>

namespace rfc {

namespace {
constexpr std::string_view hex_digits = "0123456789ABCDEF";

void append_hex(std::string& out, char mark, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out.push_back(mark);
  out.push_back(hex_digits[byte >> 4]);
  out.push_back(hex_digits[byte & 15]);
}

/// The byte that `text` (a mark and two upper-case hex digits) stands for.
std::optional<char> hex_byte(std::string_view text) {
  if (text.size() < 3) return std::nullopt;
  const auto high = hex_digits.find(text[1]);
  const auto low = hex_digits.find(text[2]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

constexpr bool xtext_as_it_is(char c) { return c > ' ' && c < 0x7f && c != '+' && c != '='; }
constexpr bool percent_as_it_is(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != 0x7f && c != '<' && c != '>' && c != '%';
}
}  // namespace

bool is_xtext(std::string_view text) { return from_xtext(text).has_value(); }

std::string xtext(std::string_view text) {
  std::string out;
  for (const char c : text) {
    // Brackets may stand as they are, but the spool has a use of its own for them.
    if (xtext_as_it_is(c) && c != '<' && c != '>') out.push_back(c);
    else append_hex(out, '+', c);
  }
  return out;
}

std::optional<std::string> from_xtext(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (xtext_as_it_is(text[i])) {
      out.push_back(text[i]);
      continue;
    }
    const auto byte = text[i] == '+' ? hex_byte(text.substr(i)) : std::nullopt;
    if (!byte) return std::nullopt;
    out.push_back(*byte);
    i += 2;
  }
  return out;
}

std::string percent(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (percent_as_it_is(c)) out.push_back(c);
    else append_hex(out, '%', c);
  }
  return out;
}

std::optional<std::string> from_percent(std::string_view text) {
  // Nearly every address. A listing reads thousands.
  if (std::all_of(text.begin(), text.end(), percent_as_it_is)) return std::string(text);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (percent_as_it_is(text[i])) {
      out.push_back(text[i]);
      continue;
    }
    const auto byte = text[i] == '%' ? hex_byte(text.substr(i)) : std::nullopt;
    // A second spelling of the same address would make two of one recipient.
    if (!byte || percent_as_it_is(*byte)) return std::nullopt;
    out.push_back(*byte);
    i += 2;
  }
  return out;
}

}  // namespace rfc
