// smtp.h - the connection to a smarthost, made by libcurl: DNS, happy eyeballs, proxy, TLS or
// STARTTLS, verification, pinning. Nothing of the mail transaction is libcurl's
// (CURLOPT_CONNECT_ONLY): its own loses per-recipient results.
#pragma once

#include <memory>

#include "spool/binding.h"
#include "spool/settings.h"
#include "spool/stream.h"

namespace spool {

class Connection : public Stream {
 public:
  /// Connect and, if the smarthost wants it, have TLS with a verified certificate. The server's
  /// greeting has been read. Errors: retry, with a text that says what failed, for all that can go
  /// wrong: none of it is the mail's fault.
  static base::Result<std::unique_ptr<Connection>> open(const Smarthost& smarthost,
                                                        const Host& host, const std::string& helo);
  ~Connection() override;

  base::Result<> send(std::string_view text, Deadline deadline) override;
  base::Result<std::size_t> receive(std::span<char> buffer, Deadline deadline) override;
  void await_last_reply(bool patient) override { patient_ = patient; }
  /// "smtp.example.org[192.0.2.1]:587".
  const std::string& peer() const { return peer_; }
  /// What a login can be bound to; empty without TLS.
  const ChannelBindings& bindings() const;

 private:
  Connection() = default;
  struct Handle;
  std::unique_ptr<Handle> handle_;
  Deadline last_wait_end();
  std::string peer_;
  bool patient_ = false;
  std::optional<Deadline> stopped_at_;
};

}  // namespace spool
