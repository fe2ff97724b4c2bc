#include "mailq/lookup.h"

#include <algorithm>

namespace manage {

using base::Result;
using store::EntryName;

Result<Lookup> Lookup::read(const std::vector<store::Spool>& spools) {
  Lookup lookup;
  for (const auto& spool : spools) {
    TRY_LET(listing, store::list(spool));
    lookup.queues_.push_back({&spool, std::move(listing)});
  }
  return lookup;
}

std::optional<Place> Lookup::find(std::string_view id) const {
  const auto wanted = store::QueueId::parse(id);
  if (!wanted) return std::nullopt;
  for (const auto& [spool, listing] : queues_) {
    const auto& entries = listing.entries;
    const auto before = [](const EntryName& name, const store::QueueId& key) {
      return name.id < key;
    };
    const auto it = std::lower_bound(entries.begin(), entries.end(), *wanted, before);
    if (it != entries.end() && it->id == *wanted) return Place{spool, *it};
  }
  return std::nullopt;
}

std::vector<Place> Lookup::all() const {
  std::vector<Place> places;
  for (const auto& [spool, listing] : queues_)
    for (const auto& name : listing.entries) places.push_back({spool, name});
  return places;
}

std::vector<EntryName> Lookup::superseded(const Place& place) const {
  std::vector<EntryName> names;
  for (const auto& [spool, listing] : queues_)
    if (spool == place.spool)
      for (const auto& name : listing.superseded)
        if (name.id == place.name.id) names.push_back(name);
  return names;
}

}  // namespace manage
