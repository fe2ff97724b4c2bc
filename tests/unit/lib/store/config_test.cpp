#include "lib/store/config.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "lib/base/text.h"

namespace {
using namespace std::string_literals;
using base::cat;
using store::Config;
using store::Key;
using store::Schema;
using store::Type;
using Lines = std::vector<std::string>;

constexpr std::array keys{Key{"text"},
                          Key{"path", Type::path},
                          Key{"path_or_command", Type::path_or_command},
                          Key{"domain", Type::domain},
                          Key{"domains", Type::domains},
                          Key{"address", Type::address},
                          Key{"duration", Type::duration},
                          Key{"durations", Type::durations},
                          Key{"size", Type::size},
                          Key{"yes_no", Type::yes_no},
                          Key{"count", Type::count},
                          Key{"choice", Type::choice, "one two"}};
constexpr std::array schemas{Schema{"all", false, keys}, Schema{"named", true, keys},
                             Schema{"free", false, {}}};

Lines mistakes(std::string_view text, bool whole = true) {
  return Config::parse("F", text).mistakes(schemas, whole);
}

std::string value(const Config& config, std::string_view kind, std::string_view key,
                  std::string_view name = "") {
  const auto* section = config.find(kind, name);
  const auto* setting = section != nullptr ? section->find(key) : nullptr;
  return setting != nullptr ? setting->value : "(none)";
}

std::string all(std::string_view key, std::string_view value) {
  return cat("[all]\n", key, " = ", value, "\n");
}
}  // namespace

TEST_CASE("config: a value is everything behind the first '=', trimmed, and nothing else") {
  const struct {
    std::string_view line, expected;
  } table[] = {
      {"text = plain", "plain"},
      {"text=tight", "tight"},
      {"   text\t=\t  indented  \t", "indented"},
      {"text = se ;cret", "se ;cret"},
      {"text = a #b", "a #b"},
      {"text = ;x", ";x"},
      {"text = \"a ; b\"", "\"a ; b\""},
      {"text = a = b", "a = b"},
      {"text = a:b", "a:b"},
      {"text = [x]", "[x]"},
      {"text = \xc3\xa9", "\xc3\xa9"},
  };
  for (const auto& row : table)
    for (const std::string_view end : {"\n", "\r\n", ""}) {
      const auto config = Config::parse("F", cat("[all]\n", row.line, end));
      CAPTURE(row.line);
      CHECK(config.mistakes(schemas, true) == Lines{});
      CHECK(value(config, "all", "text") == row.expected);
    }
}

TEST_CASE("config: indented lines are settings, not continuations; comments are whole lines") {
  const auto config = Config::parse("F",
                                    "\xef\xbb\xbf# first\n; second\n[all]\n  # third = 1\n"
                                    "text = a\n   path = /b\n\n[named x]\ntext = c\n"
                                    "[named]\ntext = d\n[free]\nany@thing.test = e\n");
  CHECK(config.mistakes(schemas, true) == Lines{});
  CHECK(value(config, "all", "text") == "a");
  CHECK(value(config, "all", "path") == "/b");
  CHECK(value(config, "named", "text", "x") == "c");
  CHECK(value(config, "named", "text") == "d");
  CHECK(value(config, "free", "any@thing.test") == "e");
  CHECK(config.find("all")->line == 3);
  CHECK(config.find("all")->find("path")->line == 6);
}

