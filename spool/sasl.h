// sasl.h - the client's side of login mechanisms (SASL, RFC 4422): PLAIN (RFC 4616), LOGIN,
// CRAM-MD5 (RFC 2195), SCRAM with SHA-1 and SHA-256 and with channel binding (RFC 5802, 7677, 5929,
// 9266), XOAUTH2 and OAUTHBEARER (RFC 7628). Pure: what the server says in, what to say out; base64
// on both sides, no line ends.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "spool/binding.h"
#include "spool/secret.h"

namespace spool {

/// SCRAM's remark about channel binding: `none`, we cannot; `not_offered`, we could, but the server
/// names no mechanism with it; `bound`.
enum class Binding { none, not_offered, bound };

/// What a login is made of.
struct Login {
  std::string user;
  const Password* password;  ///< outlives the mechanism; for XOAUTH2 and OAUTHBEARER the token
  std::string host;          ///< of the server, for OAUTHBEARER
  std::uint16_t port = 587;
  std::string nonce;  ///< printable, no comma; random, and never used before
  Binding binding = Binding::none;
  ChannelBinding channel;  ///< where binding is `bound`
};

/// One login on its way.
class Mechanism {
 public:
  virtual ~Mechanism() = default;
  /// What to send with AUTH or, where that line would be too long, after an empty challenge;
  /// nullopt where the server speaks first.
  virtual base::Result<std::optional<Password>> initial() = 0;
  /// The answer to a challenge. Errors: retry, at the third challenge at the latest: the exchange
  /// is to be cancelled.
  virtual base::Result<Password> respond(std::string_view challenge) = 0;
  /// Whether the server, which says that we are in, has said all that it must. Errors: retry.
  virtual base::Result<> accepted() const { return {}; }
  /// What the server gave as its reason within the exchange; untrusted.
  virtual std::string reason() const { return {}; }
  /// That reason is about the mechanism, not about who we are.
  virtual bool unsuitable() const { return false; }
};

/// The mechanism names that make_mechanism() knows, lower-case, the best first. The last two want
/// a token for a password.
inline constexpr std::array<std::string_view, 9> mechanism_names{"scram-sha-256-plus",
                                                                 "scram-sha-256",
                                                                 "scram-sha-1-plus",
                                                                 "scram-sha-1",
                                                                 "cram-md5",
                                                                 "plain",
                                                                 "login",
                                                                 "oauthbearer",
                                                                 "xoauth2"};

/// Errors: config: the password or the user cannot be sent by this mechanism.
base::Result<std::unique_ptr<Mechanism>> make_mechanism(std::string_view name, Login login);

/// Base64 (RFC 4648 section 4), padded; nullopt for anything else, stray bits too.
std::optional<std::string> from_base64(std::string_view text);

/// A user name in a gs2 header or a SCRAM message: saslname of RFC 5801 section 4.
std::string sasl_name(std::string_view user);

}  // namespace spool
