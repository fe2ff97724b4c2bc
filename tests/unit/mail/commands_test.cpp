#include <doctest/doctest.h>

#include <tuple>

#include "mail/command.h"
#include "mail/table.h"
#include "tests/unit/mail/fake_folder.h"

namespace {

std::string_view name_of(std::string_view word) {
  const auto* const command = reader::find_command(word);
  return command == nullptr ? "" : command->name;
}

}  // namespace

TEST_CASE("commands: every abbreviation is one command's") {
  for (const auto& command : reader::commands()) {
    REQUIRE(command.shortest >= 1);
    REQUIRE(command.shortest <= command.name.size());
    for (auto length = command.shortest; length <= command.name.size(); ++length) {
      const auto word = command.name.substr(0, length);
      for (const auto& other : reader::commands()) {
        CAPTURE(word);
        CAPTURE(other.name);
        const bool same = &other == &command || !other.name.starts_with(word) ||
                          length < other.shortest || other.name == word || command.name == word;
        CHECK(same);
        CHECK((&other == &command || other.name != command.name));
      }
    }
  }
}

TEST_CASE("commands: POSIX's abbreviations, and bsd-mailx's") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a", "alias"},
      {"g", "group"},
      {"alt", "alternates"},
      {"cd", "cd"},
      {"ch", "chdir"},
      {"d", "delete"},
      {"di", "discard"},
      {"ig", "ignore"},
      {"dp", "dp"},
      {"dt", "dt"},
      {"ec", "echo"},
      {"e", "edit"},
      {"f", "from"},
      {"h", "headers"},
      {"hel", "help"},
      {"?", "?"},
      {"ho", "hold"},
      {"pre", "preserve"},
      {"i", "if"},
      {"el", "else"},
      {"en", "endif"},
      {"l", "list"},
      {"ret", "retain"},
      {"se", "set"},
      {"sh", "shell"},
      {"si", "size"},
      {"so", "source"},
      {"tou", "touch"},
      {"una", "unalias"},
      {"u", "undelete"},
      {"un", "undelete"},
      {"uns", "unset"},
      {"v", "visual"},
      {"z", "z"},
      {"=", "="},
      {"!", "!"},
      {"unr", "unread"},
      {"U", "Unread"},
      {"ve", "version"},
      {"savei", "saveignore"},
      {"new", "new"},
      {"zz", ""},
      {"Delete", ""},
      {"deleted", ""},
  };
  for (const auto& [word, name] : cases) {
    CAPTURE(word);
    CHECK(name_of(word) == name);
  }
}

TEST_CASE("commands: a line falls into its command and the rest") {
  const std::tuple<std::string_view, std::string_view, std::string_view> cases[] = {
      {"p 1", "p", " 1"},
      {"p1", "p", "1"},
      {"d:n", "d", ":n"},
      {"f/x", "f", "/x"},
      {"z-", "z", "-"},
      {"!ls", "!", "ls"},
      {"|wc", "|", "wc"},
      {"5", "", "5"},
      {"+", "", "+"},
      {"=", "=", ""},
      {"#x y", "#", "x y"},
      {"", "", ""},
      {"f\"a b\"", "f", "\"a b\""},
  };
  for (const auto& [line, word, rest] : cases) {
    const auto split = reader::split_command(line);
    CHECK(split.word == word);
    CHECK(split.rest == rest);
  }
}

TEST_CASE("commands: what is not one is told, where it would be carried out") {
  auto session = session_of(3);
  CHECK(reader::run_line(session, "zz").error().text == "Unknown command: \"zz\"");
  CHECK(reader::run_line(session, "  # zz"));
  session.conditions.push_back({false, false});
  CHECK(reader::run_line(session, "zz"));
  CHECK(reader::run_line(session, "d 1"));
  CHECK((session.marks[0] & reader::deleted) == 0);
  CHECK(reader::run_line(session, "endif"));
  CHECK(reader::run_line(session, "d 1"));
  CHECK((session.marks[0] & reader::deleted) != 0);
  ++session.sourcing;
  CHECK(reader::run_line(session, "hold").error().text ==
        "May not execute \"hold\" while sourcing");
  CHECK(reader::run_line(session, ""));
}

TEST_CASE("commands: states of messages") {
  auto session = session_of(4);
  session.is_system_mailbox = true;
  const auto run = [&](std::string_view line) {
    const auto done = reader::run_line(session, line);
    return done ? std::string() : done.error().text;
  };
  const auto has = [&](std::size_t index, int marks) {
    return (session.marks[index] & marks) == marks;
  };
  CHECK(run("d 2") == "");
  CHECK(session.dot == 2);
  CHECK(has(1, reader::deleted | reader::used));
  CHECK(run("u 2") == "");
  CHECK(session.dot == 1);
  CHECK(has(1, reader::is_read | reader::changed));
  CHECK(run("hold 3") == "");
  CHECK(has(2, reader::preserved));
  CHECK(run("touch 3") == "");
  CHECK(has(2, reader::used));
  CHECK_FALSE(has(2, reader::preserved));
  CHECK(run("unread 2") == "");
  CHECK_FALSE(has(1, reader::is_read));
  CHECK(run("flag 4") == "");
  CHECK(has(3, reader::flag_mark | reader::changed));
  CHECK(run("unflag 4") == "");
  CHECK(has(3, reader::flag_taken));
  CHECK_FALSE(has(3, reader::flag_mark));
  CHECK(run("d *") == "");
  CHECK(run("d") == "No applicable messages");
  session.read_only = true;
  CHECK(run("u 1") == "");
  CHECK(run("d 1") == "May not execute \"delete\" -- message file is read only");
  session.is_system_mailbox = false;
  CHECK(run("hold 1") == "Cannot \"hold\" in edit mode");
}
