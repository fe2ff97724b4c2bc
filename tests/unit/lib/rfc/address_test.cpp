#include "lib/rfc/address.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"
#include "lib/rfc/envelope.h"

namespace {
using namespace std::string_literals;
using base::cat;

std::vector<rfc::Mailbox> mailboxes(std::string_view text) {
  std::vector<rfc::Mailbox> all;
  rfc::AddressList list(text);
  while (auto mailbox = list.next()) all.push_back(*mailbox);
  return all;
}

/// "address|display|problem" of each mailbox, a line each.
std::string shown(std::string_view text) {
  std::string lines;
  for (const auto& mailbox : mailboxes(text))
    lines += cat(mailbox.address, "|", mailbox.display, "|", mailbox.problem, "\n");
  return lines;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all.append(text);
  return all;
}
}  // namespace

TEST_CASE("address list: every form of RFC 5322 gives its address and its display name") {
  const struct {
    std::string text, expected;
  } table[] = {
      {"", ""},
      {"  \n ", ""},
      {",, ,", ""},
      {"root", "root||\n"},
      {"a@b", "a@b||\n"},
      {"a@b\n", "a@b||\n"},
      {"root (Cron Daemon)", "root|Cron Daemon|\n"},
      {"(x) root (y)", "root|y|\n"},
      {"\"root\" <root>", "root|root|\n"},
      {"Joe \"Q\" User <joe@x>", "joe@x|Joe Q User|\n"},
      {"John Q. Public <j@x>", "j@x|John Q. Public|\n"},
      {"<j@x> (comment)", "j@x|comment|\n"},
      {"Joe <j@x> (comment)", "j@x|Joe|\n"},
      {"joe@x <joe@y>", "joe@y|joe@x|\n"},
      {"[list] Joe <joe@y>", "joe@y|[list] Joe|\n"},
      {"\"a,b\" <c@d>", "c@d|a,b|\n"},
      {"\"a\\\"b\\\\\" <c@d>", "c@d|a\"b\\|\n"},
      {"\"a b\"@c", "\"a b\"@c||\n"},
      {"\"a@b\"", "\"a@b\"||\n"},
      {"\"\"@c", "\"\"@c||\n"},
      {"a.\"b c\".d@e", "a.\"b c\".d@e||\n"},
      {"user @ host", "user@host||\n"},
      {"user (c) @ (d) host . example (e)", "user@host.example|e|\n"},
      {"first . last @ host", "first.last@host||\n"},
      {"<>", "||\n"},
      {"Nobody < (c) >", "|Nobody|\n"},
      {"<@r1,@r2:user@c>", "user@c||\n"},
      {"<@r1, , @[1.2.3.4]:user@c>", "user@c||\n"},
      {"a@[1.2.3.4]", "a@[1.2.3.4]||\n"},
      {"a@[ IPv6:1::2 ]", "a@[IPv6:1::2]||\n"},
      {"a@b, c@d,e", "a@b||\nc@d||\ne||\n"},
      {",a,,b, (only a comment) ,", "a||\nb||\n"},
      {"undisclosed-recipients:;", ""},
      {"undisclosed-recipients: (none) ;", ""},
      {"Group: a@b, c (x(y)z) @d;", "a@b||\nc@d|x(y)z|\n"},
      {"\"My group\": Joe <a@b>;, c", "a@b|Joe|\nc||\n"},
      {"g:a;b", "a||\nb||\n"},
      {"g:;h:;", ""},
      {"unterminated: a, b", "a||\nb||\n"},
      {"Joe\n User\n\t<joe@x>,\n other", "joe@x|Joe User|\nother||\n"},
      {"\"Joe\n User\" <joe@x>", "joe@x|Joe User|\n"},
      {"a (b\n c)", "a|b c|\n"},
      {"a (\\)\\() b@c", "a (\\)\\() b@c|)(|missing ',' or '<>'\n"},
      {"a (\\)\\()", "a|)(|\n"},
      {"=?UTF-8?Q?J=C3=B6rg?= <j@x>", "j@x|=?UTF-8?Q?J=C3=B6rg?=|\n"},
      {"J\xc3\xb6rg <j\xc3\xb6rg@x>", "j\xc3\xb6rg@x|J\xc3\xb6rg|\n"},
      {"\xff\xff <\xff@x>", "\xff@x|\xff\xff|\n"},
      {"|x, /x, a!b, c%d@e, -f", "|x||\n/x||\na!b||\nc%d@e||\n-f||\n"},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(shown(row.text) == row.expected);
  }
}

