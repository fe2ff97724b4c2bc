// mime_server.h - what postbag-mime does: reads MIME messages and builds them, with GMime, which is
// seen in no other file.
#pragma once

#include "lib/base/result.h"

namespace reader {

/// Answer requests (mime_wire.h) until the other side closes the socket. Errors: io.
base::Result<> serve_mime(int channel);

}  // namespace reader
