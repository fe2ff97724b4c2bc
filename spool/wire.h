// wire.h - message text on its way to SMTP's DATA (RFC 5321 section 4.5.2) and the encodings that
// make any text fit (RFC 2045). Pure: LF text in, text out; every encoder takes its input in pieces
// of any size with the same result.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace spool {

/// LF to CRLF and dot-stuffing in one pass. No bare CR or LF ever comes out: a CR becomes a space,
/// except that one directly before LF goes (it is part of the line end). A line over 998 bytes is
/// broken as Postfix does it: CRLF and one space are put in, never inside a UTF-8 character where
/// that can be avoided; RFC 5321 section 4.5.3.1.6. A line up to 998 bytes, without the stuffed
/// dot, stays whatever its bytes are.
class DotStuffer {
 public:
  /// Encode a piece of LF text, appending to `out`.
  void append(std::string_view piece, std::string& out);
  /// End the message: a missing last line end and the final ".CRLF".
  void finish(std::string& out);
  /// Dots put in so far, which the size of a message does not count (RFC 1870 section 3).
  std::uint64_t stuffed() const { return stuffed_; }

 private:
  void append_lines(std::string_view& piece, std::string& out);
  void append_part(std::string_view part, std::string& out);
  void append_byte(char c, std::string& out);
  void put(char c, std::string& out);
  void write(char c, std::string& out);
  void break_line(std::string& out);
  void release(std::string& out);

  std::size_t column_ = 0;  // bytes on the line so far, without a stuffed dot
  std::string held_;        // of a character that may not fit; they themselves would
  std::uint64_t stuffed_ = 0;
  bool pending_cr_ = false;  // a CR was seen, and not yet what follows it
};

enum class TransferEncoding { none, quoted_printable, base64 };

/// Body text (LF) as quoted-printable or base64 (lines of at most 76), LF line ends. For
/// quoted-printable the LFs of the input are line breaks (RFC 2045 section 6.7); for base64 they
/// are sent as CRLF (canonical text form). A line "." or one that begins "From " is escaped in
/// quoted-printable, and so is a '-' behind a soft line break, where it could begin a delimiter.
class BodyEncoder {
 public:
  explicit BodyEncoder(TransferEncoding encoding) : encoding_(encoding) {}
  void append(std::string_view piece, std::string& out);
  void finish(std::string& out);

 private:
  void encode_quoted(bool last, std::string& out);
  bool quote_first(std::string_view rest, bool last, std::string& out);
  void encode_base64(std::string& out);

  TransferEncoding encoding_;
  std::string held_;  // what cannot be encoded before more is seen: at most a few bytes
  std::size_t column_ = 0;
};

/// Quoted-printable text whose lines are too long or that holds bytes it must not (8-bit, NUL,
/// CR): soft line breaks are put in, such bytes become "=XX" and a '=' directly before one "=3D";
/// all else stays, malformed or not.
class Requoter {
 public:
  void append(std::string_view piece, std::string& out);
  void finish(std::string& out);

 private:
  void units(bool last, std::string& out);
  void put(std::string_view unit, std::string_view behind, std::string& out);
  std::string held_;
  std::size_t column_ = 0;
};

/// Base64 in lines of 76; bytes outside of its alphabet, which no decoder counts, go.
class Rewrapper {
 public:
  void append(std::string_view piece, std::string& out);

 private:
  std::size_t column_ = 0;
};

}  // namespace spool