TEST_CASE("address list: a malformed mailbox says what is wrong, and the walk goes on behind it") {
  const struct {
    std::string text, problem;
    std::size_t count;
  } table[] = {
      {"a@b c@d, e", "missing ',' or '<>'", 2},
      {"Joe User, e", "missing ',' or '<>'", 2},
      {"Dr. Who, e", "missing ',' or '<>'", 2},
      {"a\"b\"@c, e", "missing ',' or '<>'", 2},
      {"<a b@c>, e", "space in the address", 2},
      {"<a@b> c@d, e", "missing ','", 2},
      {"<a@b> <c@d, f>, e", "unbalanced '<'", 2},
      {"Joe <a@b, e", "unexpected ','", 1},
      {"Joe <a@b", "unbalanced '<'", 1},
      {"Joe <a, b>, e", "unexpected ','", 2},
      {"a@b>, e", "unbalanced '>'", 2},
      {"Joe >a@b<, e", "unbalanced '>'", 1},
      {"\"Joe <a@b>, e", "unbalanced '\"'", 1},
      {"\"Joe\\", "unbalanced '\"'", 1},
      {"a (b, e", "unbalanced '('", 1},
      {"a (b\\", "unbalanced '('", 1},
      {"a) , e", "unbalanced ')'", 2},
      {"a@[1.2.3.4, e", "unbalanced '['", 1},
      {"[1.2.3.4], e", "unexpected '['", 2},
      {"a@b@c, e", "more than one '@'", 2},
      {"@b, e", "no local part", 2},
      {"a@, e", "no domain", 2},
      {"<@r>, e", "no address", 2},
      {"<@r, e", "unbalanced '<'", 1},
      {":a;, e", "unexpected ':'", 2},
      {"a@b:c, e", "unexpected ':'", 2},
      {"g: h: a; , e", "unexpected ':'", 2},
      {"a;b, e", "unexpected ';'", 2},
      {"a\\,b, e", "unexpected '\\'", 3},
      {"a@b\r, e", "control character", 2},
      {"a@b\r", "control character", 1},
      {"a@b\nc@d, e", "control character", 2},
      {"\na@b, e", "control character", 2},
      {"a\0b@c, e"s, "control character", 2},
      {"a\x7f@c, e", "control character", 2},
      {"\"a\x01\"@c, e", "control character", 2},
      {"\"a\\\n b\"@c, e", "control character", 2},
      {"a@c (\x1b[2J), e", "control character", 2},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    const auto all = mailboxes(row.text);
    REQUIRE(all.size() == row.count);
    CHECK(all[0].problem == row.problem);
    if (row.count == 1) continue;
    CHECK(all.back().address == "e");
    CHECK(all.back().problem.empty());
  }
}

TEST_CASE("address list: a mailbox with a problem shows the text as it stands") {
  CHECK(mailboxes(" a@b\n  c@d , e")[0].address == "a@b c@d");
  CHECK(mailboxes("g: <a b> ; x")[0].address == "<a b>");
}

TEST_CASE("address list: what a control character spoils is no path either") {
  for (const std::string text : {"a@b\r", "\ra@b", "\na@b", "a@b\n,", "a@b\nc", "\"a\x01\"@b"}) {
    CAPTURE(text);
    const auto all = mailboxes(text);
    REQUIRE(all.size() == 1);
    CHECK_FALSE(rfc::Path::parse(all[0].address));
  }
}

TEST_CASE("address list: end is the offset just behind the addr-spec") {
  const struct {
    std::string text;
    std::size_t end;
  } table[] = {
      {"root (Cron Daemon)", 4},
      {"\"root\" <root>", 12},
      {"  a  ", 3},
      {"user @ host (c)", 11},
      {"<@r:u>", 5},
      {"\"a b\" ", 5},
      {"g: a (x) ;", 4},
      {"< a >", 3},
      {"a@[1] x", 7},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(mailboxes(row.text)[0].end == row.end);
  }
}

