// select.h - message lists (POSIX mailx, "Messages"): `1 3-5`, `.`, `^`, `$`, `*`, `+`, `-`,
// `/subject`, `address`, `:n` …
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// Over which messages a list goes.
enum class Among { present, deleted };

/// The messages (indexes, ascending, each once) that a list of words names. An empty list is the
/// current message. Errors: usage, with bsd-mailx's sentences ("99: Invalid message number", "No
/// applicable messages from {alice, bob}", `Unknown colon modifier ":z"`, …).
base::Result<std::vector<std::size_t>> select_messages(Session& session,
                                                       const std::vector<std::string>& words,
                                                       Among among);

}  // namespace reader
