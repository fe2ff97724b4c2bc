#include "mail/html_entity.h"

#include <algorithm>
#include <iterator>

#include "lib/base/text.h"
#include "lib/base/unicode.h"
#include "mail/terminal.h"

namespace reader {

namespace {
struct Named {
  std::string_view name;
  char32_t code;
};
// Sorted by name.
constexpr Named named[] = {
    {"AElig", 0xc6},    {"Aacute", 0xc1},   {"Acirc", 0xc2},    {"Agrave", 0xc0},
    {"Aring", 0xc5},    {"Atilde", 0xc3},   {"Auml", 0xc4},     {"Ccedil", 0xc7},
    {"Dagger", 0x2021}, {"ETH", 0xd0},      {"Eacute", 0xc9},   {"Ecirc", 0xca},
    {"Egrave", 0xc8},   {"Euml", 0xcb},     {"Iacute", 0xcd},   {"Icirc", 0xce},
    {"Igrave", 0xcc},   {"Iuml", 0xcf},     {"Ntilde", 0xd1},   {"OElig", 0x152},
    {"Oacute", 0xd3},   {"Ocirc", 0xd4},    {"Ograve", 0xd2},   {"Oslash", 0xd8},
    {"Otilde", 0xd5},   {"Ouml", 0xd6},     {"Scaron", 0x160},  {"THORN", 0xde},
    {"Uacute", 0xda},   {"Ucirc", 0xdb},    {"Ugrave", 0xd9},   {"Uuml", 0xdc},
    {"Yacute", 0xdd},   {"Yuml", 0x178},    {"aacute", 0xe1},   {"acirc", 0xe2},
    {"acute", 0xb4},    {"aelig", 0xe6},    {"agrave", 0xe0},   {"amp", 0x26},
    {"apos", 0x27},     {"aring", 0xe5},    {"atilde", 0xe3},   {"auml", 0xe4},
    {"bdquo", 0x201e},  {"brvbar", 0xa6},   {"bull", 0x2022},   {"ccedil", 0xe7},
    {"cedil", 0xb8},    {"cent", 0xa2},     {"check", 0x2713},  {"circ", 0x2c6},
    {"copy", 0xa9},     {"curren", 0xa4},   {"dagger", 0x2020}, {"darr", 0x2193},
    {"deg", 0xb0},      {"divide", 0xf7},   {"eacute", 0xe9},   {"ecirc", 0xea},
    {"egrave", 0xe8},   {"emsp", 0x2003},   {"ensp", 0x2002},   {"eth", 0xf0},
    {"euml", 0xeb},     {"euro", 0x20ac},   {"fnof", 0x192},    {"frac12", 0xbd},
    {"frac14", 0xbc},   {"frac34", 0xbe},   {"ge", 0x2265},     {"gt", 0x3e},
    {"harr", 0x2194},   {"hellip", 0x2026}, {"iacute", 0xed},   {"icirc", 0xee},
    {"iexcl", 0xa1},    {"igrave", 0xec},   {"infin", 0x221e},  {"iquest", 0xbf},
    {"iuml", 0xef},     {"laquo", 0xab},    {"larr", 0x2190},   {"ldquo", 0x201c},
    {"le", 0x2264},     {"lrm", 0x200e},    {"lsaquo", 0x2039}, {"lsquo", 0x2018},
    {"lt", 0x3c},       {"macr", 0xaf},     {"mdash", 0x2014},  {"micro", 0xb5},
    {"middot", 0xb7},   {"minus", 0x2212},  {"nbsp", 0xa0},     {"ndash", 0x2013},
    {"ne", 0x2260},     {"not", 0xac},      {"ntilde", 0xf1},   {"oacute", 0xf3},
    {"ocirc", 0xf4},    {"oelig", 0x153},   {"ograve", 0xf2},   {"ordf", 0xaa},
    {"ordm", 0xba},     {"oslash", 0xf8},   {"otilde", 0xf5},   {"ouml", 0xf6},
    {"para", 0xb6},     {"permil", 0x2030}, {"plusmn", 0xb1},   {"pound", 0xa3},
    {"prime", 0x2032},  {"quot", 0x22},     {"raquo", 0xbb},    {"rarr", 0x2192},
    {"rdquo", 0x201d},  {"reg", 0xae},      {"rlm", 0x200f},    {"rsaquo", 0x203a},
    {"rsquo", 0x2019},  {"sbquo", 0x201a},  {"scaron", 0x161},  {"sect", 0xa7},
    {"shy", 0xad},      {"star", 0x2606},   {"sup1", 0xb9},     {"sup2", 0xb2},
    {"sup3", 0xb3},     {"szlig", 0xdf},    {"thinsp", 0x2009}, {"thorn", 0xfe},
    {"tilde", 0x2dc},   {"times", 0xd7},    {"trade", 0x2122},  {"uacute", 0xfa},
    {"uarr", 0x2191},   {"ucirc", 0xfb},    {"ugrave", 0xf9},   {"uml", 0xa8},
    {"uuml", 0xfc},     {"yacute", 0xfd},   {"yen", 0xa5},      {"yuml", 0xff},
    {"zwj", 0x200d},    {"zwnj", 0x200c}};

void append_code(char32_t code, std::string& out) {
  const char byte = static_cast<char>(code);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code == 0 || code > 0x10ffff || surrogate) out.append("\xef\xbf\xbd");
  else if (code < 0x80) out.push_back(byte);
  else if (code < 0xa0)  // meant as windows-1252 (HTML 13.2.5.80)
    out.append(from_charset(std::string_view(&byte, 1), "windows-1252"));
  else base::append_code_point(code, out);
}

// What stands between '&' and ';'. Whether it means something.
bool append_reference(std::string_view name, std::string& out) {
  if (name.starts_with("#x") || name.starts_with("#X") || name.starts_with('#')) {
    const bool hexadecimal = name.size() > 1 && base::lower(name[1]) == 'x';
    const auto code =
        base::to_number<unsigned>(name.substr(hexadecimal ? 2 : 1), hexadecimal ? 16 : 10);
    if (code) append_code(*code, out);
    return code.has_value();
  }
  const auto found = std::lower_bound(
      std::begin(named), std::end(named), name,
      [](const Named& entry, std::string_view wanted) { return entry.name < wanted; });
  if (found == std::end(named) || found->name != name) return false;
  append_code(found->code, out);
  return true;
}
}  // namespace

std::string html_unescaped(std::string_view text) {
  constexpr std::size_t longest = 12;
  std::string out;
  while (!text.empty()) {
    const auto start = std::min(text.size(), text.find('&'));
    out.append(text.substr(0, start));
    text.remove_prefix(start);
    if (text.empty()) break;
    const auto end = text.substr(0, longest).find(';');
    if (end != std::string_view::npos && append_reference(text.substr(1, end - 1), out)) {
      text.remove_prefix(end + 1);
      continue;
    }
    out.push_back('&');
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace reader
