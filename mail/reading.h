// reading.h - what main() hands over to when it does not send.
#pragma once

#include "lib/base/result.h"
#include "mail/options.h"
#include "mail/session.h"

namespace reader {

/// The modes read, exists and headers, from the start-up files to the exit status. Errors: as
/// enter(), usage.
base::Result<int> read_mail(Session& session, const Invocation& invocation);

/// Variables of the command line, then the start-up files (`-n`, MAILRC), then `-S` once more,
/// which goes before them, and `-X`. Mistakes in them are told and are no error.
void start_up(Session& session, const Invocation& invocation);

}  // namespace reader
