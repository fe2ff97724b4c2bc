// attachments.h - parts of a message as files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "mail/mime.h"

namespace reader {

/// What a person would save: attachments, and all else that is not shown but text of which another
/// form is shown (multipart/alternative). Parts of a message that is among them are not.
std::vector<const MimePart*> attachments_of(const MimeMessage& message);

/// The part of that number; "1" is the only part of a message that has one. nullptr: none.
const MimePart* part_numbered(const MimeMessage& message, std::string_view number);

/// safe_name(), with an extension that tells its type where it has none.
std::string file_name(const MimePart& part);

/// Write the content of a part to a new file in `folder` ("" the one at hand): `name`, or with
/// `-1`, `-2` … before its extension where that is taken. Nothing is overwritten and no link is
/// followed. The path. Errors: as Mime::extract(), retry, io.
base::Result<std::string> save_new(Mime& mime, std::string_view message, const MimePart& part,
                                   const std::string& folder, const std::string& name);

}  // namespace reader
