// envelope.h - what SMTP calls a path: the address a message is sent to or comes from (RFC 5321
// section 4.1.2).
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace rfc {

/// A mailbox as it stands in an envelope, without angle brackets: `local@domain`, an unqualified
/// `local`, or nothing (the null sender). It cannot hold a control character (NUL, CR and LF among
/// them), unbalanced quotes, a space, `<` or
/// `>` outside quotes, or invalid UTF-8, so it may be put on an SMTP line as it is.
class Path {
 public:
  /// The null path `<>`.
  Path() = default;

  /// Parse an addr-spec. One pair of angle brackets around it, white space around it and a source
  /// route
  /// (`@a,@b:user@c`, RFC 5321 appendix C) are dropped; an empty text is the null path. Local parts
  /// are taken leniently: any run of atext and dots (dots anywhere), or a quoted-string; the domain
  /// is letters, digits, `-`, `_`, `.` and UTF-8, or an address literal in brackets. Errors: data,
  /// naming the address and what is wrong with it (control character, unbalanced quote, space,
  /// empty domain, local part over 255 or domain over 255 bytes, not UTF-8, …).
  static base::Result<Path> parse(std::string_view text);

  const std::string& text() const { return text_; }
  /// Up to the last `@` outside quotes; all of it when unqualified.
  std::string_view local() const;
  /// Behind the last `@`; empty when unqualified.
  std::string_view domain() const;
  bool null() const { return text_.empty(); }
  bool qualified() const { return !domain().empty(); }
  /// Whether it needs no SMTPUTF8 (RFC 6531).
  bool ascii() const;
  /// This path, or `local@domain` where it is unqualified and not null.
  Path qualified_with(std::string_view domain) const;
  /// Same local part to the byte and same domain but for letters' case.
  bool same(const Path& other) const;

 private:
  std::string text_;
};

}  // namespace rfc
