// content.h - what a file that is sent holds, and how it best travels (RFC 2045 sections 2 and 6,
// RFC 2046).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "mail/mime.h"
#include "mail/mime_wire.h"

namespace reader {

/// What was seen of bytes that came in pieces.
class Content {
 public:
  void append(std::string_view piece);
  void finish();

  bool ascii() const { return !eight_bit_; }
  bool utf8() const { return utf8_; }
  /// NUL, CR, escapes: anything below a blank but TAB and LF, and DEL.
  bool controls() const { return controls_; }
  /// Lines of at most 998 bytes.
  bool short_lines() const { return longest_ <= 998; }
  /// Whether a line begins with "From ", before which mailboxes put a '>'.
  bool from_lines() const { return from_lines_; }
  /// What people call text.
  bool text() const { return utf8_ && !nul_; }

 private:
  void check_utf8(std::string_view piece);

  std::string carried_;  // the start of a sequence whose end has not come yet
  std::uint64_t line_ = 0, longest_ = 0;
  std::size_t from_ = 0;  // how much of "From " the line at hand has been so far
  bool eight_bit_ = false, utf8_ = true, controls_ = false, nul_ = false, from_lines_ = false;
};

/// Read all of a file from its start. Errors: io.
base::Result<Content> look_at(int file, std::string_view what);

/// How the text of a letter is sent: as text whatever it holds, so that a control byte in a log
/// does not make an attachment of it. type: with parameters if it has some.
Entity text_entity(std::string_view type, const Content& content);
/// How an attachment is sent. Text goes as such only where nothing changes it on the way.
Entity attachment_entity(const Attachment& attachment, const Content& content);

/// The type that goes with a file name's extension: of a small table, else of /etc/mime.types;
/// empty if neither knows it.
std::string type_of_name(std::string_view name);

}  // namespace reader
