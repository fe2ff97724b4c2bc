// body.h - a message read from its queue entry as SMTP's DATA wants it.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "spool/transaction.h"
#include "spool/wire.h"

namespace spool {

/// How the text goes over the wire, decided from the facts and, where they ask for recoding, from
/// the header.
struct BodyPlan {
  TransferEncoding encoding = TransferEncoding::none;
  std::uint64_t size =
      0;  ///< on the wire without dot-stuffing (RFC 1870); an estimate from below when recoded
};
/// Text that the other side cannot take as it is (8-bit without 8BITMIME, lines over 998 bytes,
/// NUL, bare CR) is recoded as a whole where the message is one leaf with an identity encoding and
/// not signed; everything else goes as it is, long lines broken.
BodyPlan plan_body(const Job& job, bool eight_bit_offered);

/// Yields the text piece by piece; memory does not grow with the message.
class BodySource {
 public:
  BodySource(const Job& job, const BodyPlan& plan);
  /// Append a piece of wire text; false when it ends with the final dot. Errors: io (the entry
  /// cannot be read), data (it is shorter than it was): then no final dot may be sent.
  base::Result<bool> next(std::string& text);

 private:
  const Job& job_;
  BodyEncoder encoder_;
  bool recode_;
  DotStuffer stuffer_;
  std::uint64_t at_, end_;
  std::string piece_, head_;
};

}  // namespace spool
