#include "mail/fold.h"

#include <locale.h>
#include <wctype.h>

#include <cstdint>

#include "lib/base/text.h"

namespace reader {

namespace {

// The C library's tables, not the user's choice of them.
locale_t unicode() {
  static locale_t const made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return made;
}

struct Character {
  char32_t code = 0;
  std::size_t length = 0;  // 0: no valid sequence begins here
};

Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (length == 0 || lead > 0xf4 || text.size() < length) return {};
  char32_t code = lead & (0x7fU >> length);
  for (const char c : text.substr(1, length - 1)) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) return {};
    code = code << 6 | (static_cast<unsigned char>(c) & 0x3f);
  }
  return {code, length};
}

void append(std::string& out, char32_t code) {
  const auto put = [&](char32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
    }
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

}  // namespace

std::string folded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto found = base::eight_bit(text[0]) ? first_character(text) : Character{};
    if (found.length == 0) {
      out.push_back(base::lower(text[0]));
      text.remove_prefix(1);
      continue;
    }
    const auto lower = unicode() == nullptr
                           ? static_cast<wint_t>(found.code)
                           : ::towlower_l(static_cast<wint_t>(found.code), unicode());
    if (lower == found.code || lower < 0x80) out.append(text.substr(0, found.length));
    else append(out, static_cast<char32_t>(lower));
    text.remove_prefix(found.length);
  }
  return out;
}

}  // namespace reader
