#include "spool/feed.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "lib/base/file.h"
#include "spool/stream.h"

namespace spool {

using base::Error;
using base::Kind;
using base::Result;
using Clock = std::chrono::steady_clock;

namespace {

// Whether what was delivered is on stable storage. The bytes of a job lie side by side and nobody
// else writes them, so those still pending may be written as they are.
bool record(const Job& job, const Answer& answer) {
  const auto& outcomes = answer.verdict.outcomes;
  const auto delivered = [](const rfc::Outcome& outcome) {
    return outcome.kind == rfc::Outcome::Kind::delivered;
  };
  if (std::none_of(outcomes.begin(), outcomes.end(), delivered)) return true;
  if (job.status_offset == 0) return false;
  std::string statuses;
  for (const auto& outcome : outcomes)
    statuses += delivered(outcome) ? store::delivered : store::pending;
  return base::write_all_at(job.descriptor, statuses, job.status_offset, job.id) &&
         base::sync_data(job.descriptor, job.id);
}

}  // namespace

// The next frame; false when nothing more can come, or a signal says stop while nothing does.
bool Feed::receive() {
  auto frame = receive_frame(socket_, Clock::now() + std::chrono::hours(24), stop_requested);
  if (!frame && stop_requested()) return false;
  if (!frame || !frame.value()) return reachable_ = false;
  Unpacker unpacker(frame.value()->bytes);
  const auto kind = static_cast<FrameKind>(unpacker.number());
  if (kind == FrameKind::recorded && unrecorded_ > 0) {
    --unrecorded_;
    return true;
  }
  auto job = kind == FrameKind::job ? unpack_job(unpacker) : std::nullopt;
  if (!job || !frame.value()->descriptor) return reachable_ = false;
  job->rewriting = rewriting_;
  job->descriptor = frame.value()->descriptor.number();
  jobs_.push_back({std::move(*job), std::move(frame.value()->descriptor)});
  return true;
}

const Job* Feed::wait() {
  // The flush has had its time: on a full disk the room is wanted.
  pollfd ready{socket_, POLLIN, 0};
  if (jobs_.empty() && ::poll(&ready, 1, 1000) == 0) spent_.clear();
  while (jobs_.empty() && reachable_ && !stop_requested())
    if (!receive()) return nullptr;
  return reachable_ && !stop_requested() ? &jobs_.front().job : nullptr;
}

const Job* Feed::behind() {
  for (pollfd ready{socket_, POLLIN, 0}; jobs_.size() < 2 && ::poll(&ready, 1, 0) > 0;)
    if (!receive()) return nullptr;
  return jobs_.size() < 2 ? nullptr : &jobs_[1].job;
}

Result<> Feed::announce(FrameKind kind) {
  auto told = send_frame(socket_, Packer().number(static_cast<std::uint64_t>(kind)).bytes());
  if (told) return told;
  reachable_ = false;
  return Error{Kind::retry, std::move(told).error().text};
}

bool Feed::answer(Answer answer) {
  // Where the matter is not the message the flush may want no more of this worker, and says so by
  // not confirming.
  answer.recorded = record(jobs_.front().job, answer) && !troubled(answer);
  // Behind half a frame nothing would be understood; the end of the channel is.
  if (!reachable_ || !send_frame(socket_, pack_answer(answer))) return reachable_ = false;
  if (!answer.recorded) ++unrecorded_;
  spent_.push_back(std::move(jobs_.front().entry));
  if (spent_.size() > most_given) spent_.pop_front();
  jobs_.pop_front();
  return true;
}

// What was sent must not be sent again: no text leaves before the last verdict is on the disk.
Result<> Feed::await_record() {
  while (unrecorded_ > 0)
    if (!receive()) return Error{Kind::retry, stop_requested() ? "stopped" : "the flush has ended"};
  return {};
}

}  // namespace spool
