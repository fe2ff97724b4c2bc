// cause.h - for what postbag gives mail back to its sender. Everything else is a delay: our own
// trouble never bounces anybody's mail.
#pragma once

#include <optional>
#include <string>

#include "lib/rfc/status.h"

namespace spool {

/// All that makes a recipient fail for good.
enum class Cause {
  refused,         ///< a 5xx to MAIL, RCPT, DATA or the final dot that is not about our set-up
  too_large,       ///< larger than the SIZE that the server offers (RFC 1870)
  needs_utf8,      ///< an address needs SMTPUTF8, which is not offered (RFC 6531)
  cannot_convert,  ///< not in a form that the server takes, and it may not be recoded
  error_route,     ///< [routes] says so
  command,         ///< a command's exit status that says so
  loop,            ///< too many Received fields, its own Delivered-To, or aliases lead nowhere else
  too_deep,        ///< aliases and .forward in more steps than anybody needs
  unknown_user,    ///< passwd says that there is no such user of this machine
  other_user,      ///< another user of this machine, and no system installation to reach him
  error_address,   ///< the virtual table says so
  expired,         ///< tried often enough, for longer than spool.lifetime
};

/// The outcome for a recipient; the only place that makes a permanent one. status: that of the
/// cause where none is given.
rfc::Outcome failed(Cause cause, std::string text,
                    std::optional<rfc::EnhancedStatus> status = std::nullopt);

}  // namespace spool
