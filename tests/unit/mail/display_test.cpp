#include "mail/display.h"

#include <doctest/doctest.h>

#include <string>

#include "mail/attachments.h"
#include "mail/mime_wire.h"

using reader::FieldList;
using reader::Look;
using reader::MimeMessage;
using reader::MimePart;

namespace {
MimePart part(std::string number, int depth, std::string type, std::string text = {}) {
  MimePart made;
  made.number = std::move(number);
  made.depth = depth;
  made.type = std::move(type);
  made.container = made.type.starts_with("multipart/") || made.type == "message/rfc822";
  made.shown = !text.empty();
  made.size = text.size();
  made.text = std::move(text);
  return made;
}

std::string shown(const MimeMessage& message, const Look& look = {}) {
  return reader::displayed_parts(message, {}, look,
                                 [](const std::string& html) { return "HTML " + html; });
}
}  // namespace

TEST_CASE("display: fields stand as they came unless their words are encoded") {
  FieldList fields;
  fields.ignored = {"received"};
  CHECK(
      reader::displayed_fields("Received: x\n by y\nSubject: =?utf-8?q?gr=C3=BC?=\n =?utf-8?q?n?=\n"
                               "To: a,\n\tb\nX: \x1b[2J\nbroken line\n\n",
                               fields, {}) == "Subject: grün\nTo: a,\n\tb\nX: ␛[2J\nbroken line\n");
  fields.retained = {"to"};
  CHECK(reader::displayed_fields("Subject: s\nto: a\n", fields, {}) == "to: a\n");
  CHECK(reader::displayed_fields("A: b", {}, Look{true}) == "\033[36mA:\033[0m b\n");
}

TEST_CASE("display: shown parts as text, a line for each other, nothing of attached messages") {
  MimeMessage message;
  message.parts = {part("", 0, "multipart/mixed"),  part("1", 1, "text/plain", "hello"),
                   part("2", 1, "application/pdf"), part("3", 1, "message/rfc822"),
                   part("3.1", 2, "text/plain"),    part("4", 1, "text/html", "<p>")};
  message.parts[2].name = "a\x1b.pdf";
  message.parts[2].size = 83'400;
  message.parts[2].attachment = message.parts[3].attachment = true;
  CHECK(shown(message) ==
        "hello\n\n[-- 2 a␛.pdf, application/pdf, 83 kB: `write`, `open` --]\n"
        "[-- 3 message/rfc822: `write`, `open` --]\n\nHTML <p>\n");
  REQUIRE(reader::attachments_of(message).size() == 2);
  CHECK(reader::attachments_of(message)[1]->number == "3");
}

TEST_CASE("display: a message in a message shows its header") {
  MimeMessage message;
  message.parts = {part("", 0, "message/rfc822", "Subject: in\n"),
                   part("1", 1, "text/plain", "text\n")};
  message.parts[0].size = 0;
  CHECK(shown(message) == "[-- 1 message/rfc822 --]\nSubject: in\n\ntext\n");
}

TEST_CASE("display: quotations are coloured in turn, and only where colours are on") {
  CHECK(reader::displayed_text("> a\n>> b\nc", Look{true}) ==
        "\033[32m> a\033[0m\n\033[33m>> b\033[0m\nc\n");
  CHECK(reader::displayed_text("> a", {}) == "> a\n");
  CHECK(reader::displayed_text("", {}) == "");
}

TEST_CASE("display: which messages are shown without the helper") {
  const struct {
    std::string_view header;
    bool plain;
  } table[] = {
      {"", true},
      {"Subject: x\n", true},
      {"Content-Type: text/plain; charset=\"UTF-8\"\nContent-Transfer-Encoding: 8bit\n", true},
      {"content-type: TEXT/PLAIN;\n charset=us-ascii\n", true},
      {"Content-Type: text/plain; charset=iso-8859-1\n", false},
      {"Content-Type: text/plain; charset=utf-8; format=flowed\n", false},
      {"Content-Transfer-Encoding: base64\n", false},
      {"Content-Type: text/html\n", false},
      {"Content-Type: multipart/mixed; boundary=x\n", false},
      {"Content-Disposition: attachment\n", false},
  };
  for (const auto& row : table) CHECK(reader::plain_message(row.header) == row.plain);
}

TEST_CASE("display: sizes") {
  CHECK(reader::size_text(0) == "0 bytes");
  CHECK(reader::size_text(1) == "1 byte");
  CHECK(reader::size_text(999) == "999 bytes");
  CHECK(reader::size_text(83'499) == "83 kB");
  CHECK(reader::size_text(1'250'000) == "1.3 MB");
}

TEST_CASE("a part's name becomes the name of a file in the folder at hand") {
  const struct {
    std::string_view name, safe;
  } table[] = {
      {"report.pdf", "report.pdf"},
      {"../../etc/passwd", "passwd"},
      {"C:\\x\\y.doc", "y.doc"},
      {".bashrc", "_bashrc"},
      {"-rf", "_rf"},
      {"..", "_."},
      {"a\nb\x1b", "a␊b␛"},
      {"", "part-1.2"},
      {"/", "part-1.2"},
      {"  ", "part-1.2"},
      {"日本語.pdf", "日本語.pdf"},
  };
  for (const auto& row : table) {
    MimePart named = part("1.2", 1, "x/y");
    named.name = row.name;
    CHECK(reader::safe_name(named) == row.safe);
  }
  MimePart endless = part("1", 1, "x/y");
  for (int i = 0; i < 100; ++i) endless.name.append("日本");
  CHECK(reader::safe_name(endless).size() == 198);
  CHECK(reader::file_name(part("2", 1, "text/html")) == "part-2.html");
  CHECK(reader::file_name(part("", 0, "x/y")) == "part");
}

TEST_CASE("wire: values come back, and what is cut short is nothing") {
  const std::string bytes =
      reader::WireWriter().number(7).text("").text("abc").number(~std::uint64_t{0}).take();
  reader::WireReader in(bytes);
  CHECK(in.number() == 7);
  CHECK(in.text() == "");
  CHECK(in.text() == "abc");
  CHECK(in.number() == ~std::uint64_t{0});
  CHECK(!in.number());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    reader::WireReader cut(std::string_view(bytes).substr(0, length));
    (void)cut.number();
    (void)cut.text();
    (void)cut.text();
    CHECK(!cut.number());
    CHECK(!cut.text());
  }
  const std::string huge = reader::WireWriter().number(~std::uint64_t{0} - 3).take();
  CHECK(!reader::WireReader(huge).text());
}
