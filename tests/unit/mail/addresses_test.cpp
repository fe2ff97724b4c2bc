#include "mail/addresses.h"

#include <doctest/doctest.h>

using reader::Addresses;
using reader::Destination;
using reader::Expansion;
using reader::Groups;
using reader::Letter;

namespace {
Addresses split(std::string_view list) {
  const auto result = reader::split_addresses(list);
  REQUIRE_MESSAGE(result, std::string(list));
  return result.value();
}

Letter letter_to(Addresses to, Addresses cc = {}, Addresses bcc = {}) {
  Letter letter;
  letter.to = std::move(to);
  letter.cc = std::move(cc);
  letter.bcc = std::move(bcc);
  return letter;
}

Addresses recipients(const Letter& letter, const Groups& groups = {}, bool metoo = false) {
  const auto result =
      reader::expand_addresses(letter, {.groups = &groups, .self = "jane", .metoo = metoo});
  REQUIRE(result);
  return result.value().addresses;
}

std::string refused(const Letter& letter) {
  const auto result = reader::expand_addresses(letter, {});
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == base::Kind::usage);
  return result.error().text;
}
}  // namespace

TEST_CASE("addresses: lists of people and scripts fall into their elements") {
  CHECK(split("a@x") == Addresses{"a@x"});
  CHECK(split("a@x,b@x, c") == Addresses{"a@x", "b@x", "c"});
  CHECK(split("c@x d@x") == Addresses{"c@x", "d@x"});
  CHECK(split("a@x, c@x d@x") == Addresses{"a@x", "c@x", "d@x"});
  CHECK(split("Alice E <a@x>") == Addresses{"Alice E <a@x>"});
  CHECK(split("\"Q, X\" <q@x>, b") == Addresses{"\"Q, X\" <q@x>", "b"});
  CHECK(split("jane (Jane Doe)") == Addresses{"Jane Doe <jane>"});
  CHECK(split("friends: a@x, b@x;") == Addresses{"a@x", "b@x"});
  CHECK(split("\\jane") == Addresses{"\\jane"});
  CHECK(split("user/dept@corp, +1@sms.example") == Addresses{"user/dept@corp", "+1@sms.example"});
  CHECK(split("|touch x") == Addresses{"|touch x"});
  CHECK(split("") == Addresses{});
  CHECK(split(" , ,") == Addresses{});
  for (const char* bad : {"a@x <", "\"open", "a@@x", "<>", "Bob <b@x> c@x"})
    CHECK_FALSE(reader::split_addresses(bad));
}

TEST_CASE("addresses: files and commands are told from people") {
  using enum Destination;
  for (const char* file : {"/x", "./x", "+x", "../x", "a/b", "/a@b", "./a@b", "../a@b", "+", "a/b@",
                           "+a b@x", "a/b@x..y", "/etc/x@y"})
    CHECK(reader::destination_of(file) == Destination::file);
  for (const char* pipe : {"|cmd a/b", "|cmd@y"}) CHECK(reader::destination_of(pipe) == command);
  for (const char* name : {"jane", "jane@x/y", "a%b/c", "\"a/b\"@x", "Jane <a/b@x>",
                           "user/dept@corp", "+4912345@sms.example", "-oQ@y"})
    CHECK(reader::destination_of(name) == person);
}

TEST_CASE("addresses: what may be no address is refused before anything happens") {
  CHECK(refused(letter_to({"-oQ/tmp"})) == "-oQ/tmp: an address cannot begin with '-'");
  CHECK(refused(letter_to({"-oQ@y"})) == "-oQ@y: an address cannot begin with '-'");
  for (const char* bad : {"|touch x", "/tmp/x", "./x", "+x", "/etc/x@y", "|cmd@y", "./x@y"})
    CHECK(refused(letter_to({bad})).ends_with("`set expandaddr' would allow it"));
  CHECK(refused(letter_to({"a b"})).starts_with("a b"));
  CHECK_FALSE(reader::split_persons("a@x, /tmp/x"));
  CHECK_FALSE(reader::split_persons("|cmd"));
  Groups groups;
  groups.aliases["arch"] = {"/tmp/arch"};
  const auto letter = letter_to({"arch"});
  CHECK_FALSE(reader::expand_addresses(letter, {.groups = &groups, .self = ""}));
  const auto allowed =
      reader::expand_addresses(letter, {.groups = &groups, .self = "", .addresses_only = false});
  REQUIRE(allowed);
  CHECK(allowed.value().files == std::vector<std::string>{"/tmp/arch"});
}

TEST_CASE("addresses: each recipient counts once, in the first field that has it") {
  const auto letter = letter_to({"a@x", "A <a@X>"}, {"b", "a@x"}, {"b", "c"});
  const auto result = reader::expand_addresses(letter, {});
  REQUIRE(result);
  CHECK(result.value().addresses == Addresses{"a@x", "b", "c"});
  CHECK(result.value().to == Addresses{"a@x"});
  CHECK(result.value().cc == Addresses{"b"});
  CHECK(result.value().bcc == Addresses{"c"});
}

