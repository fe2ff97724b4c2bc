// append.h - messages are put into other mailboxes: durably, all of them or none. See leave.h for
// append_messages().
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/mbox_append.h"
#include "mail/leave.h"

namespace reader {

/// Who opens mailboxes in a session.
Owner owner_of(const Session& session);

/// What a message gets when it is written: its flags as the session's marks say.
Flags flags_now(const Session& session, std::size_t index);
/// A message for another file: Folder::stored() with these flags, without the fields that
/// `saveignore` names. Errors: as stored().
base::Result<std::string> stored_copy(const Session& session, std::size_t index);

/// Messages that are in memory already.
store::StoredMessages one_by_one(const std::vector<std::string>& messages);

/// append_messages() for messages that are read one by one: none is held in memory but the one at
/// hand.
base::Result<Appended> append_each(const Session& session, const std::string& path,
                                   const store::StoredMessages& messages);

/// Put messages before those of an mbox (POSIX's `noappend`); into anything else they are appended.
/// Errors: as append_messages().
base::Result<> prepend_each(const Session& session, const std::string& path,
                            const store::StoredMessages& messages);

/// Whether two paths lead to one file or folder.
bool same_place(const std::string& one, const std::string& other);

}  // namespace reader
