#include "mail/content.h"

#include <doctest/doctest.h>

#include <string>

using reader::attachment_entity;
using reader::Content;
using reader::text_entity;
using reader::type_of_name;

namespace {
Content content(std::string_view text, std::size_t step = 1) {
  Content seen;
  for (std::size_t i = 0; i < text.size(); i += step) seen.append(text.substr(i, step));
  seen.finish();
  return seen;
}
}  // namespace

TEST_CASE("content: a text says its charset and travels in the encoding that changes nothing") {
  const std::string long_line(999, 'x');
  const struct {
    std::string_view text, charset, encoding;
  } table[] = {
      {"hi\n", "us-ascii", "7bit"},
      {"", "us-ascii", "7bit"},
      {"gr\xc3\xbc\n", "utf-8", "8bit"},
      {"gr\xfc\n", "unknown-8bit", "8bit"},
      {"gr\xc3", "unknown-8bit", "8bit"},
      {"\x1b[31m\n", "us-ascii", "quoted-printable"},
      {"a\r\n", "us-ascii", "quoted-printable"},
      {std::string_view("\0", 1), "us-ascii", "quoted-printable"},
      {long_line, "us-ascii", "quoted-printable"},
      {"tab\there\n", "us-ascii", "7bit"},
  };
  for (const auto& row : table) {
    for (const std::size_t step : {1, 2, 100}) {
      const auto entity = text_entity("text/plain", content(row.text, step));
      CHECK(entity.charset == row.charset);
      CHECK(entity.encoding == row.encoding);
      CHECK(entity.type == "text/plain");
    }
  }
  CHECK(text_entity("text/html; charset=latin1", content("x")).charset == "");
  CHECK(text_entity("application/json", content("{}")).charset == "");
  CHECK(text_entity("text/plain\nBcc: x", content("x")).type == "text/plain?Bcc: x");
}

TEST_CASE("content: attachments are what their names say, and arrive as they were") {
  const auto entity = [](std::string_view name, std::string_view text, std::string_view type = {}) {
    return attachment_entity({"path", std::string(name), std::string(type), ""}, content(text));
  };
  CHECK(entity("a.PDF", "%PDF").type == "application/pdf");
  CHECK(entity("a.PDF", "%PDF").encoding == "base64");
  CHECK(entity("notes", "text\n").type == "text/plain");
  CHECK(entity("notes", "text\n").encoding == "7bit");
  CHECK(entity("notes", std::string_view("\0\1", 2)).type == "application/octet-stream");
  CHECK(entity("a.txt", "gr\xc3\xbc\n").charset == "utf-8");
  CHECK(entity("a.txt", "dos\r\n").encoding == "base64");
  CHECK(entity("a.txt", "gr\xfc\n").encoding == "base64");
  CHECK(entity("a.txt", "gr\xfc\n").charset == "");
  CHECK(entity("m", "S: x\n\nb\n", "message/rfc822").encoding == "7bit");
  CHECK(entity("m", "S: x\n\n" + std::string(2000, 'b'), "message/rfc822").type ==
        "application/octet-stream");
  for (const std::string_view text : {"From here\n", "a\n\nFrom \n", "x\nFrom x"})
    CHECK(entity("a.txt", text).encoding == "quoted-printable");
  for (const std::string_view text : {"from x\n", " From x\n", "FroFrom x\n", "Fro\nm x\n", "From"})
    CHECK(entity("a.txt", text).encoding == "7bit");
  CHECK(type_of_name("none") == "");
  CHECK(entity("a\nBcc: x\x1b\xff.txt", "x").name == "a?Bcc: x??.txt");
  CHECK(attachment_entity({"p", "a.txt", "", "x\nY: z"}, content("x")).charset == "x?Y: z");
}
