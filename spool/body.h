// body.h - a message read from its queue entry as SMTP's DATA wants it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "spool/recode.h"
#include "spool/transaction.h"
#include "spool/wire.h"

namespace spool {

/// How a message goes over the wire to a server that offers this much.
struct BodyPlan {
  rfc::Path sender;        ///< of the envelope, rewritten where job.rewriting wants it
  std::uint64_t size = 0;  ///< exact, on the wire without dot-stuffing (RFC 1870)
  bool eight_bit = false;  ///< BODY=8BITMIME is to be said where it is offered
  bool utf8 = false;       ///< the header needs SMTPUTF8
  /// Why it cannot go at all: failed (5.6.3: it would have to be recoded and may not be, 5.6.7: an
  /// 8-bit address), or delayed where the entry cannot be read.
  std::optional<rfc::Outcome> refused;
  // For BodySource.
  std::optional<std::string> header;  ///< instead of the entry's, without the empty line
  std::uint64_t header_bytes = 0;     ///< of the entry's
  std::vector<Edit> edits;
};
/// The facts decide for the ordinary message; its text is not read. Senders are rewritten
/// (rewrite.h). Text that the other side cannot take as it is (8-bit without 8BITMIME, 8-bit in the
/// header without SMTPUTF8, lines over 998 bytes, NUL, bare CR) is recoded where it stands
/// (recode.h); that takes two readings, one to find it and one for the size. A header over 1 MiB is
/// not rewritten.
BodyPlan plan_body(const Job& job, const Capabilities& offered);

/// The entry's message behind the job's prefix, its header replaced as planned, piece by piece.
class EntryText {
 public:
  EntryText(const Job& job, const BodyPlan& plan);
  /// The next piece; empty at the end. Errors: io (the entry cannot be read), data (it is shorter
  /// than it was).
  base::Result<std::string_view> next();
  /// Whether next() has yielded all of it.
  bool ended() const { return prefix_done_ && header_done_ && at_ == end_; }

 private:
  const Job& job_;
  const BodyPlan& plan_;
  bool prefix_done_, header_done_;
  std::uint64_t at_, end_;
  std::string piece_;
};

/// Yields the text piece by piece; memory does not grow with the message. Both arguments must
/// outlive it.
class BodySource {
 public:
  BodySource(const Job& job, const BodyPlan& plan);
  /// Append a piece of wire text; false when it ends with the final dot. Errors: as EntryText's;
  /// then no final dot may be sent.
  base::Result<bool> next(std::string& text);

 private:
  EntryText entry_;
  bool recode_;
  Recoder recoder_;
  DotStuffer stuffer_;
};

}  // namespace spool
