#include "mail/fold.h"

#include <doctest/doctest.h>

using reader::folded;

TEST_CASE("fold: letters of every script, and nothing else") {
  CHECK(folded("Grüße AUS ÄÖÜ") == "grüße aus äöü");
  CHECK(folded("ΑΒΓ Привет") == "αβγ привет");
  CHECK(folded("سلام 東京 ☕ 🎉") == "سلام 東京 ☕ 🎉");
  CHECK(folded(std::string_view("A\0B\x1b", 4)) == std::string_view("a\0b\x1b", 4));
}

TEST_CASE("fold: bytes that are no UTF-8 stay") {
  CHECK(folded("\xc4") == "\xc4");
  CHECK(folded("A\xff\xc3(B") == "a\xff\xc3(b");
  CHECK(folded("\xed\xa0") == "\xed\xa0");
}
