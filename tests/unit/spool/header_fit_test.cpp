#include "spool/header_fit.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

namespace {
using namespace std::string_literals;
using base::cat;

std::string ascii(std::string_view header) {
  const auto fitted = spool::fit_header(header, true);
  return fitted.address ? "address" : fitted.text;
}
}  // namespace

TEST_CASE("fit_header: 8-bit text finds its form in each kind of field") {
  const std::pair<std::string, std::string> table[] = {
      {"A: b\n c\n", "A: b\n c\n"},
      {"Subject: a \xc3\xa9 b\n", "Subject: a =?UTF-8?B?w6k=?= b\n"},
      {"Subject: \xc3\xa9\n\tx \xc3\xa9\n", "Subject: =?UTF-8?B?w6kgeCDDqQ==?=\n"},
      {"Subject: =?utf-8?q?a?= \xc3\xa9\n", "Subject: =?utf-8?q?a?= =?UTF-8?B?IMOp?=\n"},
      {"X: \xe9\xff\n", "X: =?unknown-8bit?Q?=E9=FF?=\n"},
      {"From: J\xc3\xb6 M <a@b>, c@d\n", "From: =?UTF-8?B?SsO2IE0=?= <a@b>, c@d\n"},
      {"From: \"M, \xc3\xb6\" <a@b>\n", "From: =?UTF-8?B?TSwgw7Y=?= <a@b>\n"},
      {"From: a@b (x \xc3\xb6)\n", "From: a@b (x =?UTF-8?B?w7Y=?=)\n"},
      {"From: a@b,\n \xc3\xb6 <c@d>\n", "From: a@b,\n =?UTF-8?B?w7Y=?= <c@d>\n"},
      {"To: \xc3\xb6: a@b;\n", "To: =?UTF-8?B?w7Y=?=: a@b;\n"},
      {"To: \xc3\xb6@b\n", "address"},
      {"To: a@\xc3\xb6\n", "address"},
      {"To: x <a@\xc3\xb6>\n", "address"},
      {"To: \"\xc3\xb6\"@b\n", "address"},
      {"From: \"evil@x.com, D\" =?utf-8?q?x?= \xc3\xb6 <a@b>\n",
       "From: \"evil@x.com, D\" =?utf-8?q?x?= =?UTF-8?B?IMO2?= <a@b>\n"},
      {"From: \xc3\xb6 =?utf-8?q?x?= a \"b,\" <a@b>\n",
       "From: =?UTF-8?B?w7Yg?= =?utf-8?q?x?= a \"b,\" <a@b>\n"},
      // What is malformed is nobody's address.
      {"To: J\xc3\xb6rg M\n", "To: =?UTF-8?B?SsO2cmc=?= M\n"},
      {"To: x \xc3\xb6 M a@b.c\n", "To: x =?UTF-8?B?w7Y=?= M a@b.c\n"},
      {"Cc: \"\xc3\xb6\" a@b.c\n", "Cc: =?UTF-8?B?w7Y=?= a@b.c\n"},
      {"To: <a@b.c> \xc3\xb6, \"x,\" <d@e>\n", "To: <a@b.c> =?UTF-8?B?w7Y=?=, \"x,\" <d@e>\n"},
      {"To: \xc3\xb6 M (a@b.c)\n", "To: =?UTF-8?B?w7Y=?= M (a@b.c)\n"},
      {"Errors-To: \xc3\xb6\n", "Errors-To: =?UTF-8?B?w7Y=?=\n"},
      {"To: a@[\xc3\xb6\n", "To: =?UTF-8?B?YUBbw7Y=?=\n"},
      {"To: \xc3\xb6 M, a@\xc3\xb6\n", "address"},
      {"Subject: a  b   \xc3\xb6  c  \xc3\xb6   d\n",
       "Subject: a  b   =?UTF-8?B?w7YgIGMgIMO2?=   d\n"},
      {"Content-Type: a/b; name=\"\xc3\xa9.txt\"; x=y\n",
       "Content-Type: a/b;\n name*=utf-8''%C3%A9.txt; x=y\n"},
      {"Content-Disposition: inline; filename=\xe9\n",
       "Content-Disposition: inline;\n filename*=unknown-8bit''%E9\n"},
      {"Message-ID: <\xc3\xa9@x>\n", "Message-ID: <=C3=A9@x>\n"},
      {"References: <\xc3\xa9@x>\n", "References: <=C3=A9@x>\n"},
      {"Received: from \xe9\n", "Received: from =E9\n"},
      {"A: b\0c\n"s, "A: b?c\n"},
      {"Content-Type: ;x=\xe9\n", "Content-Type: ;\n x*=unknown-8bit''%E9\n"},
      {"Content-Type: ;\xe9;\n", "Content-Type: ;=E9;\n"},
  };
  for (const auto& [header, expected] : table) {
    CAPTURE(header);
    CHECK(ascii(header) == expected);
    if (expected != "address") CHECK(ascii(expected) == expected);
  }
  CHECK(spool::fit_header("Subject: \xc3\xa9\n", false).text == "Subject: \xc3\xa9\n");
}