TEST_CASE("addresses: aliases are expanded, however they are knotted") {
  Groups groups;
  groups.aliases = {{"all", {"team", "dave@x"}},
                    {"team", {"all", "bob@x", "jane"}},
                    {"root", {"root"}},
                    {"me", {"jane"}}};
  CHECK(recipients(letter_to({"all"}), groups) == Addresses{"all", "bob@x", "dave@x"});
  CHECK(recipients(letter_to({"team"}), groups, true) ==
        Addresses{"team", "dave@x", "bob@x", "jane"});
  CHECK(recipients(letter_to({"\\all"}), groups) == Addresses{"all"});
  CHECK(recipients(letter_to({"root"}), groups) == Addresses{"root"});
  CHECK(recipients(letter_to({"me"}), groups) == Addresses{"jane"});
  Groups deep;
  for (int i = 0; i < 20'000; ++i)
    deep.aliases["a" + std::to_string(i)] = {"a" + std::to_string(i + 1)};
  CHECK(recipients(letter_to({"a0"}), deep) == Addresses{"a20000"});
}

TEST_CASE("addresses: each of an alias's addresses counts, however its words hold them") {
  Groups groups;
  groups.aliases = {{"commas", {"ann@x,bob@x,cid@x"}},
                    {"blanks", {"ann@x, bob@x"}},
                    {"names", {"A <ann@x>, B <bob@x>", "cid@x"}},
                    {"group", {"G: ann@x, bob@x;"}},
                    {"nested", {"blanks,cid@x"}},
                    {"Ann B", {"ann@x"}},
                    {"spaced", {"Ann B"}},
                    {"self", {"jane,ann@x"}}};
  CHECK(recipients(letter_to({"commas"}), groups) == Addresses{"ann@x", "bob@x", "cid@x"});
  CHECK(recipients(letter_to({"blanks"}), groups) == Addresses{"ann@x", "bob@x"});
  CHECK(recipients(letter_to({"names"}), groups) == Addresses{"ann@x", "bob@x", "cid@x"});
  CHECK(recipients(letter_to({"group"}), groups) == Addresses{"ann@x", "bob@x"});
  CHECK(recipients(letter_to({"nested"}), groups) == Addresses{"ann@x", "bob@x", "cid@x"});
  CHECK(recipients(letter_to({"spaced"}), groups) == Addresses{"ann@x"});
  CHECK(recipients(letter_to({"self"}), groups) == Addresses{"ann@x"});
  CHECK(recipients(letter_to({"self"}), groups, true) == Addresses{"jane", "ann@x"});
  groups.aliases = {{"file", {"/tmp/my mail"}}, {"both", {"/tmp/x,ann@x"}}, {"bad", {"ann@x,<"}}};
  const auto file = reader::expand_addresses(
      letter_to({"file", "both"}), {.groups = &groups, .self = "", .addresses_only = false});
  REQUIRE(file);
  CHECK(file.value().files == Addresses{"/tmp/my mail", "/tmp/x"});
  CHECK(file.value().addresses == Addresses{"ann@x"});
  CHECK_FALSE(reader::expand_addresses(letter_to({"bad"}), {.groups = &groups, .self = ""}));
}

TEST_CASE("addresses: no element is sent to a part of those it names") {
  CHECK(refused(letter_to({"ann@x,bob@x"})) == "ann@x,bob@x: more than one address");
  CHECK(refused(letter_to({"A <ann@x>, B <bob@x>"})).ends_with(": more than one address"));
  CHECK(refused(letter_to({"G: ann@x, bob@x;"})).ends_with(": more than one address"));
  CHECK(refused(letter_to({"ann@x, <"})).ends_with(": more than one address"));
  CHECK(recipients(letter_to({"\"D, A\" <ann@x>", "bob@x,", "cid@x (a, b)"})) ==
        Addresses{"ann@x", "bob@x", "cid@x"});
}

TEST_CASE("addresses: names are written for header fields") {
  CHECK(reader::header_address("a@x") == "a@x");
  CHECK(reader::header_address("Alice E <a@x>") == "Alice E <a@x>");
  CHECK(reader::header_address("\"Q, X\" <q@x>") == "\"Q, X\" <q@x>");
  CHECK(reader::header_address("Jörg <j@x>") == "=?UTF-8?B?SsO2cmc=?= <j@x>");
  CHECK(reader::header_address("\\jane") == "jane");
  CHECK(reader::header_address("a\nBcc: b").find('\n') == std::string::npos);
  CHECK(reader::bare_address("Alice E <a@x>") == "a@x");
}

TEST_CASE("addresses: quotes and names hide no command") {
  Letter letter;
  for (const char* hidden : {"A <|touch>", "\"|touch x\"", "A </tmp/x>", "A <./x>", "\"\\|x\"",
                             ":include:/x", "~user", "A <+x>", "x </y/z>"}) {
    CAPTURE(hidden);
    letter.to = {hidden};
    CHECK(!reader::expand_addresses(letter, {}));
  }
  for (const char* plain : {"\"|x\"@x.test", "/C=de/@x.test", "a+b", "a~b", "jane"}) {
    CAPTURE(plain);
    letter.to = {"N <" + std::string(plain) + ">"};
    CHECK(reader::expand_addresses(letter, {}));
  }
}

TEST_CASE("addresses: what others wrote chooses no alias") {
  reader::Groups groups;
  groups.aliases["run"] = {"|touch x"};
  Addresses elements{"run", "Run", "other@x.test"};
  reader::guard_from_aliases(groups, elements);
  CHECK(elements == Addresses{"\\run", "Run", "other@x.test"});
  Letter letter;
  letter.to = elements;
  const auto found =
      reader::expand_addresses(letter, {.groups = &groups, .self = "", .addresses_only = false});
  REQUIRE(found);
  CHECK(found.value().commands.empty());
  CHECK(found.value().addresses == std::vector<std::string>{"run", "Run", "other@x.test"});
}
