// scram.h - SCRAM (RFC 5802, RFC 7677): both sides show that they know the password, and neither
// says it.
#pragma once

#include "spool/digest.h"
#include "spool/sasl.h"

namespace spool {

/// A password outside of ASCII is sent as it is written: SASLprep (RFC 4013) would change only what
/// a keyboard rarely makes. Iterations over ten million, and any extension that a server demands,
/// are refused.
class Scram : public Mechanism {
 public:
  Scram(Hash hash, Login login) : hash_(hash), login_(std::move(login)) {}

  base::Result<std::optional<Password>> initial() override;
  base::Result<Password> respond(std::string_view challenge) override;
  base::Result<> accepted() const override;
  std::string reason() const override { return reason_; }
  bool unsuitable() const override;

 private:
  enum class Step { first, proof, done };
  std::string gs2_header() const;
  base::Result<Password> prove(std::string_view server_first);
  base::Result<Password> verify(std::string_view server_final);

  Hash hash_;
  Login login_;
  Step step_ = Step::first;
  std::string client_first_;      // without the gs2 header
  std::string server_signature_;  // as it must be
  std::string reason_;
};

}  // namespace spool
