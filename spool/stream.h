// stream.h - a byte stream to a server, as the SMTP engine sees it. Tests and fuzzers stand in for
// a connection here.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace spool {

using Deadline = std::chrono::steady_clock::time_point;

class Stream {
 public:
  virtual ~Stream() = default;
  /// Send everything. Errors: io, retry (deadline, or told to stop).
  virtual base::Result<> send(std::string_view text, Deadline deadline) = 0;
  /// At least one byte; 0 when the other side has closed. A deadline that has passed asks for what
  /// is there already. Errors: io, retry.
  virtual base::Result<std::size_t> receive(std::span<char> buffer, Deadline deadline) = 0;
  /// With `patient`, SIGTERM does not end receive() at once but after 20 seconds: the reply to a
  /// final dot decides whether the message is sent again.
  virtual void await_last_reply(bool patient) = 0;
};

/// Set by SIGTERM, SIGINT and SIGHUP: before the final dot the connection is dropped, after it the
/// reply is awaited a little longer.
bool stop_requested();
void request_stop_on_signals();

}  // namespace spool
