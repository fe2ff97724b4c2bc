// binding.h - channel bindings: what ties a login to the TLS session it runs in (RFC 5056), so that
// nobody can pass it on from a session of his own.
#pragma once

#include <string>
#include <vector>

namespace spool {

struct ChannelBinding {
  std::string type;   ///< as SCRAM's gs2 header names it: "tls-exporter", …
  std::string bytes;  ///< raw
};

/// The most telling first: tls-exporter (RFC 9266) in TLS 1.3; tls-unique (RFC 5929) in TLS 1.2
/// where the extended master secret (RFC 7627) makes it unique indeed; and tls-server-end-point
/// (RFC 5929) wherever the certificate's signature has a hash. Empty without TLS.
using ChannelBindings = std::vector<ChannelBinding>;

/// A TLS session of OpenSSL's, of which nothing is owned: libcurl's cannot outlive its connection,
/// since what it reads through is freed with that.
struct TlsSession {
  void* session = nullptr;
};
/// Notes in `session`, which must outlive the context's sessions, the last one whose handshake came
/// to its end. `context` is an SSL_CTX of OpenSSL's.
void watch_handshakes(void* context, TlsSession& session);
/// Of a living session that is no longer in its handshake; of none, none.
ChannelBindings bindings_of(TlsSession session);

}  // namespace spool
