// credentials.h - AUTH (RFC 4954): which mechanism, the exchange, and what a refusal means.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"
#include "spool/sasl.h"
#include "spool/secret.h"
#include "spool/transaction.h"

namespace spool {

/// What a login needs to know of the connection.
struct LoginPlace {
  Host host;
  ChannelBindings bindings;
  std::string nonce;  ///< random, printable, no comma; for this login alone
};

/// A mechanism to try, and how it is bound to the TLS session.
struct Candidate {
  std::string_view mechanism;  ///< of mechanism_names
  Binding binding = Binding::none;
  ChannelBinding channel;
};

/// In the order they are to be tried: what is both offered and wanted, by the order of `wanted` or,
/// where that is empty, of mechanism_names without those that want a token. One with channel
/// binding stands there once for each binding there is.
std::vector<Candidate> candidates(const std::vector<std::string>& offered,
                                  const std::vector<std::string>& wanted,
                                  const ChannelBindings& bindings);

/// Whether a refusal is about the mechanism and not about who we are, so that another mechanism may
/// be tried: 504, 534, 538, 432 (RFC 4954 section 6), 500 with 5.5.6, and any 5yz with X.5.4,
/// X.7.4, X.7.9, X.7.10 or X.7.11.
bool mechanism_refused(const rfc::SmtpReply& reply);

/// Authenticate with the candidates in order; only a mechanism that is refused as such is followed
/// by the next: a wrong password does not become right by another mechanism, and accounts are
/// locked after a few. Only 235 is success, and with SCRAM only after the server has shown that it
/// knows the password. Errors: retry, with the server's words: a wrong password is our set-up's
/// fault, never the mail's; config.
base::Result<> authenticate(Session& session, const Smarthost& smarthost, const Password& password,
                            const LoginPlace& place);

}  // namespace spool
