#include "lib/store/target.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lib/base/text.h"

using base::cat;
using store::Target;
using Kind = store::Target::Kind;

namespace {
struct Case {
  std::string_view text;
  std::vector<Target> targets;
};
struct Bad {
  std::string_view text, problem;
};

std::string shown(const std::vector<Target>& targets) {
  std::string text;
  for (const auto& target : targets)
    text += cat("[", static_cast<int>(target.kind), " ", target.value, "]");
  return text;
}
}  // namespace

TEST_CASE("target: addresses in every form") {
  const Case cases[] = {
      {"jane", {{Kind::address, "jane"}}},
      {" jane , joe,\tdave@example.com ",
       {{Kind::address, "jane"}, {Kind::address, "joe"}, {Kind::address, "dave@example.com"}}},
      {"a,,b,", {{Kind::address, "a"}, {Kind::address, "b"}}},
      {"jane+lists", {{Kind::address, "jane+lists"}}},
      {"Jane Doe <jane@example.com>", {{Kind::address, "jane@example.com"}}},
      {"\"Doe, Jane\" <jane>, joe", {{Kind::address, "jane"}, {Kind::address, "joe"}}},
      {"(the boss) jane (really, (she) is)", {{Kind::address, "jane"}}},
      {"jane@example.com (Jane, of course)", {{Kind::address, "jane@example.com"}}},
      {"\"weird name\"", {{Kind::address, "\"weird name\""}}},
      {"\"jane\"", {{Kind::address, "jane"}}},
      {"\"jane doe\"@example.com", {{Kind::address, "\"jane doe\"@example.com"}}},
      {"\"jane.doe\"@example.com", {{Kind::address, "jane.doe@example.com"}}},
      {"jane @ example.com", {{Kind::address, "jane@example.com"}}},
      {"<@relay.example:jane@example.com>", {{Kind::address, "jane@example.com"}}},
      {"jane@[192.0.2.1]", {{Kind::address, "jane@[192.0.2.1]"}}},
      {"j\xc3\xb6rg@example.com", {{Kind::address, "j\xc3\xb6rg@example.com"}}},
      {"\"|x\"@example.com", {{Kind::address, "\"|x\"@example.com"}}},
      {"\"/x\" <jane>", {{Kind::address, "jane"}}},
      {"jane <|x@example.com>", {{Kind::address, "\"|x\"@example.com"}}},
      {"#jane", {{Kind::address, "\"#jane\""}}},
      {"Ja.ne!%x", {{Kind::address, "Ja.ne!%x"}}},
  };
  for (const auto& [text, targets] : cases) {
    CAPTURE(text);
    const auto list = store::parse_targets(text);
    REQUIRE_MESSAGE(list, list.error().text);
    CHECK(shown(list.value()) == shown(targets));
  }
}

TEST_CASE("target: users, files, commands and includes, quoted and not") {
  const Case cases[] = {
      {"\\jane", {{Kind::user, "jane"}}},
      {"\\jane, dave@example.com", {{Kind::user, "jane"}, {Kind::address, "dave@example.com"}}},
      {"\"\\jane\"", {{Kind::user, "jane"}}},
      {"\"\\\\jane\"", {{Kind::user, "jane"}}},
      {"\\jane@lan.example", {{Kind::user, "jane@lan.example"}}},
      {"\\\"weird name\"", {{Kind::user, "\"weird name\""}}},
      {"/dev/null", {{Kind::file, "/dev/null"}}},
      {"/home/jane/Maildir/ (a maildir)", {{Kind::file, "/home/jane/Maildir/"}}},
      {"\"/home/jane/old, kept\",joe",
       {{Kind::file, "/home/jane/old, kept"}, {Kind::address, "joe"}}},
      {"/var/mail/jane@work", {{Kind::file, "/var/mail/jane@work"}}},
      {"\"|cmd arg, with comma\"", {{Kind::command, "cmd arg, with comma"}}},
      {"|\"cmd arg, with comma\" , joe",
       {{Kind::command, "cmd arg, with comma"}, {Kind::address, "joe"}}},
      {"|cmd arg,joe", {{Kind::command, "cmd arg"}, {Kind::address, "joe"}}},
      {"| cmd\targ ", {{Kind::command, "cmd arg"}}},
      {"\"|IFS=' ' && exec /usr/bin/procmail -f- || exit 75 #jane\"",
       {{Kind::command, "IFS=' ' && exec /usr/bin/procmail -f- || exit 75 #jane"}}},
      {"\"|/usr/bin/vacation -m \\\"my file\\\" jane\"",
       {{Kind::command, "/usr/bin/vacation -m \"my file\" jane"}}},
      {"|/usr/bin/vacation -m \"a, b\" jane, joe",
       {{Kind::command, "/usr/bin/vacation -m \"a, b\" jane"}, {Kind::address, "joe"}}},
      {"|\"/opt/my tools/x\" -v", {{Kind::command, "\"/opt/my tools/x\" -v"}}},
      {"|(cd /tmp; cat >x)", {{Kind::command, "(cd /tmp; cat >x)"}}},
      {":include:/etc/list", {{Kind::include, "/etc/list"}}},
      {":Include: /etc/list, joe", {{Kind::include, "/etc/list"}, {Kind::address, "joe"}}},
      {"\":include:/etc/my list\"", {{Kind::include, "/etc/my list"}}},
      {":include:\"/etc/my list\"", {{Kind::include, "/etc/my list"}}},
  };
  for (const auto& [text, targets] : cases) {
    CAPTURE(text);
    const auto list = store::parse_targets(text);
    REQUIRE_MESSAGE(list, list.error().text);
    CHECK(shown(list.value()) == shown(targets));
    for (const auto& target : list.value()) {
      const auto again = store::parse_targets(store::written(target));
      REQUIRE(again);
      CHECK(again.value() == std::vector<Target>{target});
    }
  }
}

