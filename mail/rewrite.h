// rewrite.h - the end of a mailbox is replaced by other text. See journal.h for how a crash is
// survived.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lib/base/result.h"
#include "lib/store/mail_lock.h"
#include "mail/folder.h"

namespace reader {

/// The new text from P on, piece by piece; an empty piece is its end.
using NewText = std::function<base::Result<std::string>()>;

/// What shells are to say of a mailbox that was written: they announce mail where a mailbox was
/// changed after it was read.
enum class Announce { nothing, mail };

/// What comes in the place of all of a mailbox from `offset` on.
struct Replacement {
  std::uint64_t offset = 0;
  NewText text;
  Announce announce = Announce::nothing;
  Ready ready;  ///< may be none; where it fails nothing is changed
};

/// Signals are to be held (base::SignalsHeld); it gives up where one asks the program to end before
/// the mailbox is written. Errors: retry, no_permission, io, those of `ready`: nothing was changed,
/// or the text says that the next start will finish it.
base::Result<> rewrite(store::LockedFile& mailbox, const Replacement& replacement,
                       const Owner& owner);

/// Lock a mailbox that is there for who may write it, whosever it is. Errors: as
/// LockedFile::open().
base::Result<store::LockedFile> lock_mailbox(const std::string& path, const Owner& owner);

/// Finish what a crash cut off, if there is such a thing. Returns what a person should know (where
/// the text is that does not fit any more), or nothing. Errors: retry (locked), no_permission, io.
base::Result<std::string> finish_rewrite(const std::string& path, const Owner& owner);

}  // namespace reader
