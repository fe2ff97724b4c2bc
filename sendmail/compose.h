// compose.h - one message on its way from its writer to storage, well-formed whatever was written:
// line ends, header, missing fields. Fed with text of any size in pieces of any size; memory does
// not grow with the message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/base/user.h"
#include "lib/store/site.h"
#include "sendmail/fixup.h"
#include "sendmail/recipients.h"
#include "sendmail/scratch.h"
#include "sendmail/submit.h"

namespace submit {

/// What is the same for every message of one process.
struct Context {
  const store::Site* site = nullptr;
  const base::Identity* who = nullptr;
  const store::Spool* spool =
      nullptr;  ///< nullptr: it cannot be opened, and `spool_trouble` says why
  std::string spool_trouble;
  base::Time (*clock)() = nullptr;
};

/// What a caller says of one message besides its text.
struct Order {
  store::Sender sender;
  Recipients recipients{""};
  bool recipients_from_header = false;
  std::string full_name;  ///< for a From field that is missing; empty: passwd's
};

/// What was stored.
struct Stored {
  std::string id;
  bool in_spool = false;
  std::uint64_t bytes = 0;
};

class Composer {
 public:
  Composer(const Context& context, Order order);
  /// Text with LF, CRLF or mixed line ends. Errors: usage (no recipient), data (addresses, size),
  /// retry.
  base::Result<> append(std::string_view text);
  /// The end of the message and the commit point. Errors: as append.
  base::Result<Stored> finish();

 private:
  base::Result<> header_text(std::string_view& text);
  base::Result<> header_line(std::string_view line);
  base::Result<> end_header();
  base::Result<> body_text(std::string_view text);
  base::Result<> body_piece(std::string_view piece);
  base::Result<> store(std::string_view text);
  base::Result<> check_size(std::uint64_t bytes) const;
  Origin origin() const;
  std::string received() const;
  void check_utf8(std::string_view text);

  const Context& context_;
  Order order_;
  base::Time arrival_;
  HeaderFixup header_;
  Scratch scratch_;
  std::optional<Storage> storage_;  // engaged from the end of the header on
  std::string line_;                // the beginning of a header line whose end has not come yet
  bool line_begun_ = false;         // ... and was given to header_ because it is long
  std::uint64_t header_bytes_ = 0;  // read; a header without end must not fill the disk
  // The last byte was a CR: it ended a header line, and an LF behind it belongs to it; or it is not
  // known yet whether it is content of the body or half of a line end.
  enum class CarriageReturn { none, ended_line, undecided };
  CarriageReturn carriage_return_ = CarriageReturn::none;
  bool eight_bit_ = false, utf8_ = true;
  std::string utf8_carry_;
  char last_ = '\n';
};

}  // namespace submit
