#include "spool/virtual.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

namespace {
using base::cat;
using spool::ToNowhere;
using spool::Virtual;

// What an address becomes: "-" itself, addresses, "5.7.0 550 text", or "!error".
std::string found(const Virtual& table, std::string_view address, bool local = true) {
  const auto target = table.find(rfc::Path::parse(address).value(), local);
  if (!target) return "!" + target.error().text;
  if (!target.value()) return "-";
  if (const auto* error = std::get_if<ToNowhere>(&*target.value()))
    return cat(error->status.text(), " ", error->text);
  std::string text;
  for (const auto& path : std::get<std::vector<rfc::Path>>(*target.value()))
    text += (text.empty() ? "" : " ") + path.text();
  return text;
}
}  // namespace

TEST_CASE("virtual: the nearest key counts, letters of either case") {
  const auto table = Virtual::parse("v",
                                    "# comment\n\nann@d.test one\nAnn+x@D.test\ttwo\n"
                                    "bob+*@d.test b-%2\nbob@d.test three\n@d.test rest\n");
  CHECK(table.mistakes().empty());
  const std::pair<const char*, const char*> cases[] = {{"ann@d.test", "one"},
                                                       {"ANN@D.TEST", "one"},
                                                       {"ann+x@d.test", "two"},
                                                       {"ann+y@d.test", "one"},
                                                       {"bob+q@d.test", "b-q"},
                                                       {"bob@d.test", "three"},
                                                       {"carl@d.test", "rest"},
                                                       {"carl+z@d.test", "rest"},
                                                       {"ann@x.d.test", "-"},
                                                       {"\"ann+y\"@d.test", "one"},
                                                       {"\"Ann+x\"@d.test", "two"},
                                                       {"\"a\\nn\"@d.test", "one"},
                                                       {"\"bob+ q\"@d.test", "\"b- q\""},
                                                       {"\"a nn\"@d.test", "rest"}};
  for (const auto& [address, expected] : cases)
    CHECK_MESSAGE(found(table, address) == expected, std::string(address));
}

TEST_CASE("virtual: quotes that are not needed say nothing, in a key neither") {
  const auto table =
      Virtual::parse("v", "\"ann\"@d.test one\n\"a,b\"@d.test two\n\"c,d+*\"@d.test three\n");
  CHECK(table.mistakes().empty());
  CHECK(found(table, "ann@d.test") == "one");
  CHECK(found(table, "\"ann\"@d.test") == "one");
  CHECK(found(table, "\"A,b\"@d.test") == "two");
  CHECK(found(table, "\"a,b+x\"@d.test") == "two");
  CHECK(found(table, "\"c,d+x\"@d.test") == "three");
  CHECK(Virtual::parse("v", "ann@d.test a\n\"ann\"@d.test b\n").mistakes().size() == 1);
}

TEST_CASE("virtual: %1, %2 and %3 are user, detail and +detail") {
  const auto table =
      Virtual::parse("v",
                     "@a.test %1@b.test\n@c.test %1%3@d.test\n@e.test box+%2\n@f.test @g.test\n"
                     "@h.test 100%@h2.test, %1-%4\n@i.test x, y@z.test\n");
  CHECK(table.mistakes().empty());
  CHECK(found(table, "ann+x@a.test") == "ann@b.test");
  CHECK(found(table, "ann+x@c.test") == "ann+x@d.test");
  CHECK(found(table, "ann@c.test") == "ann@d.test");
  CHECK(found(table, "ann+x@e.test") == "box+x");
  CHECK(found(table, "ann+x@f.test") == "ann+x@g.test");
  CHECK(found(table, "\"a b\"@a.test") == "\"a b\"@b.test");
  CHECK(found(table, "\"a@b\"@f.test") == "\"a@b\"@g.test");
  CHECK(found(table, "ann@h.test") == "100%@h2.test ann-%4");
  CHECK(found(table, "ann@i.test") == "x y@z.test");
  const std::string longest(255, 'x');
  CHECK(found(Virtual::parse("v", "@a.test x%1@b.test\n"), longest + "@a.test").starts_with("!"));
}

TEST_CASE("virtual: errors have a status, a code and a text") {
  const auto table = Virtual::parse("v",
                                    "a@d.test error:5.7.0:550 not here\n"
                                    "b@d.test ERROR:nouser No such user\n"
                                    "c@d.test error:nouser 553 none\n");
  CHECK(table.mistakes().empty());
  CHECK(found(table, "a@d.test") == "5.7.0 550 not here");
  CHECK(found(table, "b@d.test") == "5.1.1 550 No such user");
  CHECK(found(table, "c@d.test") == "5.1.1 553 none");
}

TEST_CASE("virtual: every mistake is told with its line") {
  const std::pair<const char*, const char*> cases[] = {
      {"ann jane", "ann: not user@domain or @domain"},
      {"a@d.test", "a@d.test: there is no address behind it"},
      {"a@d.test ,", "a@d.test: there is no address behind it"},
      {" a@d.test b", "the line begins with a blank"},
      {"a@d.test x y", "x y: space outside quotes"},
      {"a@d.test |id", "|id: commands, files and lists are for alias files only"},
      {"a@d.test \"|id\"", "\"|id\": commands, files and lists are for alias files only"},
      {"a@d.test /tmp/x", "/tmp/x: commands, files and lists are for alias files only"},
      {"a@d.test :include:/x", ":include:/x: commands, files and lists are for alias files only"},
      {"a@d.test error:4.7.0:450 later", "error:4.7.0:450 later: not error:5.X.Y:5XX TEXT"},
      {"a@d.test error:5.7.0:450 later", "error:5.7.0:450 later: not error:5.X.Y:5XX TEXT"},
      {"a@d.test error:5.7.0:no", "error:5.7.0:no: not error:5.X.Y:5XX TEXT"},
      {"a@d.test error:5.7.0:550", "error:5.7.0:550: not error:5.X.Y:5XX TEXT"},
      {"@ b", "@: not user@domain or @domain"},
      {"@d.test @", "@: not @domain"},
      {"a@d.test b\x01", "b?: control character"},
      {"<a@d.test> b", "<a@d.test>: not user@domain or @domain"}};
  for (const auto& [line, mistake] : cases) {
    const auto table = Virtual::parse("v", cat("# one\n", line, "\n"));
    REQUIRE_MESSAGE(table.mistakes().size() == 1, std::string(line));
    CHECK(table.mistakes()[0] == cat("v:2: ", mistake));
  }
  const auto table = Virtual::parse("v", "a@d.test b\nx\nA@d.test c\ny\n");
  CHECK(table.mistakes().size() == 3);
  CHECK(table.mistakes()[1] == "v:3: A@d.test: a second line for it");
  CHECK(found(table, "a@d.test", false) == "!v:2: x: not user@domain or @domain (and 2 more)");
  CHECK(found(table, "z@other.test", false) == "-");
  CHECK(found(table, "z@other.test", true).starts_with("!v:2: "));
}

TEST_CASE("virtual: a table of 100 000 lines is read, and its last line found") {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += cat("user", i, "@d.test box", i, "\n");
  CHECK(found(Virtual::parse("v", text), "user99999@d.test") == "box99999");
}
