// thread.h - which message answers which: the order in which conversations are read. Pure.
//
// A message's parent is the nearest one of its References (RFC 5322 section 3.6.4), else of its
// In-Reply-To, that is in the mailbox. Subjects are not compared: a machine's reports all have the
// same. Conversations stand in the order of their first message, answers in the order of arrival.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reader {

/// What a message says of itself and of what it answers.
struct Referrer {
  std::string id;                    ///< Message-ID with its brackets; may be empty
  std::vector<std::string> parents;  ///< the nearest one last
};
/// From the bodies of the three fields (folded or not).
Referrer referrer(std::string_view message_id, std::string_view references,
                  std::string_view in_reply_to);

struct Threads {
  std::vector<std::uint32_t> order;  ///< indexes
  std::vector<std::uint32_t> depth;  ///< by index: how many messages above it
};
/// Of an id that stands twice the first message counts; circles are cut where they are found.
/// Linear time, however deep.
Threads threads_of(std::span<const Referrer> messages);

}  // namespace reader
