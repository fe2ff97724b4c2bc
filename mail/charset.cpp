// Charsets: terminal.h's for_charset() and from_charset(). The common ones are done here, so that a
// summary of a hundred thousand messages loads no module of iconv's.
#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <memory>

#include "lib/base/text.h"
#include "lib/base/unicode.h"
#include "mail/terminal.h"

namespace reader {

namespace {
constexpr std::string_view replacement = "\xef\xbf\xbd";

// windows-1252, 0x80 to 0x9f; 0: not assigned.
constexpr char32_t high_controls[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

enum class Known { utf_8, ascii, latin_1, latin_9, windows_1252, other };

Known known(std::string_view charset) {
  struct Name {
    std::string_view name;
    Known meaning;
  };
  // Who says iso-8859-1 means windows-1252 (WHATWG Encoding section 4.2); C1 controls are of no
  // use.
  constexpr Name names[] = {
      {"utf-8", Known::utf_8},          {"utf8", Known::utf_8},
      {"us-ascii", Known::ascii},       {"ascii", Known::ascii},
      {"ansi_x3.4-1968", Known::ascii}, {"iso-8859-1", Known::latin_1},
      {"iso8859-1", Known::latin_1},    {"latin1", Known::latin_1},
      {"iso-8859-15", Known::latin_9},  {"iso8859-15", Known::latin_9},
      {"latin9", Known::latin_9},       {"windows-1252", Known::windows_1252},
      {"cp1252", Known::windows_1252},
  };
  for (const auto& entry : names)
    if (base::iequals(entry.name, charset)) return entry.meaning;
  return Known::other;
}

// Where ISO 8859-15 differs from ISO 8859-1.
struct Latin9 {
  unsigned char byte;
  char32_t code;
};
constexpr Latin9 latin_9_bytes[] = {{0xa4, 0x20ac}, {0xa6, 0x160}, {0xa8, 0x161}, {0xb4, 0x17d},
                                    {0xb8, 0x17e},  {0xbc, 0x152}, {0xbd, 0x153}, {0xbe, 0x178}};

char32_t code_of(unsigned char byte, Known charset) {
  if (byte >= 0x80 && byte < 0xa0) return high_controls[byte - 0x80];
  if (charset == Known::latin_9)
    for (const auto& entry : latin_9_bytes)
      if (entry.byte == byte) return entry.code;
  return byte;
}

std::string from_single_bytes(std::string_view text, Known charset) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    const auto code = code_of(static_cast<unsigned char>(c), charset);
    if (code == 0 && c != '\0') out.append(replacement);
    else base::append_code_point(code, out);
  }
  return out;
}

std::string from_utf8(std::string_view text) {
  if (base::valid_utf8(text)) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const auto length = base::utf8_length(text);
    out.append(length == 0 ? replacement : text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string guessed(std::string_view text) {
  if (base::valid_utf8(text)) return std::string(text);
  return from_single_bytes(text, Known::windows_1252);
}

struct Closer {
  void operator()(void* descriptor) const { ::iconv_close(descriptor); }
};
using Converter = std::unique_ptr<void, Closer>;

// Charsets that mail is written in. The name comes from a stranger, and a C library has hundreds of
// converters: the rarely used ones have had holes, so no others are loaded. `*`: digits, if any.
constexpr std::string_view convertible[] = {
    "iso-8859-*",    "iso8859-*",     "iso_8859-*",  "latin*",      "windows-125*", "windows-874",
    "windows-936",   "windows-949",   "cp125*",      "cp437",       "cp85*",        "cp86*",
    "cp874",         "cp932",         "cp936",       "cp949",       "cp950",        "ibm437",
    "ibm85*",        "ibm86*",        "koi8-r",      "koi8-u",      "koi8-ru",      "iso-2022-jp",
    "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-kr", "euc-jp",      "eucjp",        "euc-kr",
    "euckr",         "euc-tw",        "euctw",       "euc-cn",      "euccn",        "shift_jis",
    "shift-jis",     "sjis",          "ms_kanji",    "windows-31j", "gb*",          "gbk",
    "big5",          "big5-hkscs",    "johab",       "uhc",         "utf-*",        "utf-16be",
    "utf-16le",      "utf-32be",      "utf-32le",    "ucs-*",       "tis-620",      "tis620",
    "tcvn*",         "viscii",        "macintosh",   "armscii-8",   "georgian-ps"};

bool same_name(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return base::iequals(pattern, name);
  pattern.remove_suffix(1);
  return base::istarts_with(name, pattern) && name.size() <= pattern.size() + 5 &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(pattern.size()), name.end(),
                     base::digit);
}

Converter converter(const std::string& to, std::string_view from) {
  if (!knows_charset(from)) return nullptr;
  void* const opened = ::iconv_open(to.c_str(), std::string(from).c_str());
  // NOLINTNEXTLINE(performance-no-int-to-ptr): iconv's way to say that it failed
  return opened == reinterpret_cast<void*>(-1) ? nullptr : Converter(opened);
}

// Everything that can be converted; `skip` is called with what stopped it and says how many bytes
// are passed over (at least one) and what stands for them.
template <typename Skip>
std::string converted(void* descriptor, std::string_view text, Skip skip) {
  std::string out;
  char buffer[4096];
  char* input = const_cast<char*>(text.data());
  std::size_t left = text.size();
  while (left > 0) {
    char* output = buffer;
    std::size_t room = sizeof buffer;
    const auto result = ::iconv(descriptor, &input, &left, &output, &room);
    const int problem = result == static_cast<std::size_t>(-1) ? errno : 0;
    out.append(buffer, sizeof buffer - room);
    if (problem == 0 || problem == E2BIG) continue;
    const auto length = std::min(left, skip(std::string_view(input, left), out));
    input += length;
    left -= length;
  }
  char* output = buffer;
  std::size_t room = sizeof buffer;
  ::iconv(descriptor, nullptr, nullptr, &output, &room);  // back to the initial shift state
  out.append(buffer, sizeof buffer - room);
  return out;
}

std::string only_ascii(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    out.push_back(base::eight_bit(text[0]) ? '?' : text[0]);
    text.remove_prefix(std::max<std::size_t>(1, base::utf8_length(text)));
  }
  return out;
}

bool seven_bit(std::string_view text) {
  return std::none_of(text.begin(), text.end(), base::eight_bit);
}
}  // namespace

