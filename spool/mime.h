// mime.h - what the header of a message or of a body part says about its text (RFC 2045, 2046).
// Pure: LF text in, values out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/rfc/header.h"

namespace spool {

/// Takes the first field with its folded lines and line ends off `rest`.
std::string_view take_field(std::string_view& rest);
/// Of a whole field.
rfc::Field kind_of(std::string_view field);
std::string_view name_of(std::string_view field);

/// A parameter's value without its quotes (`boundary` of Content-Type); of one that stands there
/// twice the first, nullopt when there is none. name: lower-case. Comments are passed over; an
/// unquoted value ends at ';' or white space. The forms of RFC 2231 are other names (`boundary*`).
std::optional<std::string> parameter(std::string_view field, std::string_view name);

/// What a part is to somebody who may change its transfer encoding.
enum class Composition {
  leaf,
  multipart,
  message,  ///< message/rfc822: a header and a body of its own
  fixed,    ///< message/partial, message/external-body: no encoding may be given to it
};
enum class Declared { identity, quoted_printable, base64, other };

struct PartHeader {
  Composition composition = Composition::leaf;
  Declared declared = Declared::identity;
  std::string encoding;      ///< as named, lower-case; empty: none
  std::string boundary;      ///< of a multipart, never empty there
  bool digest = false;       ///< parts of it are messages unless they say otherwise
  bool sealed = false;       ///< signed or encrypted: multipart/signed, multipart/encrypted,
                             ///< application/pkcs7-mime; its text may not change
  bool enveloped = false;    ///< sealed as application/pkcs7-mime alone
  bool signature = false;    ///< a DKIM-Signature is there
  bool has_version = false;  ///< MIME-Version
};
/// From a header with or without its last LF. Of a field that stands there twice the first counts,
/// but any of them seals. A multipart without a usable boundary (none, empty, over 200 bytes,
/// control characters) is a leaf, and so is a message/rfc822 or multipart whose encoding is base64
/// or quoted-printable, which RFC 2045 section 6.4 forbids and some programs send. An unknown
/// encoding is `identity`, as readers take it ("utf-8", "8-bit"), but for x-… and the names of
/// uuencode. default_message: the part stands in a multipart/digest.
PartHeader part_header(std::string_view header, bool default_message);

/// The header with its Content-Transfer-Encoding replaced (or added). as_message: MIME-Version and
/// "Content-Type: text/plain" are added too where missing. Other fields to the byte.
std::string with_transfer_encoding(std::string_view header, std::string_view encoding,
                                   bool as_message);

}  // namespace spool
