// body.h - the text of a letter as MIME sees it (RFC 2045 sections 2.7 to 2.9, 6.7): what is in it
// decides how it travels. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace reader {

struct BodyFacts {
  std::uint64_t bytes = 0, lines = 0;  ///< lines: of LF characters
  std::size_t longest = 0;             ///< bytes of the longest line, its LF not counted
  bool eight_bit = false;
  bool utf8 = true;  ///< well-formed all of it
  bool nul_or_cr = false;
  bool ends_in_line = true;  ///< an LF is its last byte, or it is empty
  /// Whether it arrives as it is without an encoding: lines of at most 998 bytes with LF at their
  /// end, no NUL, no CR.
  bool plain() const { return longest <= 998 && !nul_or_cr && ends_in_line; }
};

/// Looks at a body that comes in pieces, cut anywhere.
class BodyScan {
 public:
  void append(std::string_view piece);
  BodyFacts finish();

 private:
  void look_at_utf8(std::string_view piece);

  BodyFacts facts_;
  std::size_t line_ = 0;  // bytes of the line at hand
  std::string partial_;   // the start of a character whose end has not come yet
};

/// Quoted-printable text (RFC 2045 section 6.7), lines of at most 76 characters; CR and NUL are
/// encoded, LF ends a line. `From ` at the start of a line and a lone dot are encoded too, since
/// some on the way would change them.
class QuotedPrintable {
 public:
  void append(std::string_view piece, std::string& out);
  /// What was held back; a last line without an LF ends in a soft line break.
  void finish(std::string& out);

 private:
  void put(char c, std::string& out);
  void decided(char c, std::string& out);
  void emit(char c, bool encode, std::string& out);

  std::string start_;      // of a line, as long as it may become `From `
  bool undecided_ = true;  // whether it may
  char blank_ = 0;         // held back: at the end of a line it is encoded
  std::size_t column_ = 0;
};

/// Base64 in lines of 76 characters.
class Base64 {
 public:
  void append(std::string_view piece, std::string& out);
  void finish(std::string& out);

 private:
  std::string partial_;
};

}  // namespace reader
