// notice.h - the text of bounces, delay notices and success reports: multipart/report of RFC 6522
// with the delivery status of RFC 3464. Pure: values in, text with LF line ends out.
//
// Whatever recipients, replies and DSN parameters hold, no line is longer than 998 bytes, no
// control but LF comes out, and no line that is not ours begins a field or a boundary. Where an
// address needs UTF-8, the report takes the types of RFC 6533 and the header stays ASCII but for
// To.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/rfc/envelope.h"
#include "lib/rfc/status.h"

namespace spool {

/// What a notice says of one recipient.
struct NoticeRecipient {
  /// Action of RFC 3464 section 2.3.3. relayed: to a host that reports no further; expanded: to
  /// several addresses, whose reports are their own matter.
  enum class Action { failed, delayed, delivered, relayed, expanded };
  std::string address;   ///< as it was tried; unqualified ones get Notice::domain
  std::string original;  ///< as it was submitted; may be the same or empty
  std::string orcpt;     ///< "type;xtext" of RFC 3461 section 4.2, or empty
  rfc::Outcome outcome;  ///< its status and its text are shown; the action says what happened
  Action action = Action::failed;
  std::string remote_mta;  ///< name of the host that spoke last; empty: none did
  bool expired = false;    ///< given up for its age, not for what `outcome` says
};

struct Notice {
  enum class Kind { failed, delayed, delivered };
  Kind kind = Kind::failed;
  std::string queue_id;   ///< of the message that is reported
  std::string host_name;  ///< who reports
  std::string domain;     ///< for unqualified addresses
  rfc::Path sender;       ///< whom it is for. \pre not null: nobody answers for `<>`
  std::string envid;      ///< xtext, or empty
  std::string ret;        ///< "full", "hdrs" or empty
  base::Time arrival, now;
  base::Time retry_until;  ///< of a delay notice
  long utc_offset = 0;     ///< seconds that dates are shown east of UTC
  std::uint64_t original_size = 0;
  bool eight_bit_header = false, eight_bit_body = false;  ///< of the original
  std::string original_message_id;                        ///< with its brackets; empty: it has none
  std::string message_id;                                 ///< of the notice, with its brackets
  bool last = false;                                      ///< see last_report
  std::vector<NoticeRecipient> recipients;                ///< \pre at least one
};

/// A field of reports, to a postmaster, about mail that has no sender itself. Wherever one of them
/// comes to, nobody is told that it cannot be delivered: machines whose postmasters are each
/// other's would tell each other for ever.
inline constexpr std::string_view last_report = "X-Postbag-Last-Report:";

/// A notice without the original in its middle: write `head`, the original (all of it, or the lines
/// of its header without the empty line), `tail`.
struct NoticeText {
  std::string head, tail;
  bool whole_original = false;
};

/// The original comes back whole in a bounce unless the sender wants its header only (RET=HDRS), or
/// wants nothing said and it is over 50 000 bytes; all other notices bring the header. Linear in
/// recipients, about 300 bytes each: replies are cut shorter where there are more than 1000, and
/// the text for people names 100.
NoticeText notice_text(const Notice& notice);

}  // namespace spool
