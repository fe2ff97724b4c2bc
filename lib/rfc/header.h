// header.h - header fields (RFC 5322 section 2.2 and 3.6).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rfc {

/// If `line` begins a header field, the length of its name (printable ASCII but space and ':'),
/// else 0. The colon may be preceded by blanks (obsolete, RFC 5322 section 4.5).
std::size_t field_name_length(std::string_view line);

/// What a field means to us; letters' case does not matter. Resent fields are apart from their
/// originals.
enum class Field {
  other,
  from,
  sender,
  reply_to,
  to,
  cc,
  bcc,
  date,
  message_id,
  return_path,
  content_length,
  mime_version,
  content_type,
  content_transfer_encoding,
  received,
  delivered_to,
  errors_to,
  resent_from,
  resent_sender,
  resent_reply_to,
  resent_to,
  resent_cc,
  resent_bcc,
  resent_date,
  resent_message_id,
};
Field field_of(std::string_view name);

/// Whether the field's body is an address list.
bool holds_addresses(Field field);

/// The body on one line: each line end with the blanks around it becomes one space; trimmed.
std::string unfolded(std::string_view body);

/// RFC 2047: text for an unstructured field: as it is if printable ASCII, else encoded words
/// (UTF-8, Q or B, whichever is shorter, each at most 75 bytes, joined by "\n " and never cutting a
/// character). Controls become spaces; invalid UTF-8 bytes become '?'.
std::string encoded_text(std::string_view text);

}  // namespace rfc
