#include "spool/dispatch.h"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/text.h"

namespace spool {

using base::cat;
using base::Level;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

namespace {

// A task beyond this size is not given ahead: both ends of a channel could then wait for the other
// to read.
constexpr std::size_t most_ahead = 200;
// The longest that a run waits for its rate to let the next message go.
constexpr seconds patience{60};

std::string shown_name(const Smarthost& smarthost) {
  if (smarthost.only_routed || smarthost.hosts.empty()) return smarthost.name;
  const auto& host = smarthost.hosts.front();
  const std::string address = cat(host.name, ":", host.port);
  return smarthost.name.empty() ? address : cat(smarthost.name, " (", address, ")");
}

}  // namespace

std::uint32_t random_number() {
  std::uint32_t number = 0;
  (void)!::getrandom(&number, sizeof number, 0);
  return number;
}

Dispatcher::Dispatcher(Surroundings surroundings)
    : around_(std::move(surroundings)),
      policy_{around_.settings.site.retry_first, around_.settings.site.retry_longest} {
  lanes_.resize(around_.settings.ways());
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i].smarthost = &around_.settings.way(i);
    lanes_[i].most = lanes_[i].smarthost->connections;
    load(lanes_[i]);
  }
}

Dispatcher::~Dispatcher() { close(); }

bool Dispatcher::full(std::size_t smarthost) const {
  const auto& lane = lanes_[smarthost];
  return !lane.down && lane.waiting.size() >= 2 * lane.most + 2;
}

bool Dispatcher::all_full() const {
  bool all = !lanes_.empty();
  for (std::size_t i = 0; i < lanes_.size(); ++i) all = all && full(i);
  return all;
}

void Dispatcher::load(Lane& lane) {
  if (lane.smarthost->agent != Agent::session) return;
  lane.state = load_host_state(around_.spool, *lane.smarthost);
  // What it failed with has been mended, perhaps: its mail need not wait for its time.
  if (lane.state.failures > 0 && lane.state.stamp != lane.smarthost->stamp)
    released_.emplace_back(seconds(lane.state.until));
  if (around_.forced || !resting(lane.state, lane.smarthost->stamp, around_.clock(), policy_))
    return;
  lane.down = lane.state.outcome;
  lane.until = base::Time(seconds(lane.state.until));
}

void Dispatcher::add(Task task, bool first) {
  auto& lane = lanes_[task.smarthost];
  if (first) lane.waiting.push_front(std::move(task));
  else lane.waiting.push_back(std::move(task));
}

bool Dispatcher::busy() const {
  return !finished_.empty() || std::any_of(lanes_.begin(), lanes_.end(), [](const Lane& lane) {
    return !lane.waiting.empty() ||
           std::any_of(lane.seats.begin(), lane.seats.end(),
                       [](const Seat& seat) { return !seat.tasks.empty(); });
  });
}

Finished Dispatcher::refused(const Lane& lane, Task task) const {
  Finished finished;
  finished.answer.session_failed = true;
  finished.answer.verdict.outcomes.assign(task.job.recipients.size(), *lane.down);
  finished.task = std::move(task);
  finished.until = lane.until;
  finished.tried = lane.tried;
  return finished;
}

void Dispatcher::refuse_waiting(Lane& lane) {
  for (auto& task : lane.waiting) finished_.push_back(refused(lane, std::move(task)));
  lane.waiting.clear();
}

void Dispatcher::refuse_list(Lane& lane) {
  Finished finished;
  finished.answer.session_failed = true;
  finished.tried = false;
  finished.task = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  finished.answer.verdict.outcomes.assign(
      finished.task.job.recipients.size(),
      {rfc::Outcome::Kind::delayed,
       {4, 3, 1},
       "the spool cannot be written; a list would be sent twice"});
  finished_.push_back(std::move(finished));
}

// Whether the rate lets a message go now. If it will not for a long time, the others wait for
// another run.
bool Dispatcher::may_send(Lane& lane) {
  const auto now = around_.clock();
  const auto next = next_allowed(lane.state, lane.smarthost->rate, now);
  if (next <= now) return true;
  if (next <= now + patience) return false;
  lane.down = rfc::Outcome{rfc::Outcome::Kind::delayed,
                           {4, 3, 2},
                           cat("the rate of ", shown_name(*lane.smarthost), " is used up")};
  lane.until = next;
  base::log("smtp", Level::info, cat(lane.down->text, "; its mail waits"));
  return false;
}

void Dispatcher::give_first(Lane& lane, Seat& seat) {
  Task task = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  if (lane.smarthost->rate.count > 0) {
    lane.state.sent.push_back(around_.clock());
    lane.changed = true;
  }
  // Should it not take the job, next() will find that it has died.
  (void)seat.worker.give(task.job);
  seat.tasks.push_back(std::move(task));
}

bool Dispatcher::wants_more_seats(const Lane& lane) const {
  if (lane.seats.empty()) return true;
  // Nobody knows yet whether the smarthost takes us: one login finds out.
  return lane.proven && lane.seats.size() < lane.most &&
         lane.waiting.size() >= 2 * lane.seats.size();
}

