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
/// that can be avoided; RFC 5321 section 4.5.3.1.6.
class DotStuffer {
 public:
  /// Encode a piece of LF text, appending to `out`.
  void append(std::string_view piece, std::string& out);
  /// End the message: a missing last line end and the final ".CRLF".
  void finish(std::string& out);

 private:
  void append_part(std::string_view part, std::string& out);
  void append_byte(char c, std::string& out);
  void put(char c, std::string& out);

  std::size_t column_ = 0;   // bytes on the line so far, a stuffed dot among them
  bool pending_cr_ = false;  // a CR was seen, and not yet what follows it
};

enum class TransferEncoding { none, quoted_printable, base64 };

/// Body text (LF) as quoted-printable or base64 (lines of at most 76), LF line ends. For
/// quoted-printable the LFs of the input are line breaks (RFC 2045 section 6.7); for base64 they
/// are sent as CRLF (canonical text form). A line "." or one that begins "From " is escaped in
/// quoted-printable.
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

/// What a message's header says that recoding must know.
struct MimeFacts {
  bool leaf = true;      ///< not multipart/* and not message/*: the body may be recoded as a whole
  bool identity = true;  ///< transfer encoding absent, 7bit, 8bit or binary
  bool signed_or_encrypted =
      false;  ///< DKIM-Signature, multipart/signed, multipart/encrypted, application/pkcs7-mime
};
/// From a whole header (LF text, fields folded or not, without the empty line).
MimeFacts mime_facts(std::string_view header);

/// The header with its Content-Transfer-Encoding replaced (or added), MIME-Version and
/// "Content-Type: text/plain" added where missing; other fields to the byte.
std::string with_transfer_encoding(std::string_view header, TransferEncoding encoding);

}  // namespace spool