TEST_CASE("config: every mistake is told with its line, and once") {
  const std::string long_name(50, 'n');
  const struct {
    std::string text;
    Lines expected;
  } table[] = {
      {"[all]\ntxt = 1\n", {"F:2: unknown key 'txt' in [all]"}},
      {"[other]\nx = 1\ny = 2\n", {"F:1: unknown section [other]"}},
      {"[all]\n[other]\n", {"F:2: unknown section [other]"}},
      {"[ all ]\ntext = 1\n[named  a b ]\ntext = 2\n", {}},
      {"[]\n", {"F:1: a section without a name"}},
      {"[]\ntext = 1\n", {"F:1: a section without a name"}},
      {"[all x]\ntext = 1\n", {"F:1: [all] takes no name"}},
      {"[all]\ntext = 1\n\ntext = 2\n", {"F:4: 'text' is given twice, first in line 2"}},
      {"[all]\ntext = 1\n[named]\ntext = 1\n[all]\ntext = 2\n",
       {"F:6: 'text' is given twice, first in line 2"}},
      {"text = 1\n", {"F:1: 'text' stands before any section"}},
      {"[all]\ntext =\n", {"F:2: 'text' has no value"}},
      {"[all]\ntext\n", {"F:2: neither a section, nor 'key = value', nor a comment"}},
      {"[all]\ntext: 1\n", {"F:2: neither a section, nor 'key = value', nor a comment"}},
      {"[all]\nte:xt = 1\n", {"F:2: neither a section, nor 'key = value', nor a comment"}},
      {"[all]\n= 1\n", {"F:2: no key before '='"}},
      {"[all]\ntext = a\0b\n"s, {"F:2: a NUL byte"}},
      {"[all]\n# a\0b\n"s, {"F:2: a NUL byte"}},
      {cat("[all]\ntext = ", std::string(193, 'v'), "\n"), {"F:2: longer than 199 bytes"}},
      {cat("[all]\n", long_name, " = 1\n"), {"F:2: a key longer than 49 bytes"}},
      {cat("[", long_name, "]\n"), {"F:1: a section name longer than 49 bytes"}},
      {"[all]\ntext\f = 1\n\v# x = 1\n", {"F:2: a control character", "F:3: a control character"}},
      {"\f[all]\n", {"F:1: a control character"}},
      {"[a\rll]\n", {"F:1: a control character"}},
      {"[all\n", {"F:1: ']' must end the line"}},
      {"[all] # x\n", {"F:1: ']' must end the line"}},
      {"[all]x]\n", {"F:1: ']' must end the line"}},
      {"[named a ;b]\n", {"F:1: ';' in a section's name"}},
      {"[all]\nte ;xt = 1\n", {"F:2: neither a section, nor 'key = value', nor a comment"}},
      // What follows a section that cannot be read belongs to nobody: it is not judged.
      {cat("[all]\ntext = 1\n[named ", long_name, "]\ntext = 2\nbad = 3\n[all]\nbad = 4\n"),
       {"F:3: a section name longer than 49 bytes", "F:7: unknown key 'bad' in [all]"}},
      {"[all]\ntext = 1\n[named\ntext = 2\n", {"F:3: ']' must end the line"}},
      // Several.
      {"x = 1\n[all]\nsize = z\nq = 1\n",
       {"F:1: 'x' stands before any section", "F:3: size = z: not a size like 50M",
        "F:4: unknown key 'q' in [all]"}},
      {"[all]\ntext\npath\n",
       {"F:2: neither a section, nor 'key = value', nor a comment",
        "F:3: neither a section, nor 'key = value', nor a comment"}},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(mistakes(row.text) == row.expected);
  }
}

TEST_CASE("config: a line of exactly the longest length counts") {
  for (std::size_t length = 195; length <= 199; ++length) {
    const std::string line = "text = " + std::string(length - 7, 'v');
    const auto config = Config::parse("F", cat("[all]\n", line, "\n[named]\ntext = x\n"));
    CAPTURE(length);
    CHECK(config.mistakes(schemas, true) == Lines{});
    CHECK(value(config, "all", "text") == line.substr(7));
    CHECK(value(config, "named", "text") == "x");
  }
  const std::string key(49, 'k');
  const auto config =
      Config::parse("F", cat("[free]\n", key, " = 1\n[named ", key.substr(6), "]\ntext = 2\n"));
  CHECK(config.mistakes(schemas, true) == Lines{});
  CHECK(value(config, "free", key) == "1");
  CHECK(value(config, "named", "text", key.substr(6)) == "2");
}

