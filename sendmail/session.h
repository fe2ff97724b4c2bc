// session.h - SMTP on standard input and output (`-bs`, RFC 5321), for callers that want a
// dialogue, and XENTRY, by which a sendmail that cannot write its own spool hands a whole queue
// entry to one that can.
#pragma once

#include "lib/base/result.h"
#include "sendmail/compose.h"

namespace submit {

/// Speak until QUIT or the end of input. `stored` is called after each commit: nothing it does may
/// fail the message. Returns the exit status. Errors: io (input or output), never for what a client
/// says.
base::Result<int> serve(const Context& context, int input, int output,
                        void (*stored)(const Context&, const Stored&));

}  // namespace submit
