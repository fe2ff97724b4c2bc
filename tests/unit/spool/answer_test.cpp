#include "spool/answer.h"

#include <doctest/doctest.h>

namespace {
using spool::Answer;
using spool::FrameKind;
using spool::Unpacker;

/// Behind its kind, which is checked.
Unpacker opened(const std::string& bytes, FrameKind kind) {
  Unpacker unpacker(bytes);
  CHECK(unpacker.number() == static_cast<std::uint64_t>(kind));
  return unpacker;
}

Answer sample() {
  Answer answer;
  answer.session_failed = answer.local_cause = true;
  answer.relay = "mx[192.0.2.1]:25";
  answer.host = 2;
  answer.use = 7;
  answer.connect_seconds = 0.25;
  answer.transmit_seconds = 1.5;
  answer.verdict.outcomes = {{rfc::Outcome::Kind::delivered, {2, 0, 0}, "250 ok", "250 ok", "mx"},
                             {rfc::Outcome::Kind::failed, {5, 1, 1}, std::string("a\0b\n", 4)},
                             {rfc::Outcome::Kind::delayed, {4, 5, 3}, "another one follows"}};
  answer.verdict.left_over = {2};
  answer.verdict.in_doubt = answer.verdict.our_setup = answer.verdict.dsn_offered = true;
  answer.verdict.session_usable = answer.verdict.begun = false;
  return answer;
}
}  // namespace

TEST_CASE("answer: comes back as it was") {
  const auto answer = sample();
  const auto bytes = spool::pack_answer(answer);
  auto unpacker = opened(bytes, FrameKind::answer);
  const auto again = spool::unpack_answer(unpacker, 3);
  REQUIRE(again);
  CHECK(spool::pack_answer(*again) == bytes);
  CHECK(again->relay == answer.relay);
  CHECK(again->verdict.outcomes[1].text == answer.verdict.outcomes[1].text);
  CHECK(again->verdict.outcomes[0].host == "mx");
  CHECK(again->verdict.left_over == answer.verdict.left_over);
  CHECK(again->transmit_seconds == doctest::Approx(1.5));
}

TEST_CASE("answer: one for another number of recipients, or damaged, is none") {
  const auto bytes = spool::pack_answer(sample());
  for (const std::size_t recipients : {0, 2, 4}) {
    auto unpacker = opened(bytes, FrameKind::answer);
    CHECK(!spool::unpack_answer(unpacker, recipients));
  }
  for (std::size_t size = sizeof(std::uint64_t); size < bytes.size(); ++size) {
    const auto part = bytes.substr(0, size);
    auto unpacker = opened(part, FrameKind::answer);
    CHECK(!spool::unpack_answer(unpacker, 3));
  }
}

TEST_CASE("answer: nobody is left over who is not there") {
  auto answer = sample();
  answer.verdict.left_over = {3};
  const auto bytes = spool::pack_answer(answer);
  auto unpacker = opened(bytes, FrameKind::answer);
  CHECK(!spool::unpack_answer(unpacker, 3));
}

TEST_CASE("job: comes back as it was") {
  spool::Job job;
  job.id = "1J19VLT8I5VBO00";
  job.sender = rfc::Path::parse("jane@lan.example").value();
  job.recipients = {rfc::Path::parse("a@x.test").value(), rfc::Path::parse("b@x.test").value()};
  job.mail_parameters = " RET=HDRS";
  job.recipient_parameters = {" NOTIFY=NEVER", ""};
  job.message_offset = 321;
  job.facts.bytes = 99;
  job.facts.eight_bit_body = true;
  const auto bytes = spool::pack_job(job);
  auto unpacker = opened(bytes, FrameKind::job);
  const auto again = spool::unpack_job(unpacker);
  REQUIRE(again);
  CHECK(spool::pack_job(*again) == bytes);
  CHECK(again->sender.text() == "jane@lan.example");
  CHECK(again->recipients.size() == 2);
  CHECK(again->recipient_parameters == job.recipient_parameters);
  CHECK(again->facts.bytes == 99);
  for (std::size_t size = sizeof(std::uint64_t); size < bytes.size(); ++size) {
    const auto part = bytes.substr(0, size);
    auto cut = opened(part, FrameKind::job);
    CHECK(!spool::unpack_job(cut));
  }
}
