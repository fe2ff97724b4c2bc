#include "spool/mime.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

namespace {
using base::cat;
using spool::Composition;
using spool::Declared;

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all.append(text);
  return all;
}
}  // namespace

TEST_CASE("part header: the media type tells what a part is made of and whether it is sealed") {
  const struct {
    std::string_view header;
    Composition composition;
    bool sealed;
  } table[] = {
      {"", Composition::leaf, false},
      {"Subject: multipart/signed\n", Composition::leaf, false},
      {"Content-Type: text/plain; x=multipart/signed\n", Composition::leaf, false},
      {"content-type :\n  Multipart/MIXED;\n boundary=x\n", Composition::multipart, false},
      {"Content-Type: multipart/mixed\n", Composition::leaf, false},
      {"Content-Type: multipart/mixed; boundary=\"\"\n", Composition::leaf, false},
      {"Content-Type: (c (d\\) e) ) multipart (x) / (y) signed; boundary=z\n",
       Composition::multipart, true},
      {"Content-Type: message/rfc822\n", Composition::message, false},
      {"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n", Composition::leaf,
       false},
      {"Content-Type: message/global\n", Composition::leaf, false},
      {"Content-Type: message/partial; id=x\n", Composition::fixed, false},
      {"Content-Type: multipart/encrypted", Composition::leaf, true},
      {"Content-Type: application/pkcs7-mime; smime-type=x\n", Composition::leaf, true},
      {"Content-Type: application/X-PKCS7-mime\n", Composition::leaf, true},
      {"Content-Type: text/plain\nContent-Type: multipart/signed; boundary=x\n", Composition::leaf,
       true},
      {"X: a\n Content-Type: multipart/signed\n", Composition::leaf, false},
      {"Content-Type: (unbalanced multipart/signed", Composition::leaf, false},
      {"Content-Type:", Composition::leaf, false},
  };
  for (const auto& row : table) {
    CAPTURE(row.header);
    const auto part = spool::part_header(row.header, false);
    CHECK(part.composition == row.composition);
    CHECK(part.sealed == row.sealed);
    CHECK_FALSE(part.signature);
  }
  CHECK(spool::part_header("To: a\ndkim-signature:\n v=1\n", false).signature);
  CHECK(spool::part_header("To: a\n", true).composition == Composition::message);
  CHECK(spool::part_header("Content-Type: text/plain\n", true).composition == Composition::leaf);
}

TEST_CASE("part header: a body already encoded is known") {
  const struct {
    std::string_view encoding;
    Declared declared;
  } table[] = {
      {"7bit", Declared::identity},    {" 8BIT", Declared::identity},
      {"", Declared::identity},        {" (x) binary (y)\n", Declared::identity},
      {" utf-8", Declared::identity},  {"\n  7bit ; x\n", Declared::identity},
      {"base64", Declared::base64},    {" Quoted-Printable\n", Declared::quoted_printable},
      {"x-uuencode", Declared::other}, {"x-own", Declared::other},
  };
  for (const auto& row : table) {
    CAPTURE(row.encoding);
    const auto header = cat("Content-Transfer-Encoding:", row.encoding);
    CHECK(spool::part_header(header, false).declared == row.declared);
  }
}

TEST_CASE("parameter: quoted or not, in any order, among comments") {
  const struct {
    std::string_view field, expected;
  } table[] = {
      {"C: a/b; boundary=x", "x"},
      {"C: a/b; BOUNDARY = x ; y=z\n", "x"},
      {"C: a/b;\n\tcharset=\"; boundary=no\";\n boundary=\"a b;\\\"c\\\\\"\n", "a b;\"c\\"},
      {"C: a/b (; boundary=no); boundary=(c)x", "x"},
      {"C: a/b; boundary=x y", "x"},
      {"C: a/b; boundary=x; boundary=y", "x"},
      {"C: a/b; xboundary=n; boundary=_=/:?x", "_=/:?x"},
      {"C: a/b; boundary=\"open", "open"},
      {"C: a/b", "none"},
      {"C: a/b; boundary*=x", "none"},
      {"C: a/b; boundary", ""},
  };
  for (const auto& row : table) {
    CAPTURE(row.field);
    CHECK(spool::parameter(row.field, "boundary").value_or("none") == row.expected);
  }
}

TEST_CASE(
    "with_transfer_encoding: replaces the encoding where it stands, and adds what is missing") {
  const struct {
    std::string_view header, expected;
  } table[] = {
      {"", "MIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n"},
      {"To: a",
       "To: a\nMIME-Version: 1.0\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n"},
      {"mime-version: 1.0\nCONTENT-TRANSFER-ENCODING :\n 8bit\nContent-Type: "
       "text/html;\n\tx=y\nTo: a\n",
       "mime-version: 1.0\nContent-Transfer-Encoding: base64\nContent-Type: text/html;\n\tx=y\nTo: "
       "a\n"},
      {"Content-Transfer-Encoding: 8bit\nContent-Transfer-Encoding: 7bit\nMIME-Version: "
       "1.0\nContent-Type: a/b",
       "Content-Transfer-Encoding: base64\nMIME-Version: 1.0\nContent-Type: a/b\n"},
  };
  for (const auto& row : table) {
    CAPTURE(row.header);
    const auto header = spool::with_transfer_encoding(row.header, "base64", true);
    CHECK(header == row.expected);
    CHECK(spool::with_transfer_encoding(header, "base64", true) == header);
    CHECK(spool::part_header(header, false).declared == Declared::base64);
  }
  CHECK(spool::with_transfer_encoding("A: b\n", "7bit", false) ==
        "A: b\nContent-Transfer-Encoding: 7bit\n");
}

TEST_CASE("part header: a header of many lines is read in one pass") {
  CHECK(spool::part_header(repeated("Content-Type: a/b\n x\n", 50'000), false).composition ==
        Composition::leaf);
  CHECK(spool::part_header(cat("Content-Type: multipart/x", repeated("(", 1'000'000)), false)
            .composition == Composition::leaf);
  CHECK(spool::part_header(cat("Content-Type: multipart/x", repeated(";", 1'000'000)), false)
            .composition == Composition::leaf);
}
