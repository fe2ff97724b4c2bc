#include "mail/body.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

using reader::BodyFacts;

namespace {
BodyFacts facts_of(std::string_view text, std::size_t step) {
  reader::BodyScan scan;
  for (std::size_t at = 0; at < text.size(); at += step) scan.append(text.substr(at, step));
  return scan.finish();
}

template <typename Encoder>
std::string encoded(std::string_view text, std::size_t step = 1000) {
  Encoder encoder;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += step) encoder.append(text.substr(at, step), out);
  encoder.finish(out);
  return out;
}
std::string quoted(std::string_view text) { return encoded<reader::QuotedPrintable>(text); }
}  // namespace

TEST_CASE("body: what is in it is seen, however it comes in pieces") {
  for (const std::size_t step : {1, 2, 3, 1000}) {
    const auto plain = facts_of("one\nthree four\n", step);
    CHECK(plain.plain());
    CHECK(plain.lines == 2);
    CHECK(plain.bytes == 15);
    CHECK(plain.longest == 10);
    CHECK_FALSE(plain.eight_bit);
    const auto utf8 = facts_of("Grüße € 𝄞\n", step);
    CHECK(utf8.eight_bit);
    CHECK(utf8.utf8);
    CHECK_FALSE(facts_of("h\xe9llo\n", step).utf8);
    CHECK_FALSE(facts_of("cut \xe2\x82", step).utf8);
    CHECK_FALSE(facts_of("a\rb\n", step).plain());
    CHECK_FALSE(facts_of(std::string_view("a\0b\n", 4), step).plain());
    CHECK_FALSE(facts_of("no end", step).plain());
  }
  CHECK(facts_of("", 1).plain());
  CHECK(facts_of(std::string(998, 'x') + "\n", 7).plain());
  CHECK_FALSE(facts_of(std::string(999, 'x') + "\n", 7).plain());
}

TEST_CASE("body: quoted-printable text") {
  struct Row {
    std::string_view text, expected;
  };
  const Row rows[] = {
      {"a=b\n", "a=3Db\n"},
      {"caf\xc3\xa9\n", "caf=C3=A9\n"},
      {"end \n", "end=20\n"},
      {"tab\t\n", "tab=09\n"},
      {"a \tb\n", "a \tb\n"},
      {"From me\n", "=46rom me\n"},
      {"Fro", "Fro=\n"},
      {"From", "From=\n"},
      {"Frost\n", "Frost\n"},
      {".\n", "=2E\n"},
      {"no end", "no end=\n"},
      {"a\r\n", "a=0D\n"},
      {std::string_view("\0", 1), "=00=\n"},
      {"", ""},
      {"\n\n", "\n\n"},
      {"end ", "end=20=\n"},
  };
  for (const auto& [text, expected] : rows) {
    CHECK(quoted(text) == expected);
    CHECK(encoded<reader::QuotedPrintable>(text, 1) == expected);
  }
  const auto lines = quoted(std::string(5000, '=') + "\n");
  for (const auto line : base::split(lines, '\n')) CHECK(line.size() <= 76);
}

TEST_CASE("body: base64 in lines") {
  CHECK(encoded<reader::Base64>("hello") == "aGVsbG8=\n");
  const std::string bytes(200, '\xff');
  const auto text = encoded<reader::Base64>(bytes, 7);
  CHECK(text == encoded<reader::Base64>(bytes));
  for (const auto line : base::split(text, '\n')) CHECK(line.size() <= 76);
}
