// lookup.h - from a queue ID that somebody typed to the file that holds the message.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/queue.h"

namespace manage {

/// A message in one of the spools.
struct Place {
  const store::Spool* spool;
  store::EntryName name;
};

/// The names that lie in some spools, as they were when they were read.
class Lookup {
 public:
  /// Errors: io, retry: an unreadable queue is never "empty".
  static base::Result<Lookup> read(const std::vector<store::Spool>& spools);

  /// nullopt where the text is no queue ID, or no message has it.
  std::optional<Place> find(std::string_view id) const;
  /// Every message, in order of arrival within each spool.
  std::vector<Place> all() const;
  /// Files of lower generations of a message: they would come back to life if only the highest were
  /// removed.
  std::vector<store::EntryName> superseded(const Place& place) const;

 private:
  struct Queue {
    const store::Spool* spool;
    store::Listing listing;
  };
  std::vector<Queue> queues_;
};

}  // namespace manage
