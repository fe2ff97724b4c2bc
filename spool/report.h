// report.h - log lines in Postfix's shapes, so that pflogsumm and logwatch read them.
#pragma once

#include <string>
#include <string_view>

#include "lib/rfc/status.h"
#include "lib/store/entry.h"

namespace spool {

/// What took how long, in seconds: before the flush saw the message, within it, setting up the
/// session, transmission.
struct Delays {
  double before = 0, inside = 0, connect = 0, transmit = 0;
};

/// Postfix's number: two significant digits, not finer than 0.01, whole from 100 on.
std::string delay_text(double seconds);

/// Who took it, and for the how-many-eth message of the session.
struct Relay {
  std::string_view name;
  unsigned use = 1;
};

/// "ID: to=<…>, [orig_to=<…>, ]relay=…, [conn_use=N, ]delay=…, delays=a/b/c/d, dsn=…,
/// status=sent|deferred|bounced (…)".
std::string delivery_line(std::string_view id, const store::Recipient& recipient, Relay relay,
                          const Delays& delays, const rfc::Outcome& outcome);

}  // namespace spool
