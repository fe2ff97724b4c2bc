// text.h - small text functions. ASCII only, never the locale: mail is not written in anybody's
// locale.
#pragma once

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

namespace detail {
struct Piece {
  Piece(std::string_view text) : view(text) {}
  Piece(const std::string& text) : view(text) {}
  Piece(const char* text) : view(text) {}
  template <typename Integer>
  requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, char>) Piece(Integer number) {
    view = std::string_view(
        digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr -
                                         digits));
  }
  Piece(const Piece&) = delete;
  char digits[24];
  std::string_view view;
};
std::string join(std::initializer_list<std::string_view> pieces);
}  // namespace detail

/// The pieces (text or integers) written one behind the other.
template <typename... Pieces>
std::string cat(const Pieces&... pieces) {
  return detail::join({detail::Piece(pieces).view...});
}

/// Without blanks, tabs, CR and LF at both ends.
std::string_view trim(std::string_view text);
/// The pieces between separators; an empty text has one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);
/// The first word of `rest` up to `separator`, which both leave `rest`.
std::string_view take(std::string_view& rest, char separator);

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr bool digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool alpha(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
constexpr bool eight_bit(char c) { return static_cast<unsigned char>(c) >= 0x80; }
/// C0 controls and DEL, NUL among them.
constexpr bool control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// Whether a UTF-8 sequence begins `text` that is a C1 control (U+0080 to U+009F): terminals obey
/// them as they do C0.
constexpr bool c1_control(std::string_view text) {
  return text.size() >= 2 && text[0] == '\xc2' && static_cast<unsigned char>(text[1]) >= 0x80 &&
         static_cast<unsigned char>(text[1]) < 0xa0;
}

/// A lower-case copy (ASCII letters only).
std::string lowered(std::string_view text);
/// Equal but for the case of ASCII letters.
bool iequals(std::string_view a, std::string_view b);
/// Whether `text` begins with `prefix`, letters of either case.
bool istarts_with(std::string_view text, std::string_view prefix);
/// Where `part` begins in `text`, letters of either case; npos if nowhere.
std::size_t ifind(std::string_view text, std::string_view part);

/// The whole text as a number, nothing before or behind it; nullopt if it is none or does not fit.
template <typename Number>
std::optional<Number> to_number(std::string_view text, int radix = 10) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, radix);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

/// Untrusted text for a terminal or a log: controls, bidi and other invisible() characters and
/// invalid UTF-8 bytes become `?` each; at most `limit` bytes (cut at a UTF-8 boundary, then
/// "...").
std::string printable(std::string_view text, std::size_t limit = 1000);
/// Base64 (RFC 4648 section 4), padded, on one line.
std::string base64(std::string_view bytes);
void append_base64(std::string_view bytes, std::string& out);
/// Whether all of it is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool valid_utf8(std::string_view text);
/// Length of the well-formed UTF-8 sequence at the start of text (1 to 4), 0 if there is none.
std::size_t utf8_length(std::string_view text);

/// For a shell-like `pattern` with * and ?: whether it matches all of `text`, letters of either
/// case.
bool matches(std::string_view pattern, std::string_view text);

/// Text between quotes of a JSON string (RFC 8259): escapes added, for C1 controls too; invalid
/// UTF-8 as U+FFFD.
std::string json_escaped(std::string_view text);

}  // namespace base
