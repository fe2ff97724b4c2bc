// maildir_folder.h - a maildir as a Folder (https://cr.yp.to/proto/maildir.html). A message is told
// by its name up to ":2,": other programs rename it when they set flags, and it is found again
// then. One that is gone is no error when it was to go or to get flags.
//
// What another program did to its flags meanwhile stays: a commit sets and takes away only what its
// verdict says otherwise than flags(), which are those of the moment when the message was found.
// No message ever takes another's name: where the one it should get is taken, it gets a new one.
#pragma once

#include <memory>
#include <string>

#include "lib/base/result.h"
#include "mail/folder.h"

namespace reader {

/// As open_folder().
base::Result<std::unique_ptr<Folder>> open_maildir(const std::string& path, const Owner& owner);

/// Whether a folder looks like a maildir: it has cur/, new/ and tmp/.
bool is_maildir(const std::string& path);

/// Flags as they stand behind ":2," in a name, and the name in cur/ with other ones: in the order
/// of ASCII; letters that are not ours stay. `name` is "new/…" or "cur/…".
Flags maildir_flags(std::string_view name);
std::string maildir_name(std::string_view name, Flags flags);
/// The letters of flags, in the order of ASCII.
std::string maildir_letters(Flags flags);

}  // namespace reader
