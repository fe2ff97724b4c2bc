// compose.h - a letter is written: by a person who is asked for a subject and may use escapes
// (`~p`), or by a pipe, where every byte is text.
#pragma once

#include "lib/base/result.h"
#include "mail/letter.h"
#include "mail/session.h"

namespace reader {

enum class Composed { ready, empty, aborted };

/// Read the body from session.input and ask for what the variables want asked. current: messages
/// that `~f` and `~m` mean without a list. Aborted letters are kept in DEAD as POSIX says. Errors:
/// io, retry.
base::Result<Composed> compose(Session& session, Letter& letter,
                               const std::vector<std::size_t>& current);

/// Aliases expanded, names each once, handed to sendmail (in several calls where a command line
/// does not hold all), recorded. A failure keeps the message in DEAD, addressed to whom it did not
/// reach, and says why (`sendmail: its words`). Errors: usage (an address that may not be one), and
/// what sendmail's exit status says.
base::Result<> send(Session& session, Letter letter);

/// Append a letter that failed before send() to DEAD; says so, or why not.
void keep_unsent(Session& session, Letter letter);

}  // namespace reader
