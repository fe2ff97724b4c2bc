// scan.h - what lies in the spools, by names alone: no message is opened.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/queue.h"

namespace listing {

struct Found {
  const store::Spool* spool;
  store::EntryName name;
  bool has_reason;  ///< something lies in why/ for it
};

struct Scan {
  std::vector<Found> entries;        ///< of all spools, in order of arrival
  std::vector<std::string> strange;  ///< paths of files in queue/ that are no entries
};

/// The entries point into `spools`. Errors: io, retry: an unreadable queue is never "empty".
base::Result<Scan> scan(const std::vector<store::Spool>& spools);

}  // namespace listing
