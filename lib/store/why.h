// why.h - why/ID: counted attempts and the last reason of each recipient that is still waiting.
// Only advice for people and for the pace of retries: its loss postpones expiry and nothing else,
// so it is never synced.
//
//   postbag why 1
//   attempts N SECONDS        how many were counted, and when the last one was
//   0-2,5 4.4.1 text          recipients by their index in the entry, RFC 3463 status, reason
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/queue.h"

namespace store {

struct Reason {
  std::string status;  ///< "4.4.1"
  std::string text;    ///< one line, printable
  bool operator==(const Reason&) const = default;
};

struct Why {
  unsigned attempts = 0;
  std::int64_t last_attempt = 0;  ///< seconds since 1970
  std::vector<Reason> reasons;    ///< by recipient index; an empty text: none is known
  /// Make room and set one.
  void set(std::size_t recipient, Reason reason);
  const Reason* find(std::size_t recipient) const;
};

std::string why_text(const Why& why);
/// What can be read of it; damaged lines are passed over. At most `recipients` reasons.
Why parse_why(std::string_view text, std::size_t recipients);

/// Empty when there is none.
Why load_why(const Spool& spool, const QueueId& id, std::size_t recipients);
/// Errors: retry, io.
base::Result<> save_why(const Spool& spool, const QueueId& id, const Why& why);

}  // namespace store
