#include "mail/encoded_word.h"

#include <doctest/doctest.h>

#include <string>

#include "lib/rfc/header.h"

using reader::decoded_words;

TEST_CASE("encoded words are decoded and what stands between them goes (RFC 2047)") {
  const struct {
    std::string_view body, text;
  } table[] = {
      {" plain\n", "plain"},
      {" folded\n text\n", "folded text"},
      {"=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?=", "Grüße aus"},
      {"=?UTF-8?b?R3LDvMOfZQ==?=", "Grüße"},
      {"=?iso-8859-1?q?a?= b", "a b"},
      {"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},
      {"=?utf-8?q?a?=\n =?iso-8859-1?q?b?=", "ab"},
      {"=?utf-8?q?a_?= =?utf-8?q?b?=", "a b"},
      {"x =?utf-8?q?=C3?= =?utf-8?q?=BC?= y", "x ü y"},  // cut within a character
      {"=?utf-8?b?w7w?=", "ü"},                          // without its padding
      {"=?iso-8859-1?q?=FC?=", "ü"},
      {"=?utf-8*de?q?=C3=BC?=", "ü"},  // RFC 2231's language
      {"=?utf-8?q?a?=x=?utf-8?q?b?=", "axb"},
      {"=?utf-8?x?a?=", "=?utf-8?x?a?="},
      {"=?utf-8?q?a b?=", "=?utf-8?q?a b?="},
      {"=?utf-8?q?unfinished", "=?utf-8?q?unfinished"},
      {"=? =?utf-8?q?a?=", "=? a"},
      {"=?=?=?", "=?=?=?"},
      {"=?utf-8?q?=4?= =?utf-8?q?=ZZ?=", "=4=ZZ"},
      {"gr\xc3\xbc =?utf-8?q?a?=", "grü a"},
      {"gr\xfc =?utf-8?q?a?=", "grü a"},
      {"=?utf-8?q?a?= ", "a"},
      {"=?utf-8?q?"
       "?=",
       ""},
      {"", ""},
  };
  for (const auto& row : table) CHECK(decoded_words(row.body) == row.text);
}

TEST_CASE("what we encode is what we decode") {
  const std::string text = "Ünïcödé 東京 and a long tail that needs several encoded words, ☕ even";
  CHECK(decoded_words(rfc::encoded_text(text)) == text);
}

TEST_CASE("hostile header text is read in linear time") {
  std::string many, nested;
  for (int i = 0; i < 200'000; ++i) many.append("=?");
  for (int i = 0; i < 100'000; ++i) nested.append("=?a?q?");
  CHECK(decoded_words(many).size() == many.size());
  CHECK(decoded_words(nested).size() == nested.size());
}
