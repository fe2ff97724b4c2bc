#include "mail/fold.h"

#include <locale.h>
#include <wctype.h>

#include "lib/base/text.h"
#include "lib/base/unicode.h"

namespace reader {

namespace {

// The C library's tables, not the user's choice of them.
locale_t unicode() {
  static locale_t const made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return made;
}

}  // namespace

std::string folded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto length = base::utf8_length(text);
    if (length < 2) {
      out.push_back(base::lower(text[0]));
      text.remove_prefix(1);
      continue;
    }
    const auto code = static_cast<wint_t>(base::code_point(text.substr(0, length)));
    const auto lower = unicode() == nullptr ? code : ::towlower_l(code, unicode());
    if (lower == code || lower < 0x80) out.append(text.substr(0, length));
    else base::append_code_point(static_cast<char32_t>(lower), out);
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace reader
