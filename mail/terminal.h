// terminal.h - what is on the other side: a terminal of some size and charset, or a pipe; and text
// made fit for it. Nothing that mail holds reaches a terminal but through here.
#pragma once

#include <string>
#include <string_view>

namespace reader {

struct Terminal {
  bool input = false;   ///< standard input is a terminal
  bool output = false;  ///< standard output is one
  bool colour = false;  ///< it shows colours, and nobody set NO_COLOR
  int rows = 24, columns = 80;
  std::string charset = "utf-8";  ///< of the locale, lower-case; "us-ascii" for C
};

/// UTF-8 text for a terminal on one line: C0, DEL and C1 controls become the pictures U+2400…,
/// U+2421, U+FFFD; bidi and other invisible format controls U+FFFD; invalid bytes U+FFFD. LF and
/// TAB too.
std::string displayable(std::string_view text);
/// The same for text of many lines: LF and TAB stay.
std::string displayable_lines(std::string_view text);
/// Columns that displayable text takes; wide characters two, combining ones none.
std::size_t display_width(std::string_view text);
/// As much of displayable text as fits into so many columns, never cut inside a character.
std::string_view cut_to_width(std::string_view text, std::size_t columns);

/// UTF-8 text in the terminal's charset; what it does not have becomes '?'.
std::string for_charset(std::string_view text, std::string_view charset);
/// Text of a charset as UTF-8; bytes that are none become U+FFFD. A charset that mail is not
/// written in, or that nobody knows, is taken as UTF-8 where it is valid, else as windows-1252.
std::string from_charset(std::string_view text, std::string_view charset);
/// Whether it is one that from_charset() converts.
bool knows_charset(std::string_view charset);

}  // namespace reader
