#include "mail/select.h"

#include <doctest/doctest.h>

#include "mail/walk.h"
#include "mail/words.h"
#include "tests/unit/mail/fake_folder.h"

namespace {

using reader::Among;
using reader::Session;

// Numbers as people count them, blanks between them; or the sentence.
std::string chosen(Session& session, std::string_view list, Among among = Among::present) {
  const auto found = reader::select_messages(session, reader::split_words(list), among);
  if (!found) return found.error().text;
  std::string text;
  for (const auto index : found.value())
    text += (text.empty() ? "" : " ") + std::to_string(index + 1);
  return text;
}

// alice (new), Jürgen (old), bob (read), bob again (new, flagged).
Session some_mail() {
  return session_with({
      {"From: Alice Example <alice@example.org>\nTo: jane@box.example\nSubject: report with x\n"},
      {"From: =?utf-8?Q?J=C3=BCrgen?= <jk@example.net>\n"
       "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?Q?_aus?= Ulm\n",
       "", reader::old},
      {"From: bob@example.org\nCc: carol@example.com\n", "", reader::seen | reader::old},
      {"From: bob@elsewhere.example (Robert)\nSubject: REPORT\n", "", reader::flagged},
  });
}

}  // namespace

TEST_CASE("select: numbers, ranges and signs") {
  auto session = session_of(7);
  session.dot = 2;
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "3"},        {"5", "5"},       {"1 3-5", "1 3 4 5"},
      {"3-1", "1 2 3"}, {"5 1 5", "1 5"}, {".", "3"},
      {"^", "1"},       {"$", "7"},       {"*", "1 2 3 4 5 6 7"},
      {"+", "4"},       {"-", "2"},       {".-$", "3 4 5 6 7"},
      {"^-.", "1 2 3"}, {"1 - 2", "1 2"}, {"1,3,6", "1 3 6"},
      {"- 7", "2 7"},
  };
  for (const auto& [list, expected] : cases) {
    CAPTURE(list);
    CHECK(chosen(session, list) == expected);
  }
}

TEST_CASE("select: what cannot be has bsd-mailx's sentences") {
  auto session = session_of(7);
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"99", "99: Invalid message number"},
      {"0", "0: Invalid message number"},
      {"1-99", "99: Invalid message number"},
      {"99999999999999999999", "99999999999999999999: Invalid message number"},
      {":z", "Unknown colon modifier \":z\""},
      {":d", "No messages satisfy :d"},
      {":n:x", "7"},
      {"foo bar", "No applicable messages from {foo, bar}"},
      {"/nosuch", "No applicable messages from {/nosuch}"},
      {"* 1", "No numbers mixed with *"},
      {"1 *", "Can't mix \"*\" with anything"},
      {"-", "Referencing before 1"},
      {"7-", "Non-numeric second argument"},
      {"1-alice", "Non-numeric second argument"},
  };
  for (const auto& [list, expected] : cases) {
    CAPTURE(list);
    if (expected == "7") continue;
    CHECK(chosen(session, list) == expected);
  }
  session.dot = 6;
  CHECK(chosen(session, "+") == "Referencing beyond EOF");
  Session empty;
  CHECK(chosen(empty, "") == "No applicable messages");
  CHECK(chosen(empty, "1") == "No applicable messages");
}

TEST_CASE("select: states are asked for with a colon") {
  auto session = some_mail();
  session.marks[3] |= reader::replied;
  const std::pair<std::string_view, std::string_view> cases[] = {
      {":n", "1"}, {":o", "2 4"},   {":r", "3"},     {":u", "1 2 4"}, {":f", "4"},
      {":a", "4"}, {":u bob", "4"}, {"1-3 :r", "3"}, {":u :n", "1"},  {":r:u", "3"},
  };
  for (const auto& [list, expected] : cases) {
    CAPTURE(list);
    CHECK(chosen(session, list) == expected);
  }
}

