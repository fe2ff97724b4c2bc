#include "sendmail/fixup.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "lib/base/text.h"

namespace {
using submit::HeaderFixup;

/// What stays of a header, and behind a '|' what is body.
std::string kept(std::string_view text, HeaderFixup fixup = HeaderFixup("lan.example", false)) {
  std::string out;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n') + 1);
    const auto taken = fixup.line(line, out);
    if (taken == HeaderFixup::Taken::end) text.remove_prefix(line.size());
    if (taken != HeaderFixup::Taken::yes) break;
    text.remove_prefix(line.size());
  }
  fixup.finish(out);
  return base::cat(out, text.empty() ? "" : "|", text);
}

HeaderFixup after(std::string_view header, bool collect = true) {
  HeaderFixup fixup("lan.example", collect);
  std::string out;
  while (!header.empty()) {
    const auto line = header.substr(0, header.find('\n') + 1);
    REQUIRE(fixup.line(line, out) == HeaderFixup::Taken::yes);
    header.remove_prefix(line.size());
  }
  fixup.finish(out);
  return fixup;
}
}  // namespace

TEST_CASE("fixup: fields stay to the byte, but addresses get their domain and secrets go") {
  const struct {
    std::string given, expected;
  } table[] = {
      {"Subject: x\n y\n", "Subject: x\n y\n"},
      {"To: bob,\n jim@x\n", "To: bob@lan.example,\n jim@x\n"},
      {"Bcc: a,\n b\nX: y\n", "X: y\n"},
      {"resent-BCC : a\nReturn-Path: <>\nContent-Length: 1\n", ""},
      {"From:\n \nX: y\n", "X: y\n"},
      {"From a\n>From b\nX: y\n", "X: y\n"},
      {"From a\n b\n", "| b\n"},
      {"From : a@x\n", "From : a@x\n"},
      {"X: y\nFrom a\n", "X: y\n|From a\n"},
      {"\xef\xbb\xbfX: y\n", "X: y\n"},
      {"X: y\n\xef\xbb\xbfX: y\n", "X: y\n|\xef\xbb\xbfX: y\n"},
      {"X: y\n\nbody\n", "X: y\n|body\n"},
      {" x\n", "| x\n"},
  };
  for (const auto& row : table) {
    CAPTURE(row.given);
    CHECK(kept(row.given) == row.expected);
  }
}

TEST_CASE("fixup: a long address field goes out in pieces, and its groups are known in each") {
  std::string field = "To: all: ", expected = field;
  for (int i = 0; i < 20000; ++i) {
    field += base::cat("user", i, ", ");
    expected += base::cat("user", i, "@lan.example, ");
  }
  field += "x;, y\n";
  expected += "x@lan.example;, y@lan.example\n";
  for (const std::size_t size : {1000U, 16384U, 40000U}) {
    HeaderFixup fixup("lan.example", false);
    std::string out, all;
    REQUIRE(fixup.line(field.substr(0, size), out) == HeaderFixup::Taken::yes);
    for (std::size_t at = size; at < field.size(); at += size) {
      fixup.more_of_line(std::string_view(field).substr(at, size), out);
      all += std::exchange(out, {});
      CHECK(all.size() + size + 20000 > at);  // nothing heaps up
    }
    fixup.finish(out);
    CHECK(all + out == expected);
  }
}

TEST_CASE("fixup: recipients are of Resent fields where there are any") {
  using Lists = std::vector<std::string>;
  CHECK(after("To: a\nCc: b\nBcc: c\n").recipient_fields() == Lists{" a\n", " b\n", " c\n"});
  CHECK(after("To: a\nResent-Bcc: b\nCc: c\n").recipient_fields() == Lists{" b\n"});
  CHECK(after("To: a\nResent-From: b\n").recipient_fields() == Lists{" a\n"});
  CHECK(after("To: a\n", false).recipient_fields().empty());
}

TEST_CASE("fixup: what is missing is added, of a resent message with its own stamps") {
  const submit::Origin origin{"Jane <j@x>", "now", "<1@x>"};
  CHECK(submit::missing_fields(after("X: y\n"), origin) ==
        "Date: now\nFrom: Jane <j@x>\nMessage-ID: <1@x>\n");
  CHECK(submit::missing_fields(after("DATE: y\nfrom: z@x\nmessage-id: <2@x>\n"), origin).empty());
  CHECK(submit::missing_fields(after("Date: y\nFrom: z@x\nMessage-ID: <2@x>\nResent-To: q@x\n"),
                               origin) ==
        "Resent-Date: now\nResent-From: Jane <j@x>\nResent-Message-ID: <1@x>\n");
}

TEST_CASE("fixup: MIME fields come where a body of 8 bits lacks them, and fit their room") {
  const auto fields = [](std::string_view header, bool eight_bit, bool utf8) {
    const auto text = submit::late_mime_fields(after(header), eight_bit, utf8);
    CHECK(text.size() <= submit::late_mime_room);
    return text;
  };
  CHECK(fields("X: y\n", false, true).empty());
  CHECK(fields("X: y\n", true, true) ==
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit\n");
  CHECK(fields("mime-version: 1.0\n", true, false) ==
        "Content-Type: text/plain; charset=unknown-8bit\nContent-Transfer-Encoding: 8bit\n");
  CHECK(fields("Content-Type: text/html\nContent-Transfer-Encoding: 8bit\nMIME-Version: 1.0\n",
               true, true)
            .empty());
}
