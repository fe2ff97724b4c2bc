// mbox.h - mailboxes in one file: mboxrd, in which every line `^>*From ` got one more `>`, so that
// reading takes back what writing put in. RFC 4155 describes the family.
//
// A message begins with a From_ line at the start of the file or behind an empty line; a From_ line
// ends in the date of asctime (month, day, HH:MM[:SS], year; a zone where others put one), so that
// prose that begins with "From " does not begin a message. Content-Length is not believed. What
// ends a message is the empty line before the next one, which is not the message's.
//
// A crash. Appending is not atomic: a process killed within write(), or a power cut (on ext4 the
// new length often reaches the disk before the text, and zeros are read), leaves a part of a
// message. Where it begins must be known from elsewhere, and is: a journal, one small file per
// mailbox in a folder of the writer's, says before anything is appended, durably, what is being
// delivered, how long the mailbox was, and with what the text begins. Whoever delivers the same
// again finds it, compares all that lies behind the old length with what it would write, byte by
// byte (a byte that did not arrive is zero), and either finds it whole, which counts as delivered,
// or cuts it off. If anybody else wrote to the file since, nothing fits and nothing is cut.
// The alternatives: the From_ line written last is no mark where zeros are read; a copy that is
// renamed takes the file away under everybody's locks and costs its whole size; a mark in the
// file has to be searched for. The journal costs one fdatasync of a block that is there already.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"

namespace store {

class LockedFile;

/// A message with LF line ends inside a file, the header first.
struct MessageText {
  int descriptor = -1;
  std::uint64_t offset = 0, size = 0;
};

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
std::string unquoted(std::string_view text);

/// Where an append is noted before it is made. See above.
struct Journal {
  int folder = -1;       ///< of the writer's own, on a file system that keeps what is synced
  std::string delivery;  ///< what is delivered to whom, the same at every attempt; one line
};

/// Append one message: `head` (the From_ line and fields of the delivery), the message quoted, an
/// empty line. An unfinished last message of the file is completed first. All of it is on stable
/// storage when this returns; on any error the file is cut back to what it was. journal: nullptr
/// where a half message after a crash does not matter. Errors: retry (full disk, quota, size limit
/// …), io; system_error tells which.
base::Result<> append_mbox(LockedFile& file, std::string_view head, const MessageText& text,
                           const Journal* journal);
/// The deliveries of a folder's journals that were not seen to end: they go first.
base::Result<std::vector<std::string>> unfinished_appends(int folder);

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
  void line(std::string_view line);
  void end_message();

  std::vector<MboxMessage> messages_;
  std::string partial_;       // a line whose end has not come yet
  std::uint64_t offset_ = 0;  // of the line at hand
  std::uint64_t empty_ = 0;   // length of the empty line before it, 0: there is none
  bool first_ = true;
  std::size_t doubtful_ = 0;
};

/// The messages of a file from its start to its end. Errors: io.
base::Result<std::vector<MboxMessage>> list_mbox(int descriptor, std::string_view what);

}  // namespace store
