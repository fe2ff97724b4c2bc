#include "spool/binding.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>

namespace spool {

namespace {

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::optional<std::string> exporter(SSL* session) {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  std::string bytes(32, '\0');
  // RFC 9266 section 4.2: a context of length zero, which in TLS 1.3 is the same as none.
  if (::SSL_export_keying_material(session, bytes_of(bytes), bytes.size(), label.data(),
                                   label.size(), nullptr, 0, 1) != 1)
    return std::nullopt;
  return bytes;
}

// The first Finished message: the client's, or the server's where a session was resumed.
std::optional<std::string> first_finished(SSL* session) {
  if (::SSL_get_extms_support(session) != 1) return std::nullopt;
  std::string bytes(64, '\0');
  const auto size = ::SSL_session_reused(session) != 0
                        ? ::SSL_get_peer_finished(session, bytes.data(), bytes.size())
                        : ::SSL_get_finished(session, bytes.data(), bytes.size());
  if (size == 0 || size > bytes.size()) return std::nullopt;
  bytes.resize(size);
  return bytes;
}

// The server's certificate by the hash of its own signature; SHA-256 for those that are broken.
std::optional<std::string> end_point(SSL* session) {
  const std::unique_ptr<X509, void (*)(X509*)> certificate(::SSL_get1_peer_certificate(session),
                                                           ::X509_free);
  int hash = NID_undef;
  if (!certificate ||
      ::X509_get_signature_info(certificate.get(), &hash, nullptr, nullptr, nullptr) != 1)
    return std::nullopt;
  if (hash == NID_md5 || hash == NID_sha1) hash = NID_sha256;
  const EVP_MD* algorithm = ::EVP_get_digestbynid(hash);
  std::string bytes(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (algorithm == nullptr ||
      ::X509_digest(certificate.get(), algorithm, bytes_of(bytes), &size) != 1)
    return std::nullopt;
  bytes.resize(size);
  return bytes;
}

int place() {
  static const int index =
      CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// The session is only noted: in the handshake OpenSSL does not yet tell of the master secret.
void note(const SSL* session, int event, int) noexcept {
  if ((event & SSL_CB_HANDSHAKE_DONE) == 0) return;
  auto* noted =
      static_cast<TlsSession*>(::SSL_CTX_get_ex_data(::SSL_get_SSL_CTX(session), place()));
  if (noted != nullptr) noted->session = const_cast<SSL*>(session);
}

}  // namespace

void watch_handshakes(void* context, TlsSession& session) {
  auto* tls = static_cast<SSL_CTX*>(context);
  if (::SSL_CTX_set_ex_data(tls, place(), &session) == 1) ::SSL_CTX_set_info_callback(tls, note);
}

ChannelBindings bindings_of(TlsSession session) {
  ChannelBindings bindings;
  const auto add = [&bindings](const char* type, std::optional<std::string> bytes) {
    if (bytes) bindings.push_back({type, std::move(*bytes)});
  };
  auto* tls = static_cast<SSL*>(session.session);
  if (tls == nullptr) return bindings;
  if (::SSL_version(tls) >= TLS1_3_VERSION) add("tls-exporter", exporter(tls));
  else add("tls-unique", first_finished(tls));
  add("tls-server-end-point", end_point(tls));
  return bindings;
}

}  // namespace spool
