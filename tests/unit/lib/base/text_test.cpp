#include "lib/base/text.h"

#include <doctest/doctest.h>

#include <limits>

namespace {
using namespace std::string_literals;
}  // namespace

TEST_CASE("base64: padded, for every length and byte (RFC 4648 section 10)") {
  CHECK(base::base64("").empty());
  CHECK(base::base64("f") == "Zg==");
  CHECK(base::base64("fo") == "Zm8=");
  CHECK(base::base64("foobar") == "Zm9vYmFy");
  CHECK(base::base64(std::string("\0\xff\xfb", 3)) == "AP/7");
}

TEST_CASE("cat: writes text and integers one behind the other") {
  CHECK(base::cat() == "");
  CHECK(base::cat("a", std::string("b"), std::string_view("c"), 1, -2, 3UL) == "abc1-23");
  CHECK(base::cat(std::numeric_limits<std::int64_t>::min()) == "-9223372036854775808");
  CHECK(base::cat(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615");
  CHECK(base::cat("a\0b"s) == "a\0b"s);
}

TEST_CASE("trim: takes blanks and line ends off both ends") {
  CHECK(base::trim("") == "");
  CHECK(base::trim(" \t\r\n") == "");
  CHECK(base::trim("\r\n a b\t ") == "a b");
  CHECK(base::trim("\0 "s) == "\0"s);
}

TEST_CASE("split: pieces between separators") {
  using Pieces = std::vector<std::string_view>;
  CHECK(base::split("", ',') == Pieces{""});
  CHECK(base::split("a", ',') == Pieces{"a"});
  CHECK(base::split(",a,,b,", ',') == Pieces{"", "a", "", "b", ""});
}

TEST_CASE("take: the word and its separator leave the rest") {
  std::string_view rest = "a  b";
  CHECK(base::take(rest, ' ') == "a");
  CHECK(base::take(rest, ' ') == "");
  CHECK(base::take(rest, ' ') == "b");
  CHECK(rest.empty());
  CHECK(base::take(rest, ' ') == "");
}

TEST_CASE("case: only ASCII letters have one") {
  CHECK(base::lowered("AZaz@[\xc3\x96") == "azaz@[\xc3\x96");
  CHECK(base::iequals("Abc", "aBC"));
  CHECK(base::iequals("", ""));
  CHECK_FALSE(base::iequals("abc", "abcd"));
  CHECK_FALSE(base::iequals("abcd", "abc"));
  CHECK_FALSE(base::iequals("@", "`"));
  CHECK(base::istarts_with("Content-Type", "content-"));
  CHECK_FALSE(base::istarts_with("a", "ab"));
  CHECK(base::ifind("xxAbC", "abc") == 2);
  CHECK(base::ifind("abc", "") == 0);
  CHECK(base::ifind("ab", "abc") == std::string_view::npos);
}

TEST_CASE("to_number: the whole text or nothing") {
  CHECK(base::to_number<int>("0") == 0);
  CHECK(base::to_number<int>("-12") == -12);
  CHECK(base::to_number<unsigned>("ff", 16) == 255U);
  CHECK(base::to_number<std::int64_t>("9223372036854775807") ==
        std::numeric_limits<std::int64_t>::max());
  for (const auto text :
       {"", " 1", "1 ", "+1", "1x", "x", "0x1", "2147483648", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(base::to_number<int>(text));
  }
  CHECK_FALSE(base::to_number<unsigned>("-1"));
}

TEST_CASE("utf8_length: only well-formed sequences have one") {
  const struct {
    std::string_view text;
    std::size_t length;
  } table[] = {
      {"", 0},
      {"a", 1},
      {std::string_view("\0", 1), 1},
      {"\x7f", 1},
      {"\x80", 0},
      {"\xbf", 0},
      {"\xc0\x80", 0},
      {"\xc1\xbf", 0},
      {"\xc2\x80", 2},
      {"\xdf\xbf", 2},
      {"\xdf", 0},
      {"\xdf\x7f", 0},
      {"\xe0\x9f\xbf", 0},
      {"\xe0\xa0\x80", 3},
      {"\xed\x9f\xbf", 3},
      {"\xed\xa0\x80", 0},
      {"\xef\xbf\xbf", 3},
      {"\xef\xbf", 0},
      {"\xf0\x8f\xbf\xbf", 0},
      {"\xf0\x90\x80\x80", 4},
      {"\xf4\x8f\xbf\xbf", 4},
      {"\xf4\x90\x80\x80", 0},
      {"\xf5\x80\x80\x80", 0},
      {"\xff", 0},
      {"\xf0\x90\x80", 0},
      {"\xc3\xb6z", 2},
  };
  for (const auto& row : table) CHECK(base::utf8_length(row.text) == row.length);
  CHECK(base::valid_utf8(""));
  CHECK(base::valid_utf8("a\xc3\xb6\xe2\x82\xac"));
  CHECK_FALSE(base::valid_utf8("a\xc3"));
}

TEST_CASE("printable: nothing that drives a terminal comes out") {
  CHECK(base::printable("a\x1b[2J\r\n\t\0\x7f"s) == "a?[2J?????");
  CHECK(base::printable("\xc3\xb6\xff\xc2\x9b\xc2\xa0") == "\xc3\xb6??\xc2\xa0");
  // A right-to-left override, a line separator, a soft hyphen, a tag; joiners and letters stay.
  CHECK(base::printable("a\xe2\x80\xaetxt.exe\xe2\x80\xa8") == "a?txt.exe?");
  CHECK(base::printable("\xc2\xad\xf3\xa0\x81\x81") == "??");
  CHECK(base::printable("\xe2\x80\x8d\xd7\x90\xef\xbf\xbd") == "\xe2\x80\x8d\xd7\x90\xef\xbf\xbd");
  for (int first = 0; first < 256; ++first) {
    const std::string text{static_cast<char>(first), '\x9b', 'a'};
    for (const char c : base::printable(text)) CHECK_FALSE(base::control(c));
    CHECK(base::valid_utf8(base::printable(text)));
  }
}

TEST_CASE("printable: a long text is cut between characters") {
  CHECK(base::printable("abcdef", 6) == "abcdef");
  CHECK(base::printable("abcdefg", 6) == "abcdef...");
  CHECK(base::printable("abcde\xc3\xb6", 6) == "abcde...");
  CHECK(base::printable("", 0) == "");
  CHECK(base::printable("a", 0) == "...");
}

TEST_CASE("matches: * and ? as a shell has them, letters of either case") {
  const struct {
    std::string_view pattern, text;
    bool expected;
  } table[] = {
      {"", "", true},         {"", "a", false},     {"*", "", true},
      {"?", "", false},       {"A?c", "aBC", true}, {"a*c", "abbbc", true},
      {"a*c", "abbb", false}, {"*@b", "a@b", true}, {"*a*b*", "xaybz", true},
      {"**", "x", true},      {"*ab", "aab", true}, {"a", "ab", false},
  };
  for (const auto& row : table) {
    CAPTURE(row.pattern);
    CHECK(base::matches(row.pattern, row.text) == row.expected);
  }
}

TEST_CASE("json_escaped: the text between quotes of a JSON string") {
  CHECK(base::json_escaped("a\"b\\c\n\x1f\x7f"s) == "a\\\"b\\\\c\\u000a\\u001f\\u007f");
  CHECK(base::json_escaped("\xc3\xb6\xff") == "\xc3\xb6\xef\xbf\xbd");
  CHECK(base::json_escaped("\0"s) == "\\u0000");
  CHECK(base::json_escaped("\xc2\x9b\xc2\xa0") == "\\u009b\xc2\xa0");
}
