#include "spool/settle.h"

#include <algorithm>
#include <map>
#include <set>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "spool/cause.h"
#include "spool/report.h"

namespace spool {

using base::cat;
using base::Level;
using std::chrono::seconds;

namespace {

constexpr seconds behind_others{60};

std::string id_of(const Delivery& delivery) { return std::string(delivery.lease.name().id.text()); }

// Those of each sender, by its place in the envelope.
std::map<unsigned, std::vector<Judged>> by_sender(const Delivery& delivery,
                                                  const std::vector<Judged>& judged) {
  std::map<unsigned, std::vector<Judged>> groups;
  for (const auto& each : judged)
    groups[delivery.lease.entry().envelope.recipients[each.recipient].sender].push_back(each);
  return groups;
}

}  // namespace

bool wants_notice(const store::Recipient& recipient, std::string_view event) {
  // A list's owner, who never said what he wants to hear.
  const bool of_list = recipient.sender != 0;
  if (of_list || recipient.notify.empty()) return event != "success";
  const auto words = base::split(recipient.notify, ',');
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return base::iequals(word, event); });
}

Settler::Settler(const store::Spool& spool, const Settings& settings, const base::Identity& who,
                 base::Time (*clock)())
    : spool_(spool),
      settings_(settings),
      clock_(clock),
      policy_{settings.site.retry_first, settings.site.retry_longest},
      bouncer_(spool, settings, who) {}

void Settler::record(Delivery& delivery, const std::vector<std::size_t>& recipients, char status) {
  if (const auto recorded = delivery.lease.record(recipients, status); !recorded) {
    unrecordable_ = true;
    base::log(
        "qmgr", Level::error,
        cat(id_of(delivery), ": ", recorded.error().text, ": what was sent may be sent again"));
  }
}

// One recipient of an answer; `place` is its index in the task.
void Settler::judge(Delivery& delivery, const Finished& finished, std::size_t place) {
  using Kind = rfc::Outcome::Kind;
  const auto& verdict = finished.answer.verdict;
  const auto& outcome = verdict.outcomes[place];
  Judged judged{finished.task.recipients[place], outcome};
  if (outcome.kind == Kind::delivered) {
    const auto& recipient = delivery.lease.entry().envelope.recipients[judged.recipient];
    if (!verdict.dsn_offered && wants_notice(recipient, "success"))
      delivery.relayed.push_back(std::move(judged));
    return;
  }
  delivery.why.set(judged.recipient, {outcome.status.text(), outcome.text});
  if (finished.answer.session_failed || finished.until)
    judged.failing_smarthost = finished.task.smarthost;
  auto& list = outcome.kind == Kind::failed ? delivery.failed : delivery.delayed;
  list.push_back(std::move(judged));
}

// A worker that died may have recorded what it did not live to tell.
void Settler::look_at_statuses(Delivery& delivery, Finished& finished) {
  if (const auto reread = delivery.lease.reread_statuses(); !reread)
    return base::log("qmgr", Level::error, cat(id_of(delivery), ": ", reread.error().text));
  const auto& done = delivery.lease.entry().done;
  auto& verdict = finished.answer.verdict;
  for (std::size_t i = 0; i < verdict.outcomes.size(); ++i)
    if (done[finished.task.recipients[i]] == store::delivered)
      verdict.outcomes[i] = {rfc::Outcome::Kind::delivered, {2, 0, 0}, "delivered"};
}

void Settler::record(Delivery& delivery, const Finished& finished) {
  const auto& outcomes = finished.answer.verdict.outcomes;
  std::vector<std::size_t> delivered;
  for (std::size_t i = 0; i < outcomes.size(); ++i)
    if (outcomes[i].kind == rfc::Outcome::Kind::delivered)
      delivered.push_back(finished.task.recipients[i]);
  if (finished.answer.recorded) delivery.lease.recorded(delivered, store::delivered);
  else record(delivery, delivered, store::delivered);
}

void Settler::take(Delivery& delivery, Finished finished) {
  if (finished.answer.verdict.in_doubt) look_at_statuses(delivery, finished);
  // First of all, before a line is logged: what was sent must not be sent again.
  record(delivery, finished);
  const auto& verdict = finished.answer.verdict;
  delivery.answered = delivery.answered || !finished.answer.session_failed;
  delivery.in_doubt = delivery.in_doubt || verdict.in_doubt;
  delivery.counted = delivery.counted || finished.tried;
  if (finished.until)
    delivery.until = std::min(*finished.until, delivery.until.value_or(*finished.until));
  const std::set<std::size_t> left(verdict.left_over.begin(), verdict.left_over.end());
  for (std::size_t i = 0; i < verdict.outcomes.size(); ++i) {
    if (left.contains(i)) continue;
    judge(delivery, finished, i);
    // A smarthost that fails has a line of its own in the log, and the message that found out.
    if (finished.worker != 0 || !finished.answer.session_failed)
      log(delivery, finished.task.recipients[i], finished.answer, verdict.outcomes[i]);
  }
}

