// unicode.h - characters that terminals obey, or that change what is around them.
#pragma once

#include <string>
#include <string_view>

namespace base {

/// Code point of a well-formed UTF-8 sequence.
char32_t code_point(std::string_view sequence);
/// Its inverse: append a code point up to U+10FFFF (no surrogate) as UTF-8.
void append_code_point(char32_t code, std::string& out);

/// Whether a well-formed UTF-8 sequence is a format control that shows nothing by itself: bidi
/// marks and overrides, line separators, tags, fillers (Unicode 14, category Cf and the default
/// ignorables), but not the joiners that Persian and emoji need. Text that holds them may look like
/// other text.
bool invisible(std::string_view sequence);

}  // namespace base
