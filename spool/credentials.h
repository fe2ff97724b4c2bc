// credentials.h - AUTH (RFC 4954) with PLAIN (RFC 4616) and LOGIN.
#pragma once

#include "lib/base/result.h"
#include "spool/secret.h"
#include "spool/transaction.h"

namespace spool {

/// Authenticate, by the smarthost's `auth` in that order, else PLAIN, then LOGIN; a mechanism that
/// the server refuses as such (504) is followed by the next one. Only 235 is success. Errors:
/// retry, with the server's words: a wrong password is our set-up's fault, never the mail's.
base::Result<> authenticate(Session& session, const Smarthost& smarthost, const Password& password);

}  // namespace spool
