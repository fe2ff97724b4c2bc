// fixup.h - a message's header on its way in: what must not travel goes, addresses are qualified,
// and what is missing is known at its end (RFC 5322 section 3.6, RFC 6409 section 8). Text in, text
// out; no I/O.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/rfc/header.h"

namespace submit {

/// Takes header text line by line and yields the fields that stay.
class HeaderFixup {
 public:
  /// domain: put behind unqualified addresses. Recipient fields are collected only if asked for
  /// (-t).
  HeaderFixup(std::string domain, bool collect_recipients)
      : domain_(std::move(domain)), collect_recipients_(collect_recipients) {}

  /// What became of a line.
  enum class Taken {
    yes,   ///< it belongs to the header
    end,   ///< it is the empty line that ends the header
    body,  ///< it is no header line: the header ended before it, with no empty line between
  };
  /// A line with its LF, or the beginning of one that is too long for the caller's buffer (at least
  /// 1000 bytes). Text that stays is appended to `out`.
  Taken line(std::string_view text, std::string& out);
  /// More of the line that was begun.
  void more_of_line(std::string_view text, std::string& out);
  /// The header has ended: text of the last field goes to `out`.
  void finish(std::string& out);

  bool has(rfc::Field field) const { return (seen_ & bit(field)) != 0; }
  /// Whether it is a resent message, i.e. any Resent- field was seen.
  bool resent() const;
  /// Bodies of the recipient fields, in order: of Resent-To, -Cc and -Bcc if there is any such,
  /// else of To, Cc and Bcc.
  const std::vector<std::string>& recipient_fields() const {
    return resent_lists_.empty() ? lists_ : resent_lists_;
  }

 private:
  static constexpr std::uint64_t bit(rfc::Field field) {
    return std::uint64_t{1} << static_cast<unsigned>(field);
  }
  void begin_field(std::string_view text, std::size_t name_length, std::string& out);
  void end_field(std::string& out);
  void hold(std::string_view text, std::string& out);
  void release(std::string& out);
  void collect(std::string_view body);

  enum class Sink { none, drop, copy, hold };
  std::string domain_;
  bool collect_recipients_;
  Sink sink_ = Sink::none;  // where the current field's text goes
  rfc::Field field_ = rfc::Field::other;
  std::string held_;             // the field while sink_ is hold
  std::size_t body_offset_ = 0;  // of the body in held_, behind the colon
  bool partly_out_ = false;      // the field is long, and its beginning went out already
  bool in_group_ = false;        // ... inside an address group
  std::uint64_t seen_ = 0;
  bool first_line_ = true;
  std::vector<std::string> lists_, resent_lists_;
};

/// Values for fields that are added where they are missing.
struct Origin {
  std::string from;        ///< "Jane Doe <jane@lan.example>"
  std::string date;        ///< RFC 5322
  std::string message_id;  ///< with its brackets
};
/// The missing fields, LF behind each.
std::string missing_fields(const HeaderFixup& header, const Origin& origin);

/// The MIME fields that make 8-bit body text legible (RFC 2045), those that are missing of
/// MIME-Version, Content-Type and Content-Transfer-Encoding; nothing for a 7-bit body. utf8:
/// whether the body is valid UTF-8.
std::string late_mime_fields(const HeaderFixup& header, bool eight_bit_body, bool utf8);
/// The longest text late_mime_fields() can return.
constexpr std::size_t late_mime_room = 120;

}  // namespace submit
