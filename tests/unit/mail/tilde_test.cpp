#include "mail/tilde.h"

#include <doctest/doctest.h>

#include <string>

using reader::parse_escape;

TEST_CASE("tilde: lines that are escapes, and lines that are text") {
  const auto subject = parse_escape("~s  new subject ", "~");
  REQUIRE(subject);
  CHECK(subject->letter == 's');
  CHECK(subject->argument == "new subject");
  CHECK(parse_escape("~!ls", "~")->argument == "ls");
  CHECK(parse_escape("~.", "~")->letter == '.');
  CHECK(parse_escape("~~tilde", "~")->letter == '~');
  CHECK(parse_escape("~~tilde", "~")->argument == "tilde");
  CHECK(parse_escape("~ foo", "~")->letter == ' ');
  CHECK(parse_escape("~", "~")->letter == 0);
  CHECK_FALSE(parse_escape(" ~s x", "~"));
  CHECK_FALSE(parse_escape("text", "~"));
  CHECK_FALSE(parse_escape("", "~"));
  CHECK_FALSE(parse_escape("~s x", ""));
  CHECK_FALSE(parse_escape("~s x", "@"));
  CHECK(parse_escape("@s x", "@")->letter == 's');
}

TEST_CASE("tilde: every escape of POSIX has a line of help") {
  const std::string help(reader::escape_help());
  for (const char letter : std::string("abcdefhimpqrstvwx.!?:|~"))
    CHECK_MESSAGE(help.find(std::string("~") + letter) != std::string::npos, letter);
}

TEST_CASE("tilde: signatures and indented text") {
  CHECK(reader::signature_text("a\\nb\\tc\\\\n\\x") == "a\nb\tc\\n\\x");
  CHECK(reader::indented("one\n\ntwo", "\t") == "\tone\n\n\ttwo");
  CHECK(reader::indented("one\n", "> ") == "> one\n");
  CHECK(reader::indented("", "> ").empty());
}
