// leave.h - mailboxes are opened and left.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// Open a mailbox in the place of the one that is open, which must have been left. name: a path as
/// it is shown. Sets marks and dot (first new, else first unread, else first). Errors: as
/// open_folder().
base::Result<> enter(Session& session, const std::string& name, bool system_mailbox);
/// `"/var/mail/jane": 12 messages 12 new`, with its LF.
std::string summary(const Session& session);
/// What `quit` does to the mailbox: read messages go to mbox, deleted ones go, the others stay.
/// The session has no folder then. What it says ("Held 11 messages in /var/mail/jane") is printed.
/// Errors: retry, io, …: nothing was lost and nothing is changed.
base::Result<> leave(Session& session);

/// A name as people type it (`%`, `%user`, `#`, `&`, `+file`, `~/file`, globs that name one file)
/// as a path. No shell, no substitution but `$NAME`. Errors: usage (`"*": Ambiguous.`, …).
base::Result<std::string> expand_name(const Session& session, std::string_view name);

/// Append messages, as Folder::stored() gives them, to a file or maildir, made where it is missing.
/// Locked as deliveries lock, all or nothing, durable. Says whether it was made. Errors: retry, io,
/// no_permission.
enum class Appended { to_new, to_existing };
base::Result<Appended> append_messages(const Session& session, const std::string& path,
                                       const std::vector<std::string>& messages);

}  // namespace reader
