// tilde.h - command escapes (POSIX mailx, "Command Escapes in mailx"): lines of a letter that begin
// with `~` and are meant for mail. They exist where a person types, or where -~ asks for them, and
// nowhere else (CVE-2021-32749).
#pragma once

#include <optional>
#include <string_view>

namespace reader {

struct Escape {
  char letter = 0;
  std::string_view argument;  ///< without blanks around it
};

/// The escape that a line is; nullopt: it is text. escape: the variable of that name; empty: there
/// are none. A line with it twice (`~~x`) has the letter `~` and all that follows as its argument.
std::optional<Escape> parse_escape(std::string_view line, std::string_view escape);

/// What `~?` prints.
std::string_view escape_help();

/// `\t` and `\n` in sign and Sign as they are meant.
std::string signature_text(std::string_view text);

/// Each line that is not empty with `prefix` before it.
std::string indented(std::string_view text, std::string_view prefix);

}  // namespace reader
