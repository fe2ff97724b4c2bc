#include "spool/probation.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace spool {

namespace {

constexpr std::size_t first_messages = 3;

// By a server's word, not by what we know ourselves (a size limit, say).
bool wholly_refused(const Answer& answer) {
  const auto& outcomes = answer.verdict.outcomes;
  return std::all_of(outcomes.begin(), outcomes.end(), [](const rfc::Outcome& outcome) {
    return outcome.kind == rfc::Outcome::Kind::failed && !outcome.reply.empty();
  });
}

// A delay, a lost connection, a limit of its own say nothing for the set-up.
bool somebody_accepted(const Answer& answer) {
  const auto& outcomes = answer.verdict.outcomes;
  return std::any_of(outcomes.begin(), outcomes.end(), [](const rfc::Outcome& outcome) {
    return outcome.kind == rfc::Outcome::Kind::delivered;
  });
}

void make_delayed(Finished& finished) {
  for (auto& outcome : finished.answer.verdict.outcomes) {
    outcome.kind = rfc::Outcome::Kind::delayed;
    outcome.status.category = 4;
    outcome.text = base::cat("all mail is refused, so the set-up must be wrong: ", outcome.text);
  }
}

}  // namespace

Probation::Judgement Probation::judge(Finished finished) {
  auto& record = records_[finished.task.smarthost];
  Judgement judgement;
  if (finished.answer.session_failed || record.trusted) {
    judgement.ready.push_back(std::move(finished));
    return judgement;
  }
  if (!wholly_refused(finished.answer)) {
    record.trusted = somebody_accepted(finished.answer);
    if (record.trusted) judgement.ready = std::exchange(record.refused, {});
    judgement.ready.push_back(std::move(finished));
    return judgement;
  }
  const auto smarthost = finished.task.smarthost;
  record.refused.push_back(std::move(finished));
  record.condemned = record.condemned || record.refused.size() == first_messages;
  if (!record.condemned) return judgement;
  judgement.ready = std::exchange(record.refused, {});
  for (auto& each : judgement.ready) make_delayed(each);
  judgement.condemned = smarthost;
  return judgement;
}

std::vector<Finished> Probation::release() {
  std::vector<Finished> released;
  for (auto& [smarthost, record] : records_)
    for (auto& each : std::exchange(record.refused, {})) released.push_back(std::move(each));
  return released;
}

bool Probation::waiting() const {
  return std::any_of(records_.begin(), records_.end(),
                     [](const auto& each) { return !each.second.refused.empty(); });
}

}  // namespace spool
