// mbox.h - mailboxes in one file: mboxrd, in which every line `^>*From ` got one more `>`, so that
// reading takes back what writing put in. RFC 4155 describes the family.
//
// A message begins with a From_ line at the start of the file or behind an empty line; a From_ line
// ends in the date of asctime (month, day, HH:MM[:SS], year; a zone where others put one), so that
// prose that begins with "From " does not begin a message. Content-Length is not believed. What
// ends a message is the empty line before the next one, which is not the message's.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace store {

/// "From SENDER Sat Nov 28 13:59:00 2026\n". The null sender is MAILER-DAEMON; blanks and controls
/// in a sender become '_', so it stays one word on one line. offset: of local time, seconds east.
std::string from_line(std::string_view sender, base::Time time, long offset);
/// Whether a line (without its LF; a CR before it is allowed) is a From_ line that may begin a
/// message.
bool is_from_line(std::string_view line);

/// `text` as it stands in an mbox. Pieces may end anywhere.
class Quoter {
 public:
  void append(std::string_view piece, std::string& out);
  /// What was held back, and an LF where the last line has none.
  void finish(std::string& out);

 private:
  void flush_start(std::string& out);
  bool undecided_ = true;                 // a line has begun and may yet be `>*From `
  std::size_t arrows_ = 0, matched_ = 0;  // of its '>' and of "From "
};
/// One `>` less before each `>*From ` that has one: the inverse.
std::string mboxrd_unquoted(std::string_view text);

/// Where a message lies in an mbox.
struct MboxMessage {
  std::uint64_t start = 0;  ///< of its From_ line
  std::uint64_t text = 0;   ///< of what is behind that line
  std::uint64_t end = 0;    ///< behind its last byte; the empty line that ends it is not its own
  bool operator==(const MboxMessage&) const = default;
};

/// Finds the messages of an mbox that is given in pieces, from its start.
class MboxScanner {
 public:
  void append(std::string_view piece);
  /// All messages; text before the first From_ line is none.
  std::vector<MboxMessage> finish();
  /// How many lines behind an empty one began with "From " and yet began no message.
  std::size_t doubtful() const { return doubtful_; }

 private:
  void line(std::string_view line, std::uint64_t length);
  void end_message();

  std::vector<MboxMessage> messages_;
  std::string partial_;       // the start of a line whose end has not come yet
  std::uint64_t length_ = 0;  // of all of it so far
  std::uint64_t offset_ = 0;  // of the line at hand
  std::uint64_t empty_ = 0;   // length of the empty line before it, 0: there is none
  bool first_ = true;
  std::size_t doubtful_ = 0;
};

/// The messages of a file from its start to its end. Errors: io.
base::Result<std::vector<MboxMessage>> list_mbox(int descriptor, std::string_view what);

}  // namespace store
