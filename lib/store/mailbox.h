// mailbox.h - which mailbox is a user's. Delivery and mail(1) ask here and nowhere else, so that
// what the one writes the other reads.
//
// In this order: `[local] mailbox`; MAIL (POSIX mailx), see below; /var/mail/USER where it is there
// or can be made; and for a spool of the user's own ~/.local/share/postbag/mail/USER. "Can be made"
// is asked of the folder's permissions, not tried: a flush in a sandbox whose file systems are
// read-only waits for one that is not, rather than choose a mailbox that nobody else would.
// Something that is there already is never passed over, whatever it is: what may not be written
// (a link, a foreign file) delays the mail and says why.
//
// MAIL. A flush is started by cron, by a timer, by somebody's login, and all must choose the same
// mailbox; MAIL is there in one of them only. So a delivery believes it where it was given to that
// very flush (by hand, or by the sendmail that started it), where `mailbox` is not configured, and
// only for a file or folder that belongs to the user or would be made in a folder of theirs: su
// leaves another's MAIL behind. Who wants all mail there writes `mailbox` into the configuration.
// A reader is told by MAIL where to look, as POSIX says, whatever else is configured.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "lib/base/result.h"

namespace store {

struct Mailbox {
  enum class Kind { mbox, maildir, command };
  Kind kind = Kind::mbox;
  std::string place;  ///< absolute path without a slash at its end, or the command for a shell
  bool operator==(const Mailbox&) const = default;
};

/// Whose mailbox is looked for.
struct MailboxOwner {
  std::string user;  ///< login name
  uid_t uid = 0;
  std::string home;       ///< the trusted home (base::own_home), or empty
  bool own_spool = true;  ///< user mode: a mailbox below the home may stand in for /var/mail
};

enum class MailboxUse { deliver, read };

/// `setting`: `[local] mailbox` if it is configured (`%u` is the user, a leading `~/` the home, a
/// slash at the end a maildir, a leading `|` a command). variable: MAIL as it stands in the
/// environment, nullptr if it does not or may not be trusted. The folders of the stand-in below
/// the home are made, mode 0700, durably. Errors: config (a setting that cannot be one; no home),
/// retry, io.
base::Result<Mailbox> find_mailbox(const MailboxOwner& owner,
                                   const std::optional<std::string>& setting, const char* variable,
                                   MailboxUse use);

/// A typed path: a slash at its end means maildir.
Mailbox mailbox_at(std::string path);

}  // namespace store
