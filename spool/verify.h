// verify.h - `sendmail -bv`: where mail for an address would go, told step by step. Pure but for
// the look-ups: it reads no queue and delivers nothing.
#pragma once

#include <string>

#include "spool/expand.h"
#include "spool/settings.h"

namespace spool {

/// What is told of an address, and the exit status that it means.
struct Findings {
  std::string text;  ///< lines, LF behind each; printable
  int status = 0;    ///< EX_OK, EX_NOUSER (an unknown user), EX_UNAVAILABLE (it would be returned
                     ///< for another reason), EX_TEMPFAIL (it would wait), EX_DATAERR (no address)
};

/// address: as somebody writes it, `\user` among the forms. Each step stands on a line of its own,
/// indented by its depth: "jane -> \jane (.forward)". Then each end in Sendmail's wording: "jane...
/// deliverable: mailer local, user jane".
Findings verify(const std::string& address, const Settings& settings, const Rules& rules,
                Lookups& lookups);

/// The status of several: the first of unknown user, returned, waits, no address that is among
/// them.
int worse(int one, int other);

}  // namespace spool
