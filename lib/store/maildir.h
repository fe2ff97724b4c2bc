// maildir.h - mailboxes of one file a message (https://cr.yp.to/proto/maildir.html): written in
// tmp/, complete in new/, seen in cur/ with flags behind ":2,". Nothing is locked.
//
// The name is made of the delivery and not of a process: an attempt that is made again after a
// crash finds its message in new/, or in cur/ if it was read since, compares it, and delivers it
// once. Text is on the disk before
// the name is in new/, and the name before anybody is told.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/message_text.h"

namespace store {

/// What is delivered, the text apart.
struct MaildirDelivery {
  std::string_view unique;           ///< of this delivery among all on this machine, the same at
                                     ///< every attempt; a word of letters, digits, '_' and '.'
  std::string_view head;             ///< goes before the text
  std::optional<std::string> flags;  ///< it was seen before: it comes to cur/ with these letters
  std::optional<std::int64_t> time;  ///< when it first arrived, seconds since 1970
};
/// Deliver one message. The folder and its cur/, new/ and tmp/ are made where they are missing,
/// mode 0700, durably. Errors: no_permission (no folder, foreign owner), retry, io.
base::Result<> deliver_maildir(const std::string& path, uid_t owner,
                               const MaildirDelivery& delivery, const MessageText& text);
/// One that is new.
base::Result<> deliver_maildir(const std::string& path, uid_t owner, std::string_view unique,
                               std::string_view head, const MessageText& text);

struct MaildirMessage {
  std::string name;   ///< "new/…" or "cur/…"
  std::string flags;  ///< behind ":2,"
  std::uint64_t size = 0;
};
/// What is in new/ and cur/, by name. Errors: retry, io.
base::Result<std::vector<MaildirMessage>> list_maildir(const std::string& path);

}  // namespace store
