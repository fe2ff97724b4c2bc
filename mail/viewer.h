// viewer.h - a part of a message in a program of the desktop's.
#pragma once

#include <string_view>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// Show a part with the command in the variable `viewer`, else xdg-open where there is a display:
/// it is given a copy in a private folder, which lies there until the session ends, since many
/// viewers return before they have read it. Errors: usage (no viewer), as save_new().
base::Result<> view(Session& session, std::string_view message, const MimePart& part);

}  // namespace reader