void Settler::take(Delivery& delivery, const Decided& decided) {
  const auto& outcome = decided.outcome;
  Answer answer;
  if (decided.here) answer.relay = local_relay;
  log(delivery, decided.recipient, answer, outcome);
  delivery.why.set(decided.recipient, {outcome.status.text(), outcome.text});
  if (outcome.kind == rfc::Outcome::Kind::failed)
    delivery.failed.push_back({decided.recipient, outcome});
}

void Settler::take_up(Delivery& delivery) {
  if (!delivery.lease.all_done()) return;
  const auto& entry = delivery.lease.entry();
  for (std::size_t i = 0; i < entry.done.size(); ++i)
    if (entry.done[i] == store::delivered && wants_notice(entry.envelope.recipients[i], "success"))
      delivery.relayed.push_back(
          {i, {rfc::Outcome::Kind::delivered, {2, 0, 0}, "delivered to the next host"}});
}

void Settler::expire(Delivery& delivery) {
  const auto& site = settings_.site;
  const auto arrival = delivery.lease.entry().envelope.arrival;
  if (!delivery.counted || delivery.in_doubt || delivery.delayed.empty()) return;
  if (!expired(delivery.why, arrival, clock_(), site.lifetime)) return;
  for (auto& judged : delivery.delayed) {
    auto outcome = failed(Cause::expired, cat("given up after ", delivery.why.attempts,
                                              " attempts: ", judged.outcome.text));
    outcome.reply = judged.outcome.reply;
    outcome.host = judged.outcome.host;
    judged.outcome = std::move(outcome);
    judged.expired = true;
    delivery.failed.push_back(std::move(judged));
  }
  delivery.delayed.clear();
  base::log(
      "qmgr", Level::info,
      cat(id_of(delivery), ": from=<", delivery.lease.entry().envelope.senders.front().path.text(),
          ">, status=expired, returned to sender"));
}

// Nobody can be told: neither lost nor sent for ever, it stays until somebody looks.
void Settler::hold(Delivery& delivery) {
  const auto held = delivery.lease.set_held(true);
  base::log("bounce", Level::warning,
            cat(id_of(delivery), ": undeliverable, and there is no sender to tell: ",
                held ? "held" : held.error().text));
}

void Settler::bounce_to(Delivery& delivery, unsigned sender, const std::vector<Judged>& judged) {
  std::vector<Judged> told;
  std::vector<std::size_t> done;
  for (const auto& each : judged) {
    done.push_back(each.recipient);
    const auto& recipient = delivery.lease.entry().envelope.recipients[each.recipient];
    if (wants_notice(recipient, "failure")) told.push_back(each);
  }
  // The postmaster is told of what cannot be given back; of that, nobody any more.
  if (!told.empty() && nobody_to_tell(delivery.lease, sender)) return hold(delivery);
  if (!told.empty()) {
    const auto notice = bouncer_.commit(
        {delivery.lease, Notice::Kind::failed, sender, told, clock_(), base::Time()});
    if (!notice) {
      for (const auto& each : told)
        delivery.why.set(each.recipient,
                         {"4.3.0", cat("its bounce cannot be stored: ", notice.error().text)});
      return base::log("bounce", Level::error, cat(id_of(delivery), ": ", notice.error().text));
    }
    base::log("bounce", Level::info,
              cat(id_of(delivery), ": sender non-delivery notification: ", notice.value().text()));
  }
  record(delivery, done, store::bounced);
}

void Settler::bounce(Delivery& delivery) {
  for (const auto& [sender, judged] : by_sender(delivery, delivery.failed))
    bounce_to(delivery, sender, judged);
}

// The entry is still there, so that a run that is cut short here is made up for by the next one.
void Settler::report_success(Delivery& delivery) {
  reports_owed_ = false;
  for (const auto& [sender, judged] : by_sender(delivery, delivery.relayed)) {
    if (delivery.lease.entry().envelope.senders[sender].path.null()) continue;
    const auto notice = bouncer_.commit(
        {delivery.lease, Notice::Kind::delivered, sender, judged, clock_(), base::Time()});
    reports_owed_ = reports_owed_ || !notice;
    base::log("bounce", notice ? Level::info : Level::error,
              cat(id_of(delivery), ": ",
                  notice ? cat("sender delivery status notification: ", notice.value().text())
                         : notice.error().text));
  }
}