TEST_CASE("target: what is malformed, and what would be misread") {
  const Bad cases[] = {
      {"", "no target"},
      {" , (nobody) ,", "no target"},
      {"jane joe", "jane joe: missing ',' or '<>'"},
      {"jane # me", "missing ',' or '<>'; a comment has a line of its own"},
      {"\"jane", "\"jane: unbalanced '\"'"},
      {"\"|cmd", "\"|cmd: unbalanced '\"'"},
      {"|cmd \"x", "|cmd \"x: unbalanced '\"'"},
      {"|awk '{print $1, $2}'", "a command with a comma needs quotes"},
      {"|", "|: no command behind '|'"},
      {"\"| \"", "no command behind '|'"},
      {"jane (the", "unbalanced '('"},
      {"(jane", "unbalanced '('"},
      {"<jane", "unbalanced '<'"},
      {"<>", "no address"},
      {"\"\"", "no address"},
      {"\\", "\\: no address"},
      {"\\|cmd", "a command within an address"},
      {"<\"|cmd\">", "a command within an address"},
      {"</etc/passwd>", "a file name begins with '/'"},
      {"<\":include:/x\">", "':include:' within an address"},
      {"~/mail", "a file name begins with '/'"},
      {"./mail", "a file name begins with '/'"},
      {"/home/my mail", "a file name with white space needs quotes"},
      {":include:list", "a file name begins with '/'"},
      {":include:", "a file name begins with '/'"},
      {"jane postmaster: root", "unexpected ':'"},
      {"friends: jane, joe;", "unexpected ':'"},
      {"jane; joe", "unexpected ';'"},
      {"jane@", "no domain"},
      {"@example.com", "no local part"},
      {"jane@example..com", "empty label"},
      {"j\xf6rg", "not UTF-8"},
      {std::string_view("ja\0ne", 5), "a NUL byte"},
      {"jane\njoe", "a control character"},
      {"jane\rjoe", "a control character"},
      {"/srv/x\xc2\x9b"
       "2J",
       "a control character"},
      {"\"|echo \x1b[2J\"", "a control character"},
  };
  for (const auto& [text, problem] : cases) {
    CAPTURE(text);
    const auto list = store::parse_targets(text);
    REQUIRE_FALSE(list);
    CHECK(list.error().kind == base::Kind::data);
    CAPTURE(list.error().text);
    CHECK(list.error().text.find(problem) != std::string::npos);
  }
}

TEST_CASE("target: every problem of a list is told, and the good ones are kept") {
  const auto list = store::read_targets("jane, <joe, /x y, |, dave");
  CHECK(shown(list.targets) == "[0 jane]");  // '<' swallows the rest
  const auto other = store::read_targets("jane, joe x, /x y, |, dave");
  CHECK(shown(other.targets) == "[0 jane][0 dave]");
  REQUIRE(other.problems.size() == 3);
  CHECK(other.problems[0].offset == 6);
  CHECK(other.problems[1].offset == 13);
  CHECK(other.problems[2].offset == 19);
}

TEST_CASE("target: deep comments and long lists cost neither stack nor patience") {
  const std::string deep(200'000, '(');
  CHECK_FALSE(store::parse_targets(deep));
  CHECK(store::parse_targets(cat(deep, std::string(200'000, ')'), "jane")));
  std::string list;
  for (int i = 0; i < 100'000; ++i) list += cat(i == 0 ? "" : ", ", "user", i, "@example.com");
  const auto targets = store::parse_targets(list);
  REQUIRE(targets);
  CHECK(targets.value().size() == 100'000);
  CHECK(targets.value().back().value == "user99999@example.com");
  for (const char* piece : {"\"", "(,", "<,", "\\,", ":include:,", "/\","}) {
    std::string many;
    for (int i = 0; i < 100'000; ++i) many += piece;
    CHECK_FALSE(store::parse_targets(many));
  }
}

TEST_CASE("target: more than a million are a mistake, in one line or in many") {
  std::string line;
  for (int i = 0; i < 1'000'000; ++i) line += "a,";
  CHECK(store::parse_targets(line).value().size() == 1'000'000);
  CHECK(store::parse_target_file(line, "f").value().size() == 1'000'000);
  CHECK(store::parse_target_file(line + "\nb", "f").error().text ==
        "f:2: more than 1000000 targets");
  const auto list = store::read_targets(line + "b,c,d");
  CHECK(list.targets.size() == 1'000'000);
  REQUIRE(list.problems.size() == 1);
  CHECK(list.problems[0].text == "more than 1000000 targets");
}

TEST_CASE("target: a .forward file line by line") {
  const auto list = store::parse_target_file(
      "\xef\xbb\xbf# my mail\n\\jane\n\n  # also\r\ndave@example.com,\r\n  joe\n\"|cmd\"", "f");
  REQUIRE_MESSAGE(list, list.error().text);
  CHECK(shown(list.value()) == "[1 jane][0 dave@example.com][0 joe][3 cmd]");
  for (const char* nothing : {"", "\n\n", "# nothing\n", " \t \n,\n"}) {
    const auto empty = store::parse_target_file(nothing, "f");
    REQUIRE(empty);
    CHECK(empty.value().empty());
  }
  const auto bad = store::parse_target_file("# x\njane\n\"|cmd\n", "/home/jane/.forward");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().text == "/home/jane/.forward:3: \"|cmd: unbalanced '\"'");
}