TEST_CASE("config: values of each type") {
  const struct {
    std::string_view key;
    Lines good, bad;
    std::string_view problem;
  } table[] = {
      {"path", {"/", "/a b", "~/x"}, {"a/b", "~x", "./a", "|cmd"}, "a path begins with / or ~/"},
      {"path_or_command",
       {"/", "~/Maildir/", "|cmd -a"},
       {"a/b", "~x"},
       "a path begins with / or ~/, a command with |"},
      {"domain",
       {"a", "a-b.c_d", "\xc3\xbc.de"},
       {".a", "a.", "a b", "a@b", std::string(181, 'a') + "/"},
       "not a domain"},
      {"domains", {"a", "a, b.c ,d"}, {"a b", "a,b!"}, "not a list of domains"},
      {"address", {"a", "a@b.c", "\"a b\"@c"}, {"a@", "a b", "<>", "a, b"}, "not an address"},
      {"duration",
       {"1s", "30s", "5m", "4h", "5d"},
       {"0s", "5", "m", "-1s", "5w", "1.5h", "5 m", "99999999999d"},
       "not a duration like 30s, 5m, 4h or 5d"},
      {"durations",
       {"5m..4h", "1s..1s"},
       {"5m", "4h..5m", "..4h", "5m..", "5m..4h..5h", "5m-4h"},
       "not a range of durations like 5m..4h"},
      {"size",
       {"0", "50M", "512K", "1G", "1000"},
       {"50MB", "M", "-1", "1.5G", "50 M", "99999999999"},
       "not a size like 50M"},
      {"yes_no", {"yes", "no"}, {"Yes", "true", "1", "on"}, "neither yes nor no"},
      {"count", {"1", "100"}, {"0", "-1", "x", "1x", "4294967296"}, "not a number above 0"},
      {"choice", {"one", "two"}, {"three", "on", "one two"}, "not one of: one two"},
  };
  for (const auto& row : table) {
    CAPTURE(row.key);
    for (const auto& good : row.good) CHECK(mistakes(all(row.key, good)) == Lines{});
    for (const auto& bad : row.bad)
      CHECK(mistakes(all(row.key, bad)) ==
            Lines{cat("F:2: ", row.key, " = ", bad, ": ", row.problem)});
  }
}

TEST_CASE("config: who does not judge the whole hears of its own sections only") {
  const std::string text =
      "[other]\nx\ny = 1\n[all]\nbad = 1\nnothing\n[other]\n= 1\n[oth\nz = 1\n[all]\nsize = z\n";
  CHECK(mistakes(text, false) == Lines{"F:5: unknown key 'bad' in [all]",
                                       "F:6: neither a section, nor 'key = value', nor a comment",
                                       "F:12: size = z: not a size like 50M"});
  CHECK(mistakes("x = 1\n", false) == Lines{"F:1: 'x' stands before any section"});
}

TEST_CASE("config: no mistake speaks to a terminal") {
  for (const auto& line : mistakes("[all]\nsize = \x1b[2J\nke\x1by = 1\n[se\x07x]\na = 1\n"))
    for (const char c : line) CHECK(!base::control(c));
}

TEST_CASE("config: durations and sizes") {
  CHECK(store::duration("30s")->count() == 30);
  CHECK(store::duration("5m")->count() == 300);
  CHECK(store::duration("4h")->count() == 14400);
  CHECK(store::duration("36525d")->count() == 36525 * 86400LL);
  CHECK(!store::duration("36526d"));
  CHECK(store::byte_size("50M") == 50u << 20);
  CHECK(store::byte_size("4294967295G") == std::uint64_t{4294967295} << 30);
  CHECK(store::byte_size("0") == 0u);
  CHECK(store::words(" a, ,b c ,") == Lines{"a", "b c"});
}
