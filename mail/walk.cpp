#include "mail/walk.h"

#include <algorithm>

namespace reader {

std::size_t message_count(const Session& session) { return session.marks.size(); }

// What arrived since the list was sorted stands behind it.
std::size_t message_at(const Session& session, std::size_t place) {
  return place < session.order.size() ? session.order[place] : place;
}

std::size_t place_of(const Session& session, std::size_t index) {
  const auto& order = session.order;
  if (index >= order.size()) return index;
  const auto known = index < session.places.size() ? session.places[index] : order.size();
  if (known < order.size() && order[known] == index) return known;
  const auto found = std::find(order.begin(), order.end(), index);
  return static_cast<std::size_t>(found - order.begin());
}

void set_order(Session& session, std::vector<std::uint32_t> order) {
  session.places.resize(order.size());
  for (std::uint32_t place = 0; place < order.size(); ++place) session.places[order[place]] = place;
  session.order = std::move(order);
}

std::optional<std::size_t> nearest(const Session& session, Among among) {
  const auto count = message_count(session);
  if (count == 0) return std::nullopt;
  const auto place = place_of(session, session.dot);
  for (auto at = place; at < count; ++at)
    if (belongs(session, message_at(session, at), among)) return message_at(session, at);
  for (auto at = std::min(place, count); at-- > 0;)
    if (belongs(session, message_at(session, at), among)) return message_at(session, at);
  return std::nullopt;
}

void touch(Session& session, std::size_t index) {
  auto& marks = session.marks[index];
  marks |= Mark::used;
  if ((marks & Mark::is_read) == 0) marks |= Mark::is_read | Mark::changed;
}

void mark_arrivals(Session& session) {
  for (auto index = session.marks.size(); index < session.folder->count(); ++index) {
    const auto flags = session.folder->flags(index);
    Marks marks = 0;
    if ((flags & Flag::seen) != 0) marks |= Mark::is_read;
    if ((flags & (Flag::seen | Flag::old)) == 0) marks |= Mark::is_new;
    session.marks.push_back(marks);
  }
}

}  // namespace reader
