// answer.h - what a session worker says about a job, and both as frames on a channel.
#pragma once

#include <optional>
#include <string>

#include "spool/channel.h"
#include "spool/transaction.h"

namespace spool {

/// The relay of what stays here.
constexpr const char* local_relay = "local";

/// What came back for one Job.
struct Answer {
  Verdict verdict;
  bool session_failed =
      false;  ///< nothing was tried: no connection, no TLS, no login; the outcomes say why
  /// With session_failed: the cause lies in this process or machine of ours (no network at all, a
  /// password that could not be fetched), so that it says nothing about the smarthost.
  bool local_cause = false;
  std::string relay = "none";  ///< "host[address]:port"
  std::size_t host = 0;        ///< which of the smarthost's hosts
  unsigned use = 1;            ///< how many messages the session was used for, this one included
  bool recorded = false;  ///< what was delivered is on stable storage, as far as the entry goes
  double connect_seconds = 0, transmit_seconds = 0;
};

/// Whether the smarthost, not a message, is the matter: no session, no word to MAIL, or a refusal
/// of ours.
inline bool troubled(const Answer& answer) {
  return answer.session_failed || !answer.verdict.begun || answer.verdict.our_setup;
}

/// A worker's jobs at once: the one at hand, the one whose commands ride with its final dot, and
/// the one that must be there when that one's turn comes, which is before its verdict is known.
constexpr std::size_t most_given = 3;

/// The kinds of frames; the first number in each.
enum class FrameKind : std::uint64_t {
  job = 1,   ///< to the worker, with the entry's descriptor
  recorded,  ///< to the worker: an answer that it did not record itself is on stable storage
  ready,     ///< to the flush: a session is open
  accepted,  ///< to the flush: the server waits for a message's text, the first of the session
  dot,       ///< to the flush: the final dot of the job at hand is about to be sent
  answer,    ///< to the flush
};

std::string pack_job(const Job& job);
/// Behind the kind; nullopt if it is none. The descriptor is left to the caller.
std::optional<Job> unpack_job(Unpacker& unpacker);
std::string pack_answer(const Answer& answer);
/// Behind the kind; nullopt unless it is one for so many recipients.
std::optional<Answer> unpack_answer(Unpacker& unpacker, std::size_t recipients);

}  // namespace spool
