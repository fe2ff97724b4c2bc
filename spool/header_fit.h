// header_fit.h - header fields made to fit a server that takes no 8-bit header (no SMTPUTF8, RFC
// 6531) and no line over 998 bytes. Pure: LF text in, text out; what fits stays to the byte.
#pragma once

#include <string>
#include <string_view>

namespace spool {

constexpr std::size_t largest_line = 998;  // without its line end, RFC 5321 section 4.5.3.1.6

struct FittedHeader {
  std::string text;
  /// A well-formed mailbox has an address with 8-bit characters, which has no ASCII form (5.6.7).
  bool address = false;
};
/// NUL becomes '?' (a blank could make a line a folded one). A line over 998 bytes is folded before
/// a blank that more text follows, or behind a comma of an address list, not inside a
/// quoted-string, comment or encoded word where that can be avoided; what has no such blank stays
/// for the DotStuffer to break. to_ascii: 8-bit text becomes encoded words (RFC 2047) in
/// unstructured fields, phrases, comments and malformed elements of address lists (quoted words
/// beside a phrase's encoded ones keep their quotes), an extended parameter (RFC 2231) in
/// Content-Type and Content-Disposition, and "=XX" for each byte in identifiers, dates and traces,
/// so that a Message-ID and the References to it still match. Text that is not UTF-8 is labelled
/// unknown-8bit (RFC 1428), its bytes kept.
FittedHeader fit_header(std::string_view header, bool to_ascii);

}  // namespace spool
