#include "mail/letter.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"
#include "lib/rfc/header.h"

using reader::Letter;
using reader::letter_header;

namespace {
constexpr std::string_view entity = "MIME-Version: 1.0\nContent-Type: text/plain\n";

std::size_t longest_line(std::string_view text) {
  std::size_t longest = 0;
  for (const auto line : base::split(text, '\n')) longest = std::max(longest, line.size());
  return longest;
}
}  // namespace

TEST_CASE("letter: the fields of a letter, in their order") {
  Letter letter;
  letter.from = "Jane <jane@x>";
  letter.to = {"a@x", "\"Q, X\" <q@x>"};
  letter.cc = {"c"};
  letter.bcc = {"secret@x"};
  letter.reply_to = {"r@x"};
  letter.subject = "Hello";
  letter.in_reply_to = "<1@x>";
  letter.references = "<0@x> <1@x>";
  letter.fields = {{"X-Loop", "foo"}};
  CHECK(letter_header(letter, entity) ==
        "From: Jane <jane@x>\nReply-To: r@x\nTo: a@x, \"Q, X\" <q@x>\nSubject: Hello\nCc: c\n"
        "In-Reply-To: <1@x>\nReferences: <0@x> <1@x>\nX-Loop: foo\n"
        "MIME-Version: 1.0\nContent-Type: text/plain\n");
}

TEST_CASE("letter: a field of the author stands in the place of ours") {
  Letter letter;
  letter.to = {"a"};
  letter.subject = "ours";
  letter.fields = {{"subject", "theirs"}, {"Content-Type", "text/html"}, {"Bcc", "b@x"}};
  CHECK(letter_header(letter, entity) ==
        "To: a\nsubject: theirs\nContent-Type: text/html\nMIME-Version: 1.0\n");
}

TEST_CASE("letter: text that is no ASCII is encoded, in names too") {
  Letter letter;
  letter.to = {"Jörg <j@x>"};
  letter.subject = "Grüße";
  letter.fields = {{"X-Note", "naïve"}, {"Reply-To", "Zoë <z@x>"}};
  CHECK(letter_header(letter, "") ==
        "To: =?UTF-8?B?SsO2cmc=?= <j@x>\nSubject: =?UTF-8?B?R3LDvMOfZQ==?=\n"
        "X-Note: =?UTF-8?B?bmHDr3Zl?=\nReply-To: =?UTF-8?Q?Zo=C3=AB?= <z@x>\n");
}

TEST_CASE("letter: nothing of it makes a line of its own") {
  Letter letter;
  letter.to = {"a\nBcc: e@x"};
  letter.subject = "s\nBcc: e@x";
  letter.in_reply_to = "<1\nBcc:e@x>";
  letter.fields = {{"X", "a\nBcc: e@x"}, {"Bad\nBcc", "e"}, {"", "e"}, {"B c", "e"}};
  const auto header = letter_header(letter, "");
  for (const auto line : base::split(header, '\n')) {
    CHECK_FALSE(line.starts_with("Bcc"));
    CHECK_FALSE(line.starts_with("Bad"));
  }
}

TEST_CASE("letter: no line is longer than SMTP takes") {
  Letter letter;
  for (int i = 0; i < 300; ++i) letter.to.push_back("person" + std::to_string(i) + "@example.org");
  letter.subject = std::string(3000, 'x');
  letter.references = [] {
    std::string ids;
    for (int i = 0; i < 40; ++i) ids += "<message-" + std::to_string(i) + "@example.org> ";
    return ids;
  }();
  std::string words;
  for (int i = 0; i < 500; ++i) words += "word" + std::to_string(i) + " ";
  letter.fields = {{"X-Words", words}, {"X-Both", words + std::string(2000, 'y') + " end"}};
  const auto header = letter_header(letter, "");
  CHECK(longest_line(header) <= 998);
  CHECK(header.find("person299@example.org\n") != std::string::npos);
  CHECK(header.find("word499") != std::string::npos);
  for (const auto line : base::split(header, '\n'))
    CHECK((line.empty() || line[0] == ' ' || rfc::field_name_length(line) > 0));
  for (const auto line : base::split(header, '\n'))
    if (line.starts_with("To:") || line.starts_with(" person")) CHECK(line.size() <= 78);
}

TEST_CASE("letter: names longer than a line are folded, as encoded words") {
  Letter letter;
  const std::string name(1200, 'n');
  letter.to = {"a@x.test", name + " <b@x.test>", "\"" + std::string(3000, ',') + "\" <c@x.test>"};
  letter.fields = {{"Errors-To", name + " <d@x.test>"}};
  const auto header = reader::letter_header(letter, "");
  for (const auto line : base::split(header, '\n')) CHECK(line.size() <= 998);
  CHECK(header.find("To: a@x.test,\n =?UTF-8?B?bm5u") != std::string::npos);
  CHECK(header.find("?=\n <b@x.test>,") != std::string::npos);
  CHECK(header.find("?=\n <c@x.test>\n") != std::string::npos);
}
