#include "lib/rfc/header.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

namespace {
using namespace std::string_literals;
using base::cat;
using rfc::Field;

std::string base64_decoded(std::string_view text) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<unsigned>(digits.find(c));
    if ((count += 6) >= 8) out.push_back(static_cast<char>(bits >> (count -= 8) & 255));
  }
  return out;
}

std::string q_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out.push_back(text[i] == '_' ? ' ' : text[i]);
      continue;
    }
    out.push_back(static_cast<char>(base::to_number<int>(text.substr(i + 1, 2), 16).value()));
    i += 2;
  }
  return out;
}

/// Text of encoded words joined by "\n "; checks the form of each.
std::string decoded(std::string_view text) {
  std::string out;
  for (auto word : base::split(text, '\n')) {
    if (word.starts_with(' ')) word.remove_prefix(1);
    CHECK(word.size() <= 75);
    REQUIRE(word.starts_with("=?UTF-8?"));
    REQUIRE(word.ends_with("?="));
    CHECK(word.find(' ') == std::string_view::npos);
    const auto payload = word.substr(10, word.size() - 12);
    const auto piece = word[8] == 'Q' ? q_decoded(payload) : base64_decoded(payload);
    CHECK(base::valid_utf8(piece));
    out += piece;
  }
  return out;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all.append(text);
  return all;
}
}  // namespace

TEST_CASE("field name: a line begins a field if printable ASCII stands before a colon") {
  const struct {
    std::string line;
    std::size_t length;
  } table[] = {
      {"To: x", 2},
      {"To:", 2},
      {"To :x", 2},
      {"To \t : x", 2},
      {"X-a!#~: y", 6},
      {"", 0},
      {":", 0},
      {" To: x", 0},
      {"To", 0},
      {"To x: y", 0},
      {"From joe Mon Nov", 0},
      {"From joe Mon 10:20", 0},
      {">From: x", 5},
      {"T\xc3\xb6: x", 0},
      {"T\0: x"s, 0},
      {"T\x7f: x", 0},
      {"\ttab: x", 0},
      {"http://x", 4},
      {"To\n: x", 0},
  };
  for (const auto& row : table) {
    CAPTURE(row.line);
    CHECK(rfc::field_name_length(row.line) == row.length);
  }
}

TEST_CASE("field: names are known in letters of any case") {
  const struct {
    std::string_view name;
    Field field;
    bool addresses;
  } table[] = {
      {"from", Field::from, true},
      {"SENDER", Field::sender, true},
      {"Reply-to", Field::reply_to, true},
      {"tO", Field::to, true},
      {"CC", Field::cc, true},
      {"bCC", Field::bcc, true},
      {"Date", Field::date, false},
      {"Message-Id", Field::message_id, false},
      {"return-path", Field::return_path, true},
      {"Content-length", Field::content_length, false},
      {"Mime-Version", Field::mime_version, false},
      {"content-type", Field::content_type, false},
      {"Content-Transfer-encoding", Field::content_transfer_encoding, false},
      {"received", Field::received, false},
      {"delivered-to", Field::delivered_to, false},
      {"errors-to", Field::errors_to, true},
      {"resent-from", Field::resent_from, true},
      {"resent-sender", Field::resent_sender, true},
      {"resent-reply-to", Field::resent_reply_to, true},
      {"resent-to", Field::resent_to, true},
      {"resent-cc", Field::resent_cc, true},
      {"resent-bcc", Field::resent_bcc, true},
      {"resent-date", Field::resent_date, false},
      {"resent-message-id", Field::resent_message_id, false},
      {"Subject", Field::other, false},
      {"Tos", Field::other, false},
      {"", Field::other, false},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    CHECK(rfc::field_of(row.name) == row.field);
    CHECK(rfc::holds_addresses(row.field) == row.addresses);
  }
}

TEST_CASE("unfolded: each line end with the blanks around it is one space") {
  const struct {
    std::string body, expected;
  } table[] = {
      {"", ""},
      {" \n\t \n", ""},
      {" a \n", "a"},
      {"a\n b", "a b"},
      {"a \t\n\t  b\n", "a b"},
      {"a\n \n \n b", "a b"},
      {"a\r\n b\r\n", "a b"},
      {"a  b\tc", "a  b\tc"},
      {"a\nb", "a b"},
      {"a\rb", "a\rb"},
      {"a\n\0"s, "a \0"s},
  };
  for (const auto& row : table) {
    CAPTURE(row.body);
    CHECK(rfc::unfolded(row.body) == row.expected);
  }
  CHECK(rfc::unfolded(cat("a", repeated(" \n", 500'000), "b")) == "a b");
}

TEST_CASE("encoded text: printable ASCII stays") {
  for (const std::string text : {"", "a", " two  words ", "=?UTF-8?Q?x?=", "~!\"\\"}) {
    CAPTURE(text);
    CHECK(rfc::encoded_text(text) == text);
  }
}

TEST_CASE("encoded text: controls become spaces and what is not UTF-8 question marks") {
  const struct {
    std::string text, expected;
  } table[] = {
      {"a\r\nBcc: x", "a  Bcc: x"}, {"a\0b\x7f\x1b"s, "a b  "}, {"a\xff\xc3z", "a??z"},
      {"a\xc2\x9bz", "a z"},        {"\xed\xa0\x80", "???"},    {"a\tb", "a b"},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(rfc::encoded_text(row.text) == row.expected);
  }
  CHECK(decoded(rfc::encoded_text("\xc3\xb6\n\xff")) == "\xc3\xb6 ?");
}

TEST_CASE("encoded text: the shorter of Q and B is taken") {
  CHECK(rfc::encoded_text("Gr\xc3\xbc\xc3\x9f"
                          "e aus der Stadt") == "=?UTF-8?B?R3LDvMOfZSBhdXMgZGVyIFN0YWR0?=");
  CHECK(rfc::encoded_text("a plain text with one \xc3\xb6") ==
        "=?UTF-8?Q?a_plain_text_with_one_=C3=B6?=");
  CHECK(rfc::encoded_text("\xe2\x82\xac\xe2\x82\xac") == "=?UTF-8?B?4oKs4oKs?=");
}

TEST_CASE("encoded text: words decode to the text and hold whole characters, for any length") {
  for (const std::string_view character : {"\xc3\xb6", "\xe2\x82\xac", "\xf0\x9f\x93\xae"}) {
    for (std::size_t length = 1; length < 200; ++length) {
      const std::string dense = repeated(character, length);
      const std::string sparse = cat(character, repeated("x_ =?", length / 2), character);
      CHECK(decoded(rfc::encoded_text(dense)) == dense);
      CHECK(decoded(rfc::encoded_text(sparse)) == sparse);
    }
  }
}

TEST_CASE("encoded text: a megabyte is encoded in one go") {
  CHECK(rfc::encoded_text(repeated("\xc3\xb6", 500'000)).size() > 1'000'000);
}