TEST_CASE("qualified: the domain goes behind each unqualified address, all else stays") {
  const struct {
    std::string text, expected;
  } table[] = {
      {"", ""},
      {"root", "root@d"},
      {"root (Cron Daemon)", "root@d (Cron Daemon)"},
      {"\"root\" <root>", "\"root\" <root@d>"},
      {" a ,b@c,\n\t(x) e (y) ,, f\n", " a@d ,b@c,\n\t(x) e@d (y) ,, f@d\n"},
      {"g: a, b@c, \"q r\";, h", "g: a@d, b@c, \"q r\"@d;, h@d"},
      {"undisclosed-recipients:;", "undisclosed-recipients:;"},
      {"<>", "<>"},
      {"Joe <@r:joe>", "Joe <@r:joe@d>"},
      {"\"a@b\"", "\"a@b\"@d"},
      {"\"a\\\"@b\" <\"a\\\"@b\">", "\"a\\\"@b\" <\"a\\\"@b\"@d>"},
      {"a b, c", "a b, c@d"},
      {"a (b, c", "a (b, c"},
      {"user @ host", "user @ host"},
      {"first.last", "first.last@d"},
      {"a\0b, c"s, "a\0b, c@d"s},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(rfc::qualified(row.text, "d") == row.expected);
    CHECK(rfc::qualified(row.expected, "other") == row.expected);
  }
}

TEST_CASE("qualified: without a domain the list stays") {
  CHECK(rfc::qualified("root, a@b", "") == "root, a@b");
}

TEST_CASE(
    "address list: a hostile list of a megabyte takes no stack, and its square in time would be "
    "seen") {
  const std::string unit[] = {
      "(", ")", "<",   ">",   "\"",   ",",   "a,",   "a:",    "a:;",    "a ",   "[", "\\",
      "@", ".", "(a)", "<a>", "<a>,", "\n ", "\xff", "\"a\"", "a@b c,", "<@a,", ";", "a, (c) <d>;"};
  for (const auto& text : unit) {
    CAPTURE(text);
    const std::string list = repeated(text, 1'000'000 / text.size());
    CHECK(rfc::qualified(list, "d").size() >= list.size());
  }
}

TEST_CASE("address list: a comment nested 100000 deep is passed over") {
  const std::string list = cat("a ", repeated("(", 100'000), repeated(")", 100'000), ", b");
  CHECK(mailboxes(list).size() == 2);
  CHECK(mailboxes(list)[1].address == "b");
}

TEST_CASE("phrase: atoms stay, other ASCII is quoted, all else becomes encoded words") {
  const struct {
    std::string name, expected;
  } table[] = {
      {"", ""},
      {" \t", ""},
      {"root", "root"},
      {"Joe User", "Joe User"},
      {" Joe User\n", "Joe User"},
      {"Joe  User", "\"Joe  User\""},
      {"Joe Q. User", "\"Joe Q. User\""},
      {"Joe \"Q\" \\User", "\"Joe \\\"Q\\\" \\\\User\""},
      {"a@b, c <d>", "\"a@b, c <d>\""},
      {"Joe\r\nBcc: x", "\"Joe  Bcc: x\""},
      {"a\0b"s, "a b"},
      {"J\xc3\xb6rg", "=?UTF-8?B?SsO2cmc=?="},
      {"a, evil@x\xff", "\"a, evil@x?\""},
      {"a\xc2\x85z", "a z"},
      {"=?UTF-8?Q?x?=, evil@x", "\"=?UTF-8?Q?x?=, evil@x\""},
      {"=?UTF-8?Q?x?=", "=?UTF-8?Q?x?="},
      {"a,<\xc3\xb6>", "=?UTF-8?B?YSw8w7Y+?="},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    CHECK(rfc::phrase(row.name) == row.expected);
  }
}

TEST_CASE("phrase: whatever the name, it is one phrase before one address") {
  const std::string bytes = "a,;:<>()[]\"\\@.\n\r\0\x7f\xc3\xb6\xff =?"s;
  unsigned seed = 1;
  for (int round = 0; round < 20'000; ++round) {
    std::string name;
    for (unsigned i = 0; i < 12; ++i) {
      seed = seed * 1'103'515'245 + 12'345;
      name.push_back(bytes[seed / 65'536 % bytes.size()]);
    }
    const auto all = mailboxes(cat(rfc::phrase(name), " <me@here>"));
    CAPTURE(name);
    REQUIRE(all.size() == 1);
    REQUIRE(all[0].address == "me@here");
    REQUIRE(all[0].problem.empty());
  }
}
