#include "mailq/scan.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <memory>

namespace listing {

using base::Fd;
using base::Result;
using store::QueueId;

namespace {

// Reasons are advice: where they cannot be read, there are none, and the queue is listed all the
// same.
std::vector<QueueId> ids_with_reason(const store::Spool& spool) {
  std::vector<QueueId> ids;
  Fd fd(::openat(spool.why(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(fd ? ::fdopendir(fd.number()) : nullptr,
                                                      ::closedir);
  if (!directory) return ids;
  (void)fd.release();
  while (const dirent* item = ::readdir(directory.get()))
    if (const auto id = QueueId::parse(item->d_name)) ids.push_back(*id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace

Result<Scan> scan(const std::vector<store::Spool>& spools) {
  Scan scan;
  for (const auto& spool : spools) {
    TRY_LET(listing, store::list(spool));
    for (const auto& name : listing.strange) scan.strange.push_back(spool.named("queue", name));
    const auto reasons = ids_with_reason(spool);
    scan.entries.reserve(scan.entries.size() + listing.entries.size());
    auto reason = reasons.begin();  // both are sorted by ID: one walk answers for all
    for (const auto& name : listing.entries) {
      while (reason != reasons.end() && *reason < name.id) ++reason;
      scan.entries.push_back({&spool, name, reason != reasons.end() && *reason == name.id});
    }
  }
  if (spools.size() > 1)
    std::sort(scan.entries.begin(), scan.entries.end(),
              [](const Found& a, const Found& b) { return a.name < b.name; });
  return scan;
}

namespace {

constexpr std::size_t many = 256;  // fewer are read before a thread has started

std::vector<Reading> read_in_turn(std::span<const Found> entries) {
  std::vector<Reading> readings;
  readings.reserve(entries.size());
  std::string buffer;
  for (const auto& [spool, name, has_reason] : entries) {
    auto snapshot = store::read_snapshot(*spool, name, buffer);
    store::Why why;
    if (snapshot) {
      snapshot.value()
          .file.reset();  // a block holds more entries than a process may have open files
      if (has_reason) why = store::load_why(*spool, name.id, snapshot.value().entry.done.size());
    }
    readings.push_back({std::move(snapshot), std::move(why)});
  }
  return readings;
}

}  // namespace

std::vector<Reading> read(std::span<const Found> entries) {
  if (entries.size() < many) return read_in_turn(entries);
  const auto half = entries.size() / 2;
  // "deferred" is for where no thread can be had: get() does the work then.
  auto second =
      std::async(std::launch::async | std::launch::deferred, read_in_turn, entries.subspan(half));
  auto readings = read_in_turn(entries.first(half));
  std::ranges::move(second.get(), std::back_inserter(readings));
  return readings;
}

}  // namespace listing
