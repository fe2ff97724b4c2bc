// address.h - address lists as they stand in header fields and on command lines (RFC 5322
// section 3.4, with the obsolete forms of section 4.4). Iterative: nesting costs no stack.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rfc {

/// One mailbox of an address list.
struct Mailbox {
  std::string address;    ///< addr-spec without comments, folding and source route; may be
                          ///< unqualified; empty for `<>`
  std::string display;    ///< the phrase before `<`, unquoted and unfolded, else the last comment's
                          ///< text; may be empty
  std::size_t begin = 0;  ///< offset in the list's text of the addr-spec, a source route included
  std::size_t end = 0;    ///< offset in the list's text just behind the addr-spec's last character
  std::string problem;  ///< empty, or what is malformed: "unbalanced '\"'", "missing ',' or '<>'",
                        ///< "no address", …
};

/// Walks an address list mailbox by mailbox. Members of groups (`name: a, b;`) are yielded like
/// others, an empty group yields nothing, empty list elements (`a,,b`) are passed over. After a
/// mailbox with a problem the walk goes on behind the next comma outside quotes, comments and
/// brackets. The text may be folded (LF followed by blanks count as white space); bytes >= 0x80 are
/// atext (RFC 6532); NUL and other controls make a problem. A comment may nest to any depth.
class AddressList {
 public:
  /// in_group: whether the text goes on inside a group that a piece before it opened.
  explicit AddressList(std::string_view text, bool in_group = false)
      : text_(text), in_group_(in_group) {}
  /// The next mailbox, or nullopt at the end.
  std::optional<Mailbox> next();
  /// Offset behind the element that next() yielded, its comma included.
  std::size_t position() const { return at_; }
  /// Whether a group is open there.
  bool in_group() const { return in_group_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool in_group_;
};

/// The list with `@domain` put behind every unqualified addr-spec; all else (comments, folding,
/// order) stays to the byte. in_group: as AddressList's. Mailboxes with a problem, `<>` and group
/// names stay as they are.
std::string qualified(std::string_view list, std::string_view domain, bool in_group = false);

/// A quoted-string (RFC 5322 section 3.2.4) of any text: what needs it has a backslash before it.
std::string quoted_string(std::string_view text);

/// A phrase for a header field: as it is if it is atoms, else a quoted-string, else (8-bit) encoded
/// words (RFC 2047). Controls become spaces; invalid UTF-8 bytes become '?'.
std::string phrase(std::string_view name);

}  // namespace rfc