TEST_CASE("fit_header: very many comments are no work") {
  std::string comments;
  for (int i = 0; i < 300'000; ++i) comments += "(a)";
  CHECK(ascii(cat("From: \xc3\xb6", comments, " <a@b>\n"))
            .starts_with("From: =?UTF-8?B?w7Y=?=(a)(a)"));
}

TEST_CASE("fit_header: a long file name goes in pieces") {
  const auto text = ascii(cat("Content-Type: a/b; name=\"\xc3\xa9", std::string(100, 'x'), "\"\n"));
  CHECK(text == cat("Content-Type: a/b;\n name*0*=utf-8''%C3%A9", std::string(48, 'x'),
                    ";\n name*1*=", std::string(52, 'x'), "\n"));
}

TEST_CASE("fit_header: long lines are folded at blanks, outside quotes where that can be") {
  const auto fitted = [](std::string_view header) { return spool::fit_header(header, false).text; };
  const std::string long_word(600, 'w'), quoted = cat("\"a ", std::string(600, 'q'), "\"");
  CHECK(fitted(cat("X: ", long_word, " ", long_word, "\n")) ==
        cat("X: ", long_word, "\n ", long_word, "\n"));
  CHECK(fitted(cat("X: ", long_word, "\t", quoted, "\n")) ==
        cat("X: ", long_word, "\n\t", quoted, "\n"));
  // Inside of quotes only where there is no other place.
  CHECK(fitted(cat("X:", long_word, quoted, "\n")) ==
        cat("X:", long_word, "\"a\n ", quoted.substr(3), "\n"));
  // An address list between its addresses, with or without blanks.
  std::string list, folded;
  for (int i = 0; i < 100; ++i) list += "\"a,b\"<a0123456789@x.test>,";
  for (const char c : fitted(cat("To: ", list, "b@x\n"))) folded += c;
  CHECK(folded.find(">,\n \"a,b\"<") < 998);
  CHECK(fitted(folded) == folded);
  std::string joined = folded;
  for (auto at = joined.find("\n "); at != std::string::npos; at = joined.find("\n "))
    joined.erase(at, 2);
  CHECK(joined == cat("To: ", list, "b@x\n"));
  for (const auto line : base::split(folded, '\n')) CHECK(line.size() <= 998);
  const std::string full = cat("To: ", std::string(994, 'a'));
  CHECK(fitted(cat(full, ",b\n")) == cat(full, ",b\n"));  // the comma has no place
  CHECK(fitted(cat(full.substr(1), ",b\n")) == cat(full.substr(1), ",b\n"));
  CHECK(fitted(cat("To:", full.substr(4), ",b\n")) == cat("To:", full.substr(4), ",\n b\n"));
  // No blank that text follows: left for the wire to break.
  for (const auto& hard :
       {cat("X: ", std::string(2000, 'x'), "\n"), cat("X:", std::string(2000, 'x'), "\n")})
    CHECK(fitted(hard) == hard);
  CHECK(fitted(cat("X: y", std::string(2000, ' '), "\n")) == "X: y\n");
  CHECK(fitted(cat("X: ", std::string(995, 'x'), "\n")) == cat("X: ", std::string(995, 'x'), "\n"));
}