// Those whose delay the sender wants to hear of. A smarthost that fails cannot carry the news of
// it.
std::vector<Judged> Settler::worth_telling(const Delivery& delivery,
                                           const std::vector<Judged>& delayed,
                                           const rfc::Path& sender) const {
  const auto& recipients = delivery.lease.entry().envelope.recipients;
  const auto way = sender.null() ? std::nullopt : bouncer_.way_to(sender);
  std::vector<Judged> told;
  std::copy_if(delayed.begin(), delayed.end(), std::back_inserter(told), [&](const Judged& each) {
    return !sender.null() && wants_notice(recipients[each.recipient], "delay") &&
           !(way && each.failing_smarthost == way);
  });
  return told;
}

void Settler::tell_of_delay(Delivery& delivery) {
  const auto& entry = delivery.lease.entry();
  const auto& site = settings_.site;
  const auto arrival = entry.envelope.arrival;
  if (entry.delay_notified || entry.held) return;
  if (!worth_a_notice(delivery.why, arrival, clock_(), site.warn_after)) return;
  for (const auto& [sender, judged] : by_sender(delivery, delivery.delayed)) {
    const auto told = worth_telling(delivery, judged, entry.envelope.senders[sender].path);
    if (told.empty()) continue;
    const auto notice = bouncer_.commit(
        {delivery.lease, Notice::Kind::delayed, sender, told, clock_(), arrival + site.lifetime});
    if (!notice) {
      base::log("bounce", Level::error, notice.error().text);
      continue;
    }
    base::log("bounce", Level::info,
              cat(id_of(delivery), ": sender delay notification: ", notice.value().text()));
    if (const auto set = delivery.lease.set_delay_notified(); !set)
      base::log("bounce", Level::warning, set.error().text);
  }
}

bool Settler::remove_if_done(Delivery& delivery) {
  if (!delivery.lease.all_done() || reports_owed_) return false;
  const auto removed = delivery.lease.remove();
  base::log("qmgr", removed ? Level::info : Level::error,
            cat(id_of(delivery), ": ", removed ? std::string("removed") : removed.error().text));
  return true;
}

void Settler::schedule(Delivery& delivery) {
  const auto arrival = delivery.lease.entry().envelope.arrival;
  const auto now = clock_();
  auto next = delivery.counted
                  ? next_attempt(delivery.why, now, policy_, delivery.in_doubt, random_number())
                  : next_look(arrival, now, policy_);
  if (delivery.until && *delivery.until > now && !delivery.in_doubt) {
    const bool own_cause = std::any_of(delivery.delayed.begin(), delivery.delayed.end(),
                                       [](const Judged& each) { return !each.failing_smarthost; });
    // Should the smarthost mean this message, others must not wait behind it once more.
    const auto rest = *delivery.until + (delivery.answered ? behind_others : seconds(0));
    // A time beyond the longest wait would count as a wrong clock's.
    const auto furthest = now + policy_.longest + policy_.longest / 6;
    next = std::min(own_cause ? std::min(next, rest) : rest, furthest);
  }
  const auto set = delivery.lease.set_next_attempt(next);
  delivery.scheduled = static_cast<bool>(set);
  if (!set) base::log("qmgr", Level::warning, set.error().text);
}

void Settler::finish(Delivery& delivery) {
  // Told to stop, the flush leaves what failed as it is: it stays due, and is found out again.
  const bool stopped = stop_requested();
  report_success(delivery);
  if (stopped && !delivery.in_doubt && !delivery.lease.all_done()) return;
  if (delivery.counted) count_attempt(delivery.why, delivery.leased_at);
  if (!stopped) {
    expire(delivery);
    bounce(delivery);
  }
  if (remove_if_done(delivery)) return;
  if (!stopped) tell_of_delay(delivery);
  if (const auto saved = store::save_why(spool_, delivery.lease.name().id, delivery.why); !saved)
    base::log("qmgr", Level::warning, saved.error().text);
  schedule(delivery);
}

void Settler::log(const Delivery& delivery, std::size_t recipient, const Answer& answer,
                  const rfc::Outcome& outcome) const {
  const auto& envelope = delivery.lease.entry().envelope;
  const auto apart = [](base::Time from, base::Time to) {
    return std::max(0.0, std::chrono::duration<double>(to - from).count());
  };
  const double inside = std::max(
      0.0, apart(delivery.leased_at, clock_()) - answer.connect_seconds - answer.transmit_seconds);
  const Delays delays{apart(envelope.arrival, delivery.leased_at), inside, answer.connect_seconds,
                      answer.transmit_seconds};
  const auto& each = envelope.recipients[recipient];
  base::log(answer.relay == local_relay ? "local" : "smtp", Level::info,
            delivery_line(delivery.lease.name().id.text(), each, {answer.relay, answer.use}, delays,
                          outcome));
}

}  // namespace spool
