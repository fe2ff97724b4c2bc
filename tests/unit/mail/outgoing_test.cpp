#include "mail/outgoing.h"

#include <doctest/doctest.h>

#include "mail/resend.h"
#include "mail/template.h"

using reader::Addresses;
using reader::BodyFacts;
using reader::Letter;
using Encoding = reader::BodyEntity::Encoding;

namespace {
BodyFacts facts_of(std::string_view text) {
  reader::BodyScan scan;
  scan.append(text);
  return scan.finish();
}
}  // namespace

TEST_CASE("outgoing: MIME fields say what the body is") {
  struct Row {
    std::string_view body, type, encoding;
    Encoding how;
  };
  const Row rows[] = {
      {"hi\n", "text/plain; charset=us-ascii", "7bit", Encoding::none},
      {"Grüße\n", "text/plain; charset=utf-8", "8bit", Encoding::none},
      {"h\xe9llo\n", "text/plain; charset=unknown-8bit", "8bit", Encoding::none},
      {"a\rb\n", "text/plain; charset=us-ascii", "quoted-printable", Encoding::quoted_printable},
      {"no end", "text/plain; charset=us-ascii", "quoted-printable", Encoding::quoted_printable},
  };
  for (const auto& row : rows) {
    const auto entity = reader::entity_of(Letter(), facts_of(row.body), "unknown-8bit");
    CHECK(entity.header == "MIME-Version: 1.0\nContent-Type: " + std::string(row.type) +
                               "\nContent-Transfer-Encoding: " + std::string(row.encoding) + "\n");
    CHECK(entity.encoding == row.how);
  }
}

TEST_CASE("outgoing: what the author says of the body counts") {
  Letter letter;
  letter.fields = {{"content-type", "text/html"}};
  CHECK(
      reader::entity_of(letter, facts_of("x\n"), "").header.find("text/html; charset=us-ascii\n") !=
      std::string::npos);
  letter.fields = {{"Content-Type", "text/html; charset=UTF-8"},
                   {"Content-Transfer-Encoding", "base64"},
                   {"MIME-Version", "1.0"}};
  const auto encoded = reader::entity_of(letter, facts_of("aGk="), "");
  CHECK(encoded.encoding == Encoding::none);
  CHECK(encoded.header ==
        "MIME-Version: 1.0\nContent-Type: text/html; charset=UTF-8\n"
        "Content-Transfer-Encoding: base64\n");
  letter.fields = {{"Content-Type", "multipart/mixed; boundary=x"}};
  CHECK(reader::entity_of(letter, facts_of("--x\r\n"), "").encoding == Encoding::none);
  letter.fields = {{"Content-Type", "application/pdf"}};
  CHECK(reader::entity_of(letter, facts_of("%PDF\r\n"), "").encoding == Encoding::base64);
}

TEST_CASE("outgoing: fields with a place of their own go there") {
  Letter letter;
  letter.to = {"a"};
  letter.subject = "old";
  letter.from = "me";
  letter.fields = {{"To", "b@x, C <c@x>"},
                   {"BCC", "d"},
                   {"Subject", "new"},
                   {"From", "You <you@x>"},
                   {"X-Loop", "foo"}};
  REQUIRE(reader::adopt_fields(letter));
  CHECK(letter.to == Addresses{"a", "b@x", "C <c@x>"});
  CHECK(letter.bcc == Addresses{"d"});
  CHECK(letter.subject == "new");
  CHECK(letter.from == "You <you@x>");
  REQUIRE(letter.fields.size() == 1);
  CHECK(letter.fields[0].name == "X-Loop");
  letter.fields = {{"Cc", "|touch x"}};
  CHECK_FALSE(reader::adopt_fields(letter));
}

TEST_CASE("outgoing: text of other charsets becomes UTF-8") {
  reader::Session session;
  CHECK(reader::as_utf8(session, "Grüße") == "Grüße");
  CHECK(reader::as_utf8(session, "h\xe9") == "hé");
  CHECK(reader::legacy_charset(session) == "unknown-8bit");
  session.terminal.charset = "koi8-r";
  CHECK(reader::legacy_charset(session) == "koi8-r");
  CHECK(reader::as_utf8(session, "\xcd\xc9\xd2") == "мир");
  session.variables.set("ttycharset", "ISO-8859-15");
  CHECK(reader::legacy_charset(session) == "iso-8859-15");
}

TEST_CASE("template: a header at the start of a text") {
  using reader::template_header_size;
  CHECK(template_header_size("To: a\nSubject: b\n\nbody\n") == 18);
  CHECK(template_header_size("To: a\n b\n\nx") == 10);
  CHECK(template_header_size("From x Mon\nTo: a\n\n") == 18);
  CHECK(template_header_size("no header\n") == 0);
  CHECK(template_header_size("To: a\nno header\n") == 6);
  CHECK(template_header_size("To: a") == 5);
  CHECK(template_header_size("\nbody") == 0);
  CHECK(template_header_size("") == 0);
  Letter letter;
  REQUIRE(reader::read_template(
      "From x Mon\r\nTo: a,\r\n b@x\r\nSubject: s\r\nReceived: y\r\nX: z\r\n\r\n", letter));
  CHECK(letter.to == Addresses{"a", "b@x"});
  CHECK(letter.subject == "s");
  REQUIRE(letter.fields.size() == 1);
  CHECK(letter.fields[0].body == "z");
  CHECK_FALSE(reader::read_template("To: /tmp/x\n", letter));
}

TEST_CASE("resend: what the mailbox added stays behind") {
  CHECK(reader::resent_text(
            "Return-Path: <a>\nStatus: RO\nSubject: x\nX-Status: A\n y\nBcc: z\n\nb\n",
            "Resent-To: q\n") == "Resent-To: q\nSubject: x\n\nb\n");
  CHECK(reader::resent_text("Subject: x\n", "") == "Subject: x\n\n");
}