void Dispatcher::start_seat(Lane& lane) {
  const auto& smarthost = *lane.smarthost;
  const auto& helo = smarthost.helo.empty() ? around_.settings.site.host_name : smarthost.helo;
  const Account account{smarthost,
                        helo,
                        around_.home,
                        around_.who,
                        lane.first_host,
                        around_.settings.local,
                        cat(around_.spool.path(), "/run"),
                        around_.own_spool,
                        around_.mail};
  auto started = Worker::start(account);
  if (!started) {
    if (lane.seats.empty()) take_down(lane, outcome_of(started.error(), ""), true);
    lane.most = std::max<std::size_t>(1, lane.seats.size());
    return;
  }
  lane.seats.push_back({next_number_++, std::move(started).value(), {}, false});
  give_first(lane, lane.seats.back());
}

// In a long run its time comes, too.
void Dispatcher::revive(Lane& lane) {
  if (!lane.down || !lane.until || around_.clock() < *lane.until) return;
  lane.down.reset();
  lane.until.reset();
  lane.deaths = 0;
  lane.tried = lane.proven = false;
}

void Dispatcher::forget_rests() {
  for (auto& lane : lanes_) {
    if (lane.down) lane.until = around_.clock();
    revive(lane);
  }
}

void Dispatcher::hand_out(Lane& lane) {
  revive(lane);
  while (!stopping_ && !lane.down && !lane.waiting.empty() && may_send(lane)) {
    if (no_lists_ && lane.waiting.front().list) {
      refuse_list(lane);
      continue;
    }
    const auto idle = std::find_if(lane.seats.begin(), lane.seats.end(),
                                   [](const Seat& seat) { return seat.tasks.empty(); });
    const auto tasks_of = [](const Seat& seat) {
      return seat.ready ? seat.tasks.size() : most_given;
    };
    const auto ahead = std::min_element(
        lane.seats.begin(), lane.seats.end(),
        [&](const Seat& one, const Seat& other) { return tasks_of(one) < tasks_of(other); });
    const bool small = lane.waiting.front().job.recipients.size() <= most_ahead;
    if (idle != lane.seats.end()) give_first(lane, *idle);
    else if (wants_more_seats(lane)) start_seat(lane);
    else if (tasks_of(*ahead) < most_given && small) give_first(lane, *ahead);
    else return;
  }
  if (lane.down) refuse_waiting(lane);
}

std::vector<Finished> Dispatcher::wait(int other, std::optional<Clock::time_point> until) {
  for (auto& lane : lanes_) hand_out(lane);
  if (finished_.empty()) poll_workers(other, until);
  return std::exchange(finished_, {});
}