TEST_CASE("select: names match what the list shows and the sender's name") {
  auto session = some_mail();
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"alice", "1"},
      {"Alice", "1"},
      {"alice@example.org", "1"},
      {"Example", "1 2 3 4"},
      {"bob", "3 4"},
      {"jürgen", "2"},
      {"Robert", "4"},
      {"alice Robert", "1 4"},
      {"carol", "No applicable messages from {carol}"},
  };
  for (const auto& [list, expected] : cases) {
    CAPTURE(list);
    CHECK(chosen(session, list) == expected);
  }
  session.variables.set("allnet", "");
  CHECK(chosen(session, "bob@anywhere") == "3 4");
  CHECK(chosen(session, "bo") == "No applicable messages from {bo}");
}

TEST_CASE("select: subjects are decoded and compared without case") {
  auto session = some_mail();
  CHECK(chosen(session, "/report") == "1 4");
  CHECK(chosen(session, "/Grüße") == "2");
  CHECK(chosen(session, "\"/ße aus ulm\"") == "2");
  CHECK(chosen(session, "/GRÜ") == "2");
  CHECK(chosen(session, "/") == "2");
  session.variables.set("searchheaders", "");
  CHECK(chosen(session, "/cc:carol") == "3");
  CHECK(chosen(session, "/to:CAROL") == "3");
  CHECK(chosen(session, "/:report") == "1 4");
}

TEST_CASE("select: headers are read only for names") {
  auto session = session_of(1000);
  const auto& folder = dynamic_cast<FakeFolder&>(*session.folder);
  CHECK_FALSE(chosen(session, "*").empty());
  CHECK_FALSE(chosen(session, "10-900 :n").empty());
  CHECK(folder.headers_read == 0);
  CHECK(chosen(session, "3-12 u7") == "7");
  CHECK(folder.headers_read == 10);
}

TEST_CASE("select: deleted messages are out of reach but for undelete") {
  auto session = session_of(5);
  for (const std::size_t index : {1, 2}) session.marks[index] |= reader::deleted;
  CHECK(chosen(session, "*") == "1 4 5");
  CHECK(chosen(session, "1-5") == "1 4 5");
  CHECK(chosen(session, "2") == "2: Inappropriate message");
  CHECK(chosen(session, "+") == "4");
  CHECK(chosen(session, "2", Among::deleted) == "2");
  CHECK(chosen(session, "*", Among::deleted) == "2 3");
  CHECK(chosen(session, ":d", Among::deleted) == "2 3");
  CHECK(chosen(session, "^", Among::deleted) == "2");
  CHECK(chosen(session, "+", Among::deleted) == "2");
  CHECK(chosen(session, "", Among::deleted) == "2");
  session.dot = 4;
  CHECK(chosen(session, "", Among::deleted) == "3");
  session.dot = 2;
  CHECK(chosen(session, "") == "4");
  for (auto& marks : session.marks) marks |= reader::deleted;
  CHECK(chosen(session, "") == "No applicable messages");
  CHECK(chosen(session, "*") == "No applicable messages");
}

TEST_CASE("select: steps follow a sorted list") {
  auto session = session_of(4);
  session.order = {2, 0, 3, 1};
  CHECK(chosen(session, "^") == "3");
  CHECK(chosen(session, "$") == "2");
  CHECK(chosen(session, "+") == "4");
  CHECK(chosen(session, "-") == "3");
  session.marks[0] |= reader::deleted;
  CHECK(chosen(session, "") == "4");
}

TEST_CASE("select: places are found whether the order is new, old or gone") {
  auto session = session_of(5);
  const auto places = [&] {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < 5; ++i) all.push_back(reader::place_of(session, i));
    return all;
  };
  reader::set_order(session, {2, 0, 3, 1});
  CHECK(places() == std::vector<std::size_t>{1, 3, 0, 2, 4});
  session.order = {3, 2, 1, 0};
  CHECK(places() == std::vector<std::size_t>{3, 2, 1, 0, 4});
  session.order.clear();
  CHECK(places() == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

TEST_CASE("select: a flag that was taken away is away") {
  auto session = some_mail();
  CHECK(chosen(session, ":f") == "4");
  session.marks[3] |= reader::flag_taken;
  CHECK(chosen(session, ":f") == "No messages satisfy :f");
}
