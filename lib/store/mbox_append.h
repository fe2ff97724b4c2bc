// mbox_append.h - put a message behind the others of an mbox, all of it or nothing.
//
// A crash. Appending is not atomic: a process killed within write(), or a power cut (on ext4 the
// new length often reaches the disk before the text, and zeros are read), leaves a part of a
// message. Where it begins must be known from elsewhere, and is: a note says before anything is
// appended what is being delivered and how long the mailbox was. Whoever delivers the same again
// finds it, compares all that lies behind the old length with what it would write, byte by byte (a
// byte that did not arrive is zero), and either finds it whole, which counts as delivered, or cuts
// it off. So a delivery whose end nobody heard of is made once all the same. If anybody else wrote
// to the file since, nothing fits and nothing is cut.
//
// The note is an attribute of the mailbox, user.postbag, on ext4, xfs and btrfs, which take it to
// the disk no later than the new length: the mailbox's fdatasync is the only one. Elsewhere it is
// the target of a symbolic link, append.HASH in a folder of the writer's, synced before.
// The alternatives: the From_ line written last is no mark where zeros are read; a copy that is
// renamed takes the file away under everybody's locks and costs its whole size; a mark in the
// file has to be searched for.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/store/mail_lock.h"
#include "lib/store/message_text.h"

namespace store {

/// Where an append is noted before it is made, if not in the mailbox. See above.
struct Journal {
  int folder = -1;       ///< of the writer's own, on a file system that keeps what is synced
  std::string delivery;  ///< what is delivered to whom, the same at every attempt; one line
};

/// Append one message: `head` (the From_ line and fields of the delivery), the message quoted, an
/// empty line. An unfinished last message of the file is completed first. All of it is on stable
/// storage when this returns; on any error the file is cut back to what it was. journal: nullptr
/// where a half message after a crash does not matter. Errors: retry (full disk, quota, size limit
/// …), io; system_error tells which.
base::Result<> append_mbox(LockedFile& file, std::string_view head, const MessageText& text,
                           const Journal* journal);

/// Messages as they stand in an mbox, one at each call; an empty one is behind the last.
using StoredMessages = std::function<base::Result<std::string>()>;

/// Append messages that come from another mbox: From_ line, text quoted already, an empty line
/// each. All of them or none, on stable storage when this returns: it gives up where signals are
/// held and one comes that asks the program to end. Errors: as append_mbox(), and those of
/// `messages`.
base::Result<> append_stored(LockedFile& file, const StoredMessages& messages);

}  // namespace store
