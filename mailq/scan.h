// scan.h - what lies in the spools: names first, then what is in the files, many at a time.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/queue.h"
#include "lib/store/why.h"

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

/// An entry that was read; its file is closed again.
struct Reading {
  base::Result<store::Snapshot> snapshot;  ///< Errors: as store::read_snapshot
  store::Why why;
};
/// Read entries, in their order. Many are read by two threads: it is nearly all system calls, and a
/// queue of a hundred thousand is looked at by somebody who is in a hurry.
std::vector<Reading> read(std::span<const Found> entries);

}  // namespace listing
