#include "lib/rfc/status.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "lib/base/text.h"

namespace {
using namespace std::string_literals;
using base::cat;
using rfc::ReplyReader;
using rfc::SmtpReply;
using State = rfc::ReplyReader::State;

std::string status_text(std::string_view text) {
  const auto status = rfc::enhanced_status(text);
  return status ? status->text() : "none";
}
}  // namespace

TEST_CASE("enhanced status: read at the start of a text") {
  const struct {
    std::string_view text, expected;
  } table[] = {
      {"5.1.1 no such user", "5.1.1"},
      {"5.1.1", "5.1.1"},
      {"2.0.0\tOk", "2.0.0"},
      {"4.4.2\nnext", "4.4.2"},
      {"4.999.999", "4.999.999"},
      {"5.01.001 x", "5.1.1"},
      {"", "none"},
      {"3.1.1", "none"},
      {"1.1.1", "none"},
      {"5.1", "none"},
      {"5.1.", "none"},
      {"5..1", "none"},
      {"5.1.1x", "none"},
      {"5.1.1.7 refused", "none"},
      {"5.1.1: x", "none"},
      {"5.1000.1", "none"},
      {"5.1.1000", "none"},
      {"55.1.1", "none"},
      {" 5.1.1", "none"},
      {"5.-1.1", "none"},
      {"x5.1.1", "none"},
      {"99999999999999999999.1.1", "none"},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(status_text(row.text) == row.expected);
  }
}

TEST_CASE("reply: its class follows from its code") {
  for (int code = 200; code < 600; ++code) {
    const SmtpReply reply{code, ""};
    CHECK(reply.positive() == (code / 100 == 2));
    CHECK(reply.intermediate() == (code / 100 == 3));
    CHECK(reply.temporary() == (code / 100 == 4));
    CHECK(reply.permanent() == (code / 100 == 5));
  }
}

TEST_CASE("reply: the status is the one given if it fits the code, else the code's class") {
  const struct {
    int code;
    std::string_view text, expected;
  } table[] = {
      {550, "5.1.1 no such user", "5.1.1"},
      {550, "4.1.1 no such user", "5.0.0"},
      {550, "no such user", "5.0.0"},
      {450, "5.7.1 wait", "4.0.0"},
      {250, "2.1.5 Ok\n2.1.5 Ok", "2.1.5"},
      {250, "", "2.0.0"},
      {354, "go ahead", "4.0.0"},
      {354, "2.0.0 go", "4.0.0"},
      {0, "", "4.0.0"},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    CHECK(SmtpReply{row.code, std::string(row.text)}.status().text() == row.expected);
  }
}

TEST_CASE("reply: shown on one line without controls") {
  const struct {
    int code;
    std::string text, expected;
  } table[] = {
      {550, "5.1.1 no\nsuch\nuser", "550 5.1.1 no such user"},
      {250, "", "250"},
      {550, "a\x1b[2J\0\r\tb\x7f"s, "550 a?[2J???b?"},
      {550, "\xc3\xb6\xff\xc2\x9b", "550 \xc3\xb6??"},
  };
  for (const auto& row : table) CHECK(SmtpReply{row.code, row.text}.shown() == row.expected);
}

TEST_CASE("reply: shown in at most 1000 bytes") {
  CHECK(SmtpReply{550, std::string(993, 'x')}.shown().size() == 997);
  CHECK(SmtpReply{550, std::string(994, 'x')}.shown() == cat("550 ", std::string(993, 'x'), "..."));
  CHECK(SmtpReply{550, std::string(100'000, '\n')}.shown().size() == 1000);
}

TEST_CASE("reply reader: puts the lines of a reply together") {
  const struct {
    std::vector<std::string> lines;
    int code;
    std::string text;
  } table[] = {
      {{"250 Ok"}, 250, "Ok"},
      {{"250"}, 250, ""},
      {{"250 "}, 250, ""},
      {{"250-a", "250-b", "250 c"}, 250, "a\nb\nc"},
      {{"250-", "250-", "250"}, 250, "\n\n"},
      {{"250-a", "250"}, 250, "a\n"},
      {{"200 x"}, 200, "x"},
      {{"599 x"}, 599, "x"},
      {{"550 a\0b\xff"s}, 550, "a\0b\xff"s},
      {{"250--x"}, 0, ""},
  };
  for (const auto& row : table) {
    ReplyReader reader;
    for (std::size_t i = 0; i < row.lines.size(); ++i) {
      const bool last = i + 1 == row.lines.size() && row.code != 0;
      CHECK(reader.feed(row.lines[i]) == (last ? State::complete : State::more));
    }
    if (row.code == 0) continue;
    const auto reply = reader.take();
    CHECK(reply.code == row.code);
    CHECK(reply.text == row.text);
  }
}

TEST_CASE("reply reader: what is no reply line is garbage, and the reader begins anew") {
  for (const std::string line :
       {"", "2", "25", "25x", "250x", "250\t", "199 x", "600 x", "-50 x", "+50 x", " 250 x",
        "2 0 x", "HTTP/1.1 200", "\xff\xff\xff", "250\r"}) {
    CAPTURE(line);
    ReplyReader reader;
    CHECK(reader.feed(line) == State::garbage);
    CHECK(reader.feed("250 Ok") == State::complete);
    CHECK(reader.take().text == "Ok");
  }
}

TEST_CASE("reply reader: a code that changes within a reply is garbage") {
  ReplyReader reader;
  CHECK(reader.feed("250-a") == State::more);
  CHECK(reader.feed("550 b") == State::garbage);
  CHECK(reader.feed("354 go") == State::complete);
  CHECK(reader.take().code == 354);
}

TEST_CASE("reply reader: take leaves nothing of the reply behind") {
  ReplyReader reader;
  CHECK(reader.feed("550 no") == State::complete);
  (void)reader.take();
  CHECK(reader.feed("250 yes") == State::complete);
  CHECK(reader.take().text == "yes");
}

TEST_CASE("reply reader: text over 8 KiB is dropped, the reply stays whole") {
  ReplyReader reader;
  const std::string line = cat("250-", std::string(1000, 'x'));
  for (int i = 0; i < 100'000; ++i) CHECK(reader.feed(line) == State::more);
  CHECK(reader.feed("250 end") == State::complete);
  const auto reply = reader.take();
  CHECK(reply.text.size() == 8192);
  CHECK(reply.code == 250);
  CHECK(reader.feed(cat("250 ", std::string(1'000'000, 'y'))) == State::complete);
  CHECK(reader.take().text == std::string(8192, 'y'));
}