bool knows_charset(std::string_view charset) {
  return known(charset) != Known::other ||
         std::any_of(std::begin(convertible), std::end(convertible),
                     [&](std::string_view pattern) { return same_name(pattern, charset); });
}

std::string from_charset(std::string_view text, std::string_view charset) {
  const Known kind = known(charset);
  if (kind != Known::other && seven_bit(text)) return std::string(text);
  if (kind == Known::utf_8) return from_utf8(text);
  // Eight-bit text that says it has none is as good as text that says nothing.
  if (kind == Known::ascii || charset.empty()) return guessed(text);
  if (kind != Known::other) return from_single_bytes(text, kind);
  const auto descriptor = converter("UTF-8", charset);
  if (!descriptor) return guessed(text);
  const auto skip = [](std::string_view, std::string& out) {
    out.append(replacement);
    return std::size_t{1};
  };
  // What comes out is looked at too: converters of old charsets make surrogates of some bytes.
  return from_utf8(converted(descriptor.get(), text, skip));
}

std::string for_charset(std::string_view text, std::string_view charset) {
  const Known kind = known(charset);
  if (kind == Known::utf_8 || (kind != Known::other && seven_bit(text))) return std::string(text);
  if (kind == Known::ascii || charset.empty()) return only_ascii(text);
  const auto descriptor = [&] {
    void* const opened = ::iconv_open(std::string(charset).c_str(), "UTF-8");
    // NOLINTNEXTLINE(performance-no-int-to-ptr): iconv's way to say that it failed
    return opened == reinterpret_cast<void*>(-1) ? nullptr : Converter(opened);
  }();
  if (!descriptor) return only_ascii(text);
  const auto skip = [](std::string_view rest, std::string& out) {
    out.push_back('?');
    return std::max<std::size_t>(1, base::utf8_length(rest));
  };
  return converted(descriptor.get(), text, skip);
}

}  // namespace reader
