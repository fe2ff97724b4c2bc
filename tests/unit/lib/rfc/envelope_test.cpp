#include "lib/rfc/envelope.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

namespace {
using namespace std::string_literals;
using base::cat;
using rfc::Path;

Path path(std::string_view text) {
  auto parsed = Path::parse(text);
  REQUIRE(parsed);
  return parsed.value();
}

std::string problem(std::string_view text) {
  const auto parsed = Path::parse(text);
  if (parsed) return cat("accepted: ", parsed.value().text());
  CHECK(parsed.error().kind == base::Kind::data);
  CHECK(parsed.error().text.starts_with(base::printable(text, 200)));
  return parsed.error().text.substr(parsed.error().text.rfind(": ") + 2);
}
}  // namespace

TEST_CASE("path: an addr-spec is taken as it stands, without brackets, spaces around and route") {
  const struct {
    std::string text, expected, local, domain;
  } table[] = {
      {"", "", "", ""},
      {"<>", "", "", ""},
      {" < > ", "", "", ""},
      {"root", "root", "root", ""},
      {" a@b ", "a@b", "a", "b"},
      {"<a@b>", "a@b", "a", "b"},
      {" < a@b > ", "a@b", "a", "b"},
      {"a@b.", "a@b", "a", "b"},
      {"..a..b.@c", "..a..b.@c", "..a..b.", "c"},
      {"a+b=c@d-e_f.g", "a+b=c@d-e_f.g", "a+b=c", "d-e_f.g"},
      {"|x", "|x", "|x", ""},
      {"/x", "/x", "/x", ""},
      {"-f@x", "-f@x", "-f", "x"},
      {"a!b%c@d", "a!b%c@d", "a!b%c", "d"},
      {"\"a b\"@c", "\"a b\"@c", "\"a b\"", "c"},
      {"\"a@b\"", "\"a@b\"", "\"a@b\"", ""},
      {"\"a@b<>\"@c", "\"a@b<>\"@c", "\"a@b<>\"", "c"},
      {"\"\\\"\\\\\"@c", "\"\\\"\\\\\"@c", "\"\\\"\\\\\"", "c"},
      {"\"\"", "\"\"", "\"\"", ""},
      {"@a,@b:user@c", "user@c", "user", "c"},
      {"<@[IPv6:1::2],@b:user>", "user", "user", ""},
      {"a@[1.2.3.4]", "a@[1.2.3.4]", "a", "[1.2.3.4]"},
      {"a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]"},
      {"j\xc3\xb6rg@b\xc3\xbc"
       "cher.example",
       "j\xc3\xb6rg@b\xc3\xbc"
       "cher.example",
       "j\xc3\xb6rg",
       "b\xc3\xbc"
       "cher.example"},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    const auto parsed = path(row.text);
    CHECK(parsed.text() == row.expected);
    CHECK(parsed.local() == row.local);
    CHECK(parsed.domain() == row.domain);
    CHECK(parsed.null() == row.expected.empty());
    CHECK(parsed.qualified() == !row.domain.empty());
    CHECK(path(parsed.text()).text() == parsed.text());
  }
}

