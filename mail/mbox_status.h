// mbox_status.h - how an mbox keeps what its reader did: the fields Status (R read, O old) and
// X-Status (A answered, F flagged, D deleted, T draft), as mutt, s-nail, Dovecot and bsd-mailx
// write and understand them. Pure.
//
// They count inside the header only, which ends before the first line that is no field and
// continues none (`>From ` among the fields is passed over, as everywhere). Other letters of
// X-Status are somebody else's and stay.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "mail/folder.h"

namespace reader {

/// What is beyond is no header for us.
constexpr std::size_t longest_header = 1 << 20;

enum class HeaderLine { field, continuation, empty, other };
/// What a line (without its LF) is to a header. first: it is the one behind the From_ line.
HeaderLine header_line_kind(std::string_view line, bool first);
/// What a field says if it is one of ours, else 0.
Flags status_letters(std::string_view line);

/// The header at the start of a message in an mbox.
struct Head {
  std::size_t begin = 0;    ///< behind the From_ line
  std::size_t end = 0;      ///< behind the last line of the header
  bool empty_line = false;  ///< an empty line is there, or nothing
  bool known = false;       ///< false: the text given ends before the header may
};
/// text: from the From_ line on; all: whether it is all of the message.
Head find_head(std::string_view text, bool all);

/// The same text, from the From_ line to Head::end at least, with other flags. Nothing changes
/// where they are the same already. A header that is not ended by an empty line gets one.
std::string with_flags(std::string_view text, Flags flags);
/// What the header says.
Flags flags_of(std::string_view text);

}  // namespace reader
