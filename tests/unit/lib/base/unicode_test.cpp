#include "lib/base/unicode.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

TEST_CASE("unicode: what is appended is one well-formed sequence and reads back") {
  for (char32_t code = 0; code <= 0x10ffff; ++code) {
    if (code == 0xd800) code = 0xe000;
    std::string text;
    base::append_code_point(code, text);
    REQUIRE(base::utf8_length(text) == text.size());
    REQUIRE(base::code_point(text) == code);
  }
}