TEST_CASE("path: what cannot stand on an SMTP line is refused with the reason") {
  const struct {
    std::string text, expected;
  } table[] = {
      {"a@b>", "unbalanced '>'"},
      {"<a@b", "unbalanced '<'"},
      {"<<a@b>>", "unbalanced '<'"},
      {"<a@b>>", "unbalanced '>'"},
      {"a<b@c", "unbalanced '<'"},
      {"a b@c", "space outside quotes"},
      {"a@b SIZE=1", "space outside quotes"},
      {"<a@b> SIZE=1", "unbalanced '<'"},
      {"a@b@c", "more than one '@'"},
      {"a@", "empty domain"},
      {"a@.", "empty domain"},
      {"a@.b", "empty label in the domain"},
      {"a@b..c", "empty label in the domain"},
      {"a@b..", "empty label in the domain"},
      {"@", "no local part"},
      {"@b", "no local part"},
      {"<@a:>", "no local part"},
      {"@a:", "no local part"},
      {"@a:@b", "no local part"},
      {"@a,b:c", "malformed source route"},
      {"@a", "no local part"},
      {"@:c", "empty domain"},
      {"@[a", "no local part"},
      {"@a b:c@d", "space outside quotes"},
      {"\"a", "unbalanced '\"'"},
      {"\"a\\\"", "unbalanced '\"'"},
      {"\"a\\", "unbalanced '\"'"},
      {"\"", "unbalanced '\"'"},
      {"\"a\"b@c", "character that no address may hold"},
      {"\"a\" b", "space outside quotes"},
      {"a\"b\"@c", "unbalanced or misplaced '\"'"},
      {"a@\"b\"", "unbalanced or misplaced '\"'"},
      {"a@[", "malformed address literal"},
      {"a@[]", "malformed address literal"},
      {"a@[1.2.3.4", "malformed address literal"},
      {"a@[1.2.3.4]x", "malformed address literal"},
      {"a@[1 2]", "malformed address literal"},
      {"a@[1]]", "malformed address literal"},
      {"a@b[1]", "character that no address may hold"},
      {"a@b/c", "character that no address may hold"},
      {"a,b", "more than one address"},
      {"a(b)", "comment"},
      {"a\\b", "character that no address may hold"},
      {"\xff@b", "not UTF-8"},
      {"a@b\xc0\xaf", "not UTF-8"},
      {"a\xed\xa0\x80@b", "not UTF-8"},
      {"a\xc2\x9b@b", "control character"},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(problem(row.text) == row.expected);
  }
}

TEST_CASE("path: every control character is refused at the start, in the middle and at the end") {
  for (int code = 0; code < 0x80; ++code) {
    const char c = static_cast<char>(code);
    if (!base::control(c)) continue;
    const std::string control(1, c);
    CAPTURE(code);
    for (const auto& text : {cat(control, "a@b"), cat("a", control, "@b"), cat("a@b", control),
                             cat("a@", control, "b"), cat("\"a", control, "\"@b"), control,
                             cat("<a@b>", control), cat("a@b>", control, "RSET")})
      CHECK(problem(text) == "control character");
  }
}

TEST_CASE("path: a local part and a domain have at most 255 bytes") {
  const std::string longest(255, 'a');
  CHECK(path(cat(longest, "@", longest)).local().size() == 255);
  CHECK(problem(cat(longest, "a@b")) == "local part over 255 bytes");
  CHECK(problem(std::string(2000, 'a')) == "local part over 255 bytes");
  CHECK(problem(cat("\"", longest, "\"@b")) == "local part over 255 bytes");
  CHECK(problem(cat("b@", longest, "a")) == "domain over 255 bytes");
  CHECK(problem(std::string(1'000'000, '"')) != "");
}

TEST_CASE("path: an error shows the address without its controls, and not all of a long one") {
  CHECK(Path::parse("a@b>\r\nRSET").error().text == "a@b>??RSET: control character");
  CHECK(Path::parse(std::string(2000, 'a')).error().text.size() < 300);
}

TEST_CASE("path: qualified_with puts a domain behind what has none") {
  CHECK(path("root").qualified_with("d").text() == "root@d");
  CHECK(path("\"a@b\"").qualified_with("d").text() == "\"a@b\"@d");
  CHECK(path("a@b").qualified_with("d").text() == "a@b");
  CHECK(path("").qualified_with("d").null());
}

TEST_CASE("path: qualified_with a domain that is none changes nothing") {
  for (const auto domain : {"", "a b", "x>\r\nRSET", "a@b", "["})
    CHECK(path("root").qualified_with(domain).text() == "root");
}

TEST_CASE("path: same compares the local part to the byte and the domain without case") {
  CHECK(path("a@b.c").same(path("a@B.C")));
  CHECK_FALSE(path("a@b").same(path("A@b")));
  CHECK_FALSE(path("a@b").same(path("a")));
  CHECK_FALSE(path("a@b").same(path("a@c")));
  CHECK(path("").same(path("<>")));
}

TEST_CASE("path: ascii tells whether SMTPUTF8 is needed") {
  CHECK(path("a@b").ascii());
  CHECK(path("").ascii());
  CHECK_FALSE(path("\xc3\xb6@b").ascii());
  CHECK_FALSE(path("a@b\xc3\xbc").ascii());
}
