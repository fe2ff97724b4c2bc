// mime_server.h - what postbag-mime does: reads MIME messages and builds them, with GMime, which is
// seen in no other file.
#pragma once

#include <cstdint>

#include "lib/base/result.h"

namespace reader {

/// Answer requests (mime_wire.h) until the other side closes the socket. before: called with the
/// size of each message, or of all that one is built of, before it is looked at; may be nullptr.
/// Errors: io.
base::Result<> serve_mime(int channel, void (*before)(std::uint64_t size));

}  // namespace reader
