// walk.h - the order of messages, and steps among them. Numbers are the folder's; where the list
// is sorted, "next" and "first" follow the list.
#pragma once

#include <optional>
#include <vector>

#include "mail/select.h"
#include "mail/session.h"

namespace reader {

/// How many messages there are; 0 without a folder.
std::size_t message_count(const Session& session);
/// The message that stands at a place of the list. \pre place < message_count().
std::size_t message_at(const Session& session, std::size_t place);
/// The place where it stands.
std::size_t place_of(const Session& session, std::size_t index);
/// List the messages in another order: indexes, each once; empty: by number.
void set_order(Session& session, std::vector<std::uint32_t> order);

inline bool has_mark(const Session& session, std::size_t index, Mark mark) {
  return (session.marks[index] & mark) != 0;
}
/// Whether a list over `among` may hold it.
inline bool belongs(const Session& session, std::size_t index, Among among) {
  return has_mark(session, index, Mark::deleted) == (among == Among::deleted);
}

/// The current message if it belongs, else the first one behind it that does, else the last one
/// before it; nullopt: none does.
std::optional<std::size_t> nearest(const Session& session, Among among);

/// Somebody has seen it: it counts as read, and as used in this session.
void touch(Session& session, std::size_t index);

/// Whether an error of one message says no more than that another program removed it (maildir).
/// The others are to be seen all the same.
inline bool is_gone(const base::Error& error) { return error.kind == base::Kind::no_input; }

/// Marks for messages that were found by Folder::update().
void mark_arrivals(Session& session);

}  // namespace reader
