#include "lib/store/alias_text.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lib/base/text.h"

using base::cat;

namespace {
struct Read {
  std::vector<store::Alias> aliases;
  std::vector<std::string> mistakes;
  store::AliasCount count;
};

Read read(std::string_view text) {
  store::AliasReader reader(text, "f");
  Read result;
  while (auto alias = reader.next()) result.aliases.push_back(std::move(*alias));
  result.mistakes = reader.mistakes();
  result.count = reader.count();
  return result;
}

std::string joined(const Read& read) {
  std::string text;
  for (const auto& alias : read.aliases)
    text += cat(alias.line, " ", alias.name, "=", alias.targets, "\n");
  for (const auto& mistake : read.mistakes) text += cat(mistake, "\n");
  return text;
}
}  // namespace

TEST_CASE("alias text: comments, continuation lines, quoted names, letters of either case") {
  CHECK(joined(read("# comment\n"
                    "\n"
                    "   # another\n"
                    "Postmaster: root\n"
                    "root:jane,\n"
                    "\tjoe,\n"
                    "#  fired,\n"
                    "\n"
                    "   dave\r\n"
                    "\"Weird: Name\" : \\jane\n"
                    "back: one,\\\n"
                    "two\n"
                    "(the) list (of all) : :include:/etc/list\n"
                    "last: |cmd")) ==
        "4 postmaster=root\n"
        "5 root=jane,\tjoe,   dave\n"
        "10 weird: name=\\jane\n"
        "11 back=one,two\n"
        "13 list=:include:/etc/list\n"
        "14 last=|cmd\n");
}

TEST_CASE("alias text: every mistake is told with its own line") {
  struct {
    std::string_view text, told;
  } const cases[] = {
      {"  jane\nroot: jane\n", "2 root=jane\nf:1: a continuation of no alias\n"},
      {"root jane\n", "f:1: missing ':'\n"},
      {"\"root: jane\n", "f:1: unbalanced '\"'\n"},
      {"root:\n", "f:1: nothing behind ':'\n"},
      {"root: (nobody),\n", "f:1: nothing behind ':'\n"},
      {": jane\n", "f:1: no name before ':'\n"},
      {"\"\": jane\n", "f:1: \"\": an empty name\n"},
      {"root@lan: jane\n", "f:1: root@lan: an alias has no domain; that is for the virtual file\n"},
      {"weird name: jane\n", "f:1: weird name: a name with white space needs quotes\n"},
      {"a, b: jane\n", "f:1: a, b: not one name\n"},
      {"root: a,\n  b,\n  c d,\n  e\n\tx y\n",
       "f:3: c d: missing ',' or '<>'\nf:4: e\x3fx y: missing ',' or '<>'\n"},
      {"a: b\nB: c\nA: d\n", "1 a=b\n2 b=c\nf:3: a: given twice, first in line 1\n"},
      {"\"|x\n: y\na: b\n", "3 a=b\nf:1: unbalanced '\"'\nf:2: no name before ':'\n"},
      {std::string_view("a: b\nc\0d: e\n", 12), "1 a=b\nf:2: c?d: control character\n"},
      {std::string_view("a: b\0c\n", 7), "f:1: a NUL byte\n"},
      {"a: b # c\n", "f:1: b # c: missing ',' or '<>'; a comment has a line of its own\n"},
      {"a: b, \x1b[2J\n", "f:1: a control character\n"},
  };
  for (const auto& [text, told] : cases) {
    CAPTURE(text);
    CHECK(joined(read(text)) == told);
  }
}

TEST_CASE("alias text: counted as Sendmail counts") {
  CHECK(read("root: jane\nlist: a,\n  b\n\"x\":  y\n").count.text() ==
        "3 aliases, longest 5 bytes, 19 bytes total");
  CHECK(read("").count.text() == "0 aliases, longest 0 bytes, 0 bytes total");
  CHECK(read("a: bc").count.text() == "1 alias, longest 2 bytes, 3 bytes total");
}

TEST_CASE("alias text: long lines and many lines take linear time") {
  std::string list = "list: a";
  for (int i = 0; i < 100'000; ++i) list += cat(",\n  user", i);
  const auto one = read(list);
  REQUIRE(one.aliases.size() == 1);
  CHECK(one.mistakes.empty());
  CHECK(store::parse_targets(one.aliases[0].targets).value().size() == 100'001);
  CHECK(read(std::string(1'000'000, 'x')).mistakes.size() == 1);
  CHECK(read(std::string(1'000'000, '(')).mistakes.size() == 1);
  CHECK(read(std::string(1'000'000, '\\')).mistakes.size() == 1);
}