void Dispatcher::poll_workers(int other, std::optional<Clock::time_point> wanted) {
  std::vector<pollfd> polls{{other, POLLIN, 0}};
  auto until = Clock::now() + seconds(1);
  if (wanted && *wanted > Clock::now()) until = std::min(until, *wanted);
  for (auto& lane : lanes_) {
    for (auto& seat : lane.seats) {
      polls.push_back({seat.worker.socket(), POLLIN, 0});
      until = std::min(until, seat.worker.deadline());
    }
    const auto now = around_.clock();
    if (lane.waiting.empty() || lane.smarthost->rate.count == 0) continue;
    const auto next = next_allowed(lane.state, lane.smarthost->rate, now);
    if (next > now) until = std::min(until, Clock::now() + (next - now));
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  (void)::poll(polls.data(), polls.size(), static_cast<int>(std::max<long>(0, left)));
  std::size_t i = 1;
  for (auto& lane : lanes_)
    for (auto seat = lane.seats.begin(); seat != lane.seats.end();)
      look(lane, seat++, polls[i++].revents != 0);
}

void Dispatcher::look(Lane& lane, SeatPlace seat, bool readable) {
  if (!readable) {
    if (Clock::now() >= seat->worker.deadline()) seat->worker.time_out();
    return;
  }
  auto event = seat->worker.next();
  switch (event.kind) {
    case WorkerEvent::Kind::nothing: break;
    case WorkerEvent::Kind::ready: seat->ready = true; break;
    case WorkerEvent::Kind::accepted: lane.proven = true; break;
    case WorkerEvent::Kind::answer: take_answer(lane, seat, std::move(event.answer)); break;
    case WorkerEvent::Kind::ended: take_end(lane, seat, event); break;
  }
}

void Dispatcher::works(Lane& lane) {
  if (lane.state.failures == 0) return;
  base::log("smtp", Level::info, cat("smarthost ", shown_name(*lane.smarthost), " works again"));
  released_.emplace_back(seconds(lane.state.until));
  lane.state.failures = 0;
  lane.changed = true;
}

bool Dispatcher::released(base::Time time) const {
  return std::find(released_.begin(), released_.end(), time) != released_.end();
}

void Dispatcher::take_answer(Lane& lane, SeatPlace seat, Answer answer) {
  Finished finished;
  finished.task = std::move(seat->tasks.front());
  finished.worker = seat->number;
  seat->tasks.pop_front();
  const bool trouble = troubled(answer);
  finished.answer = std::move(answer);
  lane.deaths = 0;
  if (trouble && !stop_requested()) return session_trouble(lane, seat, std::move(finished));
  if (!trouble) {
    seat->ready = true;
    lane.first_host = finished.answer.host;
    works(lane);
  }
  finished_.push_back(std::move(finished));
}

// The smarthost takes no more sessions, or none at all.
void Dispatcher::session_trouble(Lane& lane, SeatPlace seat, Finished finished) {
  const bool others = std::any_of(lane.seats.begin(), lane.seats.end(), [&](const Seat& each) {
    return each.number != seat->number && each.ready;
  });
  if (others && !finished.answer.verdict.our_setup) {
    lane.most = std::max<std::size_t>(1, lane.seats.size() - 1);
    lane.waiting.push_front(std::move(finished.task));
    return remove(lane, seat);
  }
  take_down(lane, finished.answer.verdict.outcomes.front(), finished.answer.local_cause);
  finished.until = lane.until;
  finished_.push_back(std::move(finished));
  remove(lane, seat);
}

void Dispatcher::condemn(std::size_t smarthost, const rfc::Outcome& outcome) {
  if (!lanes_[smarthost].down) take_down(lanes_[smarthost], outcome, false);
}

void Dispatcher::take_down(Lane& lane, const rfc::Outcome& outcome, bool local_cause) {
  lane.down = outcome;
  lane.down->kind = rfc::Outcome::Kind::delayed;
  lane.tried = true;
  if (stop_requested()) return;
  const bool agent = lane.smarthost->agent != Agent::session;
  if (local_cause || lane.state.failures == 0)
    base::log("smtp", Level::warning,
              cat(agent ? "" : "smarthost ", shown_name(*lane.smarthost),
                  agent ? " fail: " : " fails: ", outcome.text, "; ", agent ? "their" : "its",
                  " mail waits"));
  // What lies with this process says nothing to the next one.
  if (local_cause) return;
  count_failure(lane.state, *lane.down, around_.clock(), policy_, random_number());
  lane.state.stamp = lane.smarthost->stamp;
  lane.until = base::Time(seconds(lane.state.until));
  lane.changed = true;
}

// A worker that died is our trouble: it is no attempt, and a second one in a row is the last.
void Dispatcher::take_end(Lane& lane, SeatPlace seat, const WorkerEvent& event) {
  // A mailbox knows what was begun in it: the next agent makes it whole or cuts it off, which it
  // can only before anybody else writes there.
  const bool again = lane.smarthost->agent == Agent::mailbox && lane.deaths == 0 &&
                     !seat->tasks.empty() && !stop_requested();
  if (again) {
    ++lane.deaths;
    return remove(lane, seat);
  }
  if (!seat->tasks.empty()) {
    Finished finished;
    finished.task = std::move(seat->tasks.front());
    seat->tasks.pop_front();
    auto& answer = finished.answer;
    answer.verdict.in_doubt = event.in_doubt;
    answer.verdict.session_usable = false;
    answer.verdict.outcomes.assign(finished.task.job.recipients.size(),
                                   outcome_of(event.error, ""));
    finished.tried = event.in_doubt || event.timed_out;
    const bool hopeless = ++lane.deaths > 1 && !lane.down;
    if (hopeless && !stop_requested()) take_down(lane, answer.verdict.outcomes.front(), true);
    finished_.push_back(std::move(finished));
  }
  remove(lane, seat);
}

// What it was given ahead goes to another one. It cannot have begun to send that: all that it said
// was read, and it answers for a message before it sends the next.
void Dispatcher::remove(Lane& lane, SeatPlace seat) {
  (void)seat->worker.ended({base::Kind::retry, "given up"});
  for (; !seat->tasks.empty(); seat->tasks.pop_back())
    if (!stopping_) lane.waiting.push_front(std::move(seat->tasks.back()));
  lane.seats.erase(seat);
}

void Dispatcher::recorded(std::uint64_t worker) {
  for (auto& lane : lanes_)
    for (auto& seat : lane.seats)
      if (seat.number == worker) seat.worker.recorded();
}

void Dispatcher::unrecorded(std::uint64_t worker) {
  no_lists_ = true;
  for (auto& lane : lanes_)
    for (auto seat = lane.seats.begin(); seat != lane.seats.end();)
      if (const auto here = seat++; here->number == worker) remove(lane, here);
}

void Dispatcher::stop() {
  stopping_ = true;
  for (auto& lane : lanes_) {
    lane.waiting.clear();
    for (auto& seat : lane.seats) seat.worker.stop();
  }
}

void Dispatcher::close() {
  for (auto& lane : lanes_)
    for (auto& seat : lane.seats) seat.worker.hang_up();
  for (auto& lane : lanes_) {
    lane.seats.clear();
    lane.proven = false;
    if (!std::exchange(lane.changed, false)) continue;
    if (const auto saved = save_host_state(around_.spool, *lane.smarthost, lane.state); !saved)
      base::log("smtp", Level::warning, saved.error().text);
  }
}

}  // namespace spool
