#include "mail/rc.h"

#include <doctest/doctest.h>

#include "tests/unit/mail/fake_folder.h"

namespace {

using reader::Answer;
using reader::Session;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (const auto& line : reader::rc_lines(text))
    lines.push_back(std::to_string(line.number) + ":" + line.text);
  return lines;
}

using Lines = std::vector<std::string>;

// An empty list stands for the whole of it; no mistake is told.
Session after(std::string_view text) {
  Session session;
  session.sending = true;  // and nobody at a terminal: silence
  reader::run_rc(session, "rc", text);
  return session;
}

}  // namespace

TEST_CASE("rc: comments and empty lines go, continued lines are one") {
  CHECK(lines_of("# c\n\nset a\n  set b\\\n  c\\\\\n\tset d # e\n") ==
        Lines{"3:set a", "4:set b   c\\\\", "6:set d # e"});
  CHECK(lines_of("set end\\") == Lines{"1:set end\\"});
  CHECK(lines_of("").empty());
}

TEST_CASE("rc: a backslash that is quoted ends a line") {
  CHECK(reader::goes_on("a\\"));
  CHECK(reader::goes_on("\\\\\\"));
  for (const auto* const line : {"", "a", "a\\\\", "\\\\", "\\a"})
    CHECK_FALSE(reader::goes_on(line));
}

TEST_CASE("rc: a file of the start runs nothing that people type, one of the session does") {
  auto session = session_of(2);
  reader::run_rc(session, "rc", "delete 1\n");
  CHECK((session.marks[0] & reader::deleted) == 0);
  session.starting = false;
  reader::run_rc(session, "rc", "delete 1\n");
  CHECK((session.marks[0] & reader::deleted) != 0);
}

TEST_CASE("rc: blocks of s-nail are left out whole") {
  CHECK(lines_of("define x {\n set a\n if true\n}\naccount y {\nset b\n}\nset c\n") ==
        Lines{"8:set c"});
  CHECK(lines_of("define x {\nset a\n").empty());
  CHECK(lines_of("\\define x {\nset a\n}\nset b") == Lines{"4:set b"});
}

TEST_CASE("rc: variables, aliases and fields are set") {
  const auto session = after(
      "set ask append crt=30 noheader prompt=\"? \"\n"
      "alias team bob ann\ngroup team tom\nalternates j@x\n"
      "ignore Received Message-Id\nretain from\nsaveignore status\n"
      "headerpick forward retain subject\nunignore received\n"
      "unset append # why\n");
  CHECK(session.variables.text("crt") == "30");
  CHECK(session.variables.text("prompt") == "? ");
  CHECK_FALSE(session.variables.is_set("header"));
  CHECK_FALSE(session.variables.is_set("append"));
  CHECK(session.groups.aliases.at("team") == Lines{"bob", "ann", "tom"});
  CHECK(session.groups.alternates == Lines{"j@x"});
  CHECK(session.shown.ignored == std::set<std::string, std::less<>>{"message-id"});
  CHECK(session.shown.retained == std::set<std::string, std::less<>>{"from"});
  CHECK(session.stored.ignored.count("status") == 1);
  CHECK(session.forwarded.retained.count("subject") == 1);
}

TEST_CASE("rc: conditions choose, nested too") {
  const auto session = after(
      "if s\nset a\nif r\nset b\nelse\nset c\nendif\nelse\nset d\n"
      "if t\nset e\nendif\nset f\nendif\nset g\n");
  for (const auto* const name : {"a", "c", "g"}) CHECK(session.variables.is_set(name));
  for (const auto* const name : {"b", "d", "e", "f"}) CHECK_FALSE(session.variables.is_set(name));
  CHECK(session.conditions.empty());
}

TEST_CASE("rc: what cannot be decided is skipped with both branches") {
  const auto session = after(
      "if [ \"$x\" == y ]\nset a\nelse\nset b\nendif\nset c\n"
      "if false\nset d\nelif true\nset e\nelse\nset f\nendif\n");
  for (const auto* const name : {"c", "e"}) CHECK(session.variables.is_set(name));
  for (const auto* const name : {"a", "b", "d", "f"}) CHECK_FALSE(session.variables.is_set(name));
}

TEST_CASE("rc: a file cannot leave an if open, nor close another's") {
  auto session = after("if r\nset a\n");
  CHECK(session.conditions.empty());
  session = after("endif\nelse\nset b\n");
  CHECK(session.variables.is_set("b"));
}

TEST_CASE("rc: mistakes end nothing, and commands that people type do not run") {
  const auto session = after(
      "nosuch thing\nbind base $'\\cA' x\nwysh set a='b c'\n! touch /x\n"
      "shell\nhold 1\nset sendwait v15-compat smtp=x\nset b\n");
  CHECK(session.variables.text("a") == "b c");
  CHECK(session.variables.is_set("b"));
}

TEST_CASE("rc: what `if` may ask") {
  Session session;
  session.terminal.input = true;
  CHECK(reader::condition(session, {"r"}) == Answer::yes);
  CHECK(reader::condition(session, {"SEND"}) == Answer::no);
  CHECK(reader::condition(session, {"terminal"}) == Answer::yes);
  CHECK(reader::condition(session, {"z"}) == Answer::unknown);
  CHECK(reader::condition(session, {}) == Answer::unknown);
}

TEST_CASE("rc: settings of other programs are known") {
  for (const auto* const name : {"sendwait", "v15-compat", "smtp-use-starttls", "mta", "crt",
                                 "folder-hook", "autoinc", "pipe-text/html", "history-file"})
    CHECK(reader::known_variable(name));
  CHECK_FALSE(reader::known_variable("nosuchthing"));
}
