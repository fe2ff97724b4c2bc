#include "lib/rfc/xtext.h"

#include <doctest/doctest.h>

#include <set>

#include "lib/base/text.h"

namespace {
using base::cat;

std::string every_byte() {
  std::string all;
  for (int code = 0; code < 256; ++code) all.push_back(static_cast<char>(code));
  return all;
}
}  // namespace

TEST_CASE("xtext: only printable ASCII comes out, and it goes back for every byte") {
  for (const char c : cat(every_byte(), every_byte())) {
    const auto encoded = rfc::xtext(std::string(1, c));
    CHECK(rfc::is_xtext(encoded));
    CHECK(rfc::from_xtext(encoded) == std::string(1, c));
    for (const char out : encoded) CHECK((out > ' ' && out < 0x7f && out != '='));
  }
  CHECK(rfc::from_xtext(rfc::xtext(every_byte())) == every_byte());
}

TEST_CASE("xtext: the form of RFC 3461") {
  CHECK(rfc::xtext("a+b=c d@e") == "a+2Bb+3Dc+20d@e");
  CHECK(rfc::xtext("\xc3\xb6") == "+C3+B6");
  CHECK(rfc::from_xtext("+41b") == "Ab");
  CHECK(rfc::from_xtext("") == "");
}

TEST_CASE("xtext: what is none is refused") {
  for (const std::string_view text :
       {"+", "+4", "+4g", "+2b", "a=b", "a b", "\n", "\x7f", "\xc3", "+ 1", "+-1", "++41"}) {
    CAPTURE(text);
    CHECK_FALSE(rfc::is_xtext(text));
    CHECK_FALSE(rfc::from_xtext(text));
  }
}

TEST_CASE("percent: no blank, bracket or control comes out, and it goes back for every byte") {
  std::set<std::string> seen;
  for (const char c : every_byte()) {
    const auto encoded = rfc::percent(std::string(1, c));
    CHECK(seen.insert(encoded).second);
    CHECK(rfc::from_percent(encoded) == std::string(1, c));
    for (const char out : encoded)
      CHECK((!base::control(out) && out != ' ' && out != '<' && out != '>'));
  }
  CHECK(rfc::from_percent(rfc::percent(every_byte())) == every_byte());
}

TEST_CASE("percent: readable text stays readable") {
  CHECK(rfc::percent("joe+x=y@b\xc3\xbc.de") == "joe+x=y@b\xc3\xbc.de");
  CHECK(rfc::percent("\"a b\"%c\n") == "\"a%20b\"%25c%0A");
}

TEST_CASE("percent: a second spelling of a text is refused") {
  for (const std::string_view text : {"%", "%4", "%2", "%41", "%0a", "%GG", "%C3", "a b", "<", ">",
                                      "\n", "\x7f", "%2 5", "%%25"}) {
    CAPTURE(text);
    CHECK_FALSE(rfc::from_percent(text));
  }
}

TEST_CASE("percent: whatever is accepted is what percent() gives") {
  const std::string bytes = "%0123456789ABCDEFabc<> \n@\x7f";
  unsigned seed = 7;
  for (int round = 0; round < 50'000; ++round) {
    std::string text;
    for (int i = 0; i < 5; ++i) {
      seed = seed * 1'103'515'245 + 12'345;
      text.push_back(bytes[seed / 65'536 % bytes.size()]);
    }
    if (const auto plain = rfc::from_percent(text)) REQUIRE(rfc::percent(*plain) == text);
  }
}
