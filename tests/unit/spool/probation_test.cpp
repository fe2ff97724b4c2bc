#include "spool/probation.h"

#include <doctest/doctest.h>

namespace {
using rfc::Outcome;
using spool::Finished;
using spool::Probation;

/// An answer for message number `key` with these outcomes: 'f' refused by the server, 'F' failed by
/// what we know ourselves, 's' delivered, 'd' delayed.
Finished answer(std::uint64_t key, std::string_view outcomes, std::size_t smarthost = 0) {
  Finished made;
  made.task.key = key;
  made.task.smarthost = smarthost;
  for (const char c : outcomes) {
    const auto kind = c == 's'   ? Outcome::Kind::delivered
                      : c == 'd' ? Outcome::Kind::delayed
                                 : Outcome::Kind::failed;
    Outcome outcome{kind, {5, 7, 1}, "host said: 550 5.7.1 no"};
    if (c != 'F') outcome.reply = "550 5.7.1 no";
    made.answer.verdict.outcomes.push_back(outcome);
  }
  return made;
}

std::string kinds(const std::vector<Finished>& list) {
  std::string text;
  for (const auto& each : list) {
    text += std::to_string(each.task.key);
    for (const auto& outcome : each.answer.verdict.outcomes)
      text += outcome.kind == Outcome::Kind::failed    ? 'f'
              : outcome.kind == Outcome::Kind::delayed ? 'd'
                                                       : 's';
  }
  return text;
}
}  // namespace

TEST_CASE("probation: three messages refused whole are delayed, and the smarthost is condemned") {
  Probation probation;
  CHECK(probation.judge(answer(1, "ff")).ready.empty());
  CHECK(probation.judge(answer(2, "f")).ready.empty());
  CHECK(probation.waiting());
  auto judgement = probation.judge(answer(3, "f"));
  CHECK(kinds(judgement.ready) == "1dd2d3d");
  CHECK(judgement.condemned == 0);
  const auto& outcome = judgement.ready[0].answer.verdict.outcomes[0];
  CHECK(outcome.status == rfc::EnhancedStatus{4, 7, 1});
  CHECK(outcome.text.starts_with("all mail is refused, so the set-up must be wrong: host said: "));
  CHECK(!probation.waiting());
  CHECK(probation.release().empty());
  // What was under way is no better.
  judgement = probation.judge(answer(4, "f"));
  CHECK(kinds(judgement.ready) == "4d");
  CHECK(judgement.condemned == 0);
  CHECK(!probation.waiting());
}

TEST_CASE("probation: two are believed when there is no third") {
  Probation probation;
  (void)probation.judge(answer(1, "f"));
  (void)probation.judge(answer(2, "f"));
  CHECK(kinds(probation.release()) == "1f2f");
  CHECK(!probation.waiting());
}

TEST_CASE("probation: a delay and what we know ourselves neither count nor clear") {
  for (const auto* other : {"d", "fd", "F"}) {
    Probation probation;
    (void)probation.judge(answer(1, "f"));
    CHECK(probation.judge(answer(2, other)).ready.size() == 1);
    (void)probation.judge(answer(3, "f"));
    CHECK(probation.judge(answer(4, "f")).condemned == 0);
  }
}

TEST_CASE("probation: a message that is taken for somebody makes all others believed") {
  for (const auto* good : {"s", "fs"}) {
    CAPTURE(good);
    Probation probation;
    (void)probation.judge(answer(1, "f"));
    (void)probation.judge(answer(2, "f"));
    auto judgement = probation.judge(answer(3, good));
    CHECK(judgement.ready.size() == 3);
    CHECK(judgement.ready[0].answer.verdict.outcomes[0].kind == Outcome::Kind::failed);
    CHECK(!judgement.condemned);
    for (std::uint64_t key = 4; key < 10; ++key)
      CHECK(kinds(probation.judge(answer(key, "f")).ready) == std::to_string(key) + "f");
  }
}

TEST_CASE("probation: a session that never began neither counts nor clears") {
  Probation probation;
  (void)probation.judge(answer(1, "f"));
  (void)probation.judge(answer(2, "f"));
  auto none = answer(3, "d");
  none.answer.session_failed = true;
  CHECK(kinds(probation.judge(std::move(none)).ready) == "3d");
  CHECK(probation.judge(answer(4, "f")).condemned == 0);
}

TEST_CASE("probation: each smarthost has its own") {
  Probation probation;
  (void)probation.judge(answer(1, "f", 0));
  (void)probation.judge(answer(2, "f", 1));
  (void)probation.judge(answer(3, "f", 0));
  CHECK(kinds(probation.judge(answer(4, "s", 1)).ready) == "2f4s");
  CHECK(probation.judge(answer(5, "f", 0)).condemned == 0);
}
