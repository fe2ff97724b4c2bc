#include <doctest/doctest.h>

#include "mail/show.h"
#include "tests/unit/mail/fake_folder.h"

namespace {

using reader::Session;

std::string line_of(Session& session, std::size_t index = 0) {
  const auto line = reader::headline(session, index);
  return line ? line.value() : line.error().text;
}

Session with(std::string header, std::string from_line = "From a@b Sat Jan  2 08:50:01 2021\n") {
  return session_with({{std::move(header), "text\n", 0, std::move(from_line)}});
}

}  // namespace

TEST_CASE("headline: bsd-mailx's columns, cut at eighty") {
  auto session = with(
      "From: Logcheck <logcheck@averyverylonghost>\n"
      "Subject: Cron <root@funlife> test -x /usr/sbin/anacron\n");
  CHECK(line_of(session) ==
        ">N  1 logcheck@averyver  Sat Jan  2 08:50    6/140   Cron <root@funlife> test -x\n");
  session.terminal.columns = 40;
  CHECK(line_of(session).size() == 81);  // no terminal: the usual width
  session.terminal.output = true;
  CHECK(line_of(session) == ">N  1 logcheck@averyver  Sat Jan  2 08:5\n");
}

TEST_CASE("headline: without a subject blanks stand before its place") {
  auto session = with("To: jane\n", "From MAILER-DAEMON Fri Mar  8 01:02:03 2024\n");
  CHECK(line_of(session) == ">N  1 MAILER-DAEMON      Fri Mar  8 01:02    5/60    \n");
}

TEST_CASE("headline: the date stands as in the From_ line") {
  const std::pair<std::string, std::string_view> cases[] = {
      {"From a@b Sat Jan 02 08:50:01 2021\n", "Sat Jan 02 08:50"},
      {"From a@b tty1 Sat Jan  2 08:50 2021\n", "Sat Jan  2 08:50"},
      {"From a b c Sat Jan  2 08:50:01 2021\n", "Sat Jan  2 08:50"},
      {"From  Sat Jan  2 08:50:01 2021\n", "Sat Jan  2 08:50"},
      {"From unquoted line after blank? no\n", "line after blank"},
      {"From a@b 2021\n", "            2021"},
  };
  for (const auto& [from_line, date] : cases) {
    auto session = with("From: a@b\n", from_line);
    CHECK(line_of(session).substr(25, 16) == date);
  }
}

TEST_CASE("headline: encoded words are decoded and cut by columns") {
  auto session = with(
      "From: jalal@example.ir\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= "
      "=?utf-8?B?IOadseS6rOadseS6rOadseS6rOadseS6rOadseS6rOadseS6rA==?=\n");
  CHECK(line_of(session).substr(53) == "Grüße 東京東京東京東京東京\n");
  session.terminal.charset = "us-ascii";
  CHECK(line_of(session).substr(53, 5) == "Gr??e");
}

TEST_CASE("headline: controls are harmless") {
  auto session = with("From: \x1b[31m@evil\nSubject: a\x1b]0;x\x07 \xc2\x9b\xe2\x80\xae b\tc\n");
  const auto line = line_of(session);
  CHECK(line.find_first_of("\x1b\x07\t") == std::string::npos);
  CHECK(line.find("\xc2\x9b") == std::string::npos);
  CHECK(line.find("\xe2\x80\xae") == std::string::npos);
  CHECK(line.find("␛") != std::string::npos);
}

TEST_CASE("headline: who sent it") {
  const std::pair<std::string, std::string_view> cases[] = {
      {"From: root <root@funlife>\n", "root@funlife     "},
      {"From: a@x (Ann), b@y\n", "a@x, b@y         "},
      {"Sender: s@x\n", "s@x              "},
      {"From: not an address\n", "not an address   "},
      {"from : \"A, B\" <ab@x>\n", "ab@x             "},
      {"Subject: x\n", "a@b              "},
  };
  for (const auto& [header, name] : cases) {
    auto session = with(header);
    CHECK(line_of(session).substr(6, 17) == name);
  }
}

TEST_CASE("headline: showto names the recipients of what we sent") {
  auto session = with("From: Jane <jane@box.example>\nTo: Bob <bob@example.org>\nSubject: x\n");
  CHECK(line_of(session).substr(6, 17) == "jane@box.example ");
  session.variables.set("showto", "");
  CHECK(line_of(session).substr(5, 20) == " TO bob@example.or  ");
  session.person.user = "john";
  CHECK(line_of(session).substr(6, 17) == "jane@box.example ");
  session.groups.alternates = {"JANE@box.example"};
  CHECK(line_of(session).substr(5, 20) == " TO bob@example.or  ");
  session.groups.alternates.clear();
  session.variables.set("show-rcpt", "");
  CHECK(line_of(session).substr(5, 20) == " TO bob@example.or  ");
}

TEST_CASE("headline: marks and states") {
  auto session = session_of(2);
  const std::pair<int, std::string_view> cases[] = {
      {reader::is_new, ">N"},
      {0, ">U"},
      {reader::is_read, "> "},
      {reader::is_new | reader::is_read, "> "},
      {reader::is_read | reader::saved, ">*"},
      {reader::is_read | reader::preserved | reader::saved, ">P"},
      {reader::is_new | reader::preserved, ">N"},
      {reader::is_new | reader::to_mbox, ">M"},
  };
  for (const auto& [marks, letters] : cases) {
    session.marks[0] = static_cast<reader::Marks>(marks);
    CHECK(line_of(session).substr(0, 2) == letters);
  }
  CHECK(line_of(session, 1).substr(0, 5) == " N  2");
}
