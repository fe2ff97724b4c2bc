// journal.h - the end of a mailbox is replaced in place, and no crash loses a message.
//
// In place, because a file that is renamed over a mailbox takes it away from under those who wait
// for its lock, gives it another inode, owner and mode, and cannot be made in /var/mail. Only what
// lies behind the first change is written. Before the mailbox is touched, a journal in a folder of
// the user's own holds all that will lie there: it is synced, gets its name, and the folder is
// synced. That is the commit point. From then on the new text is safe, whatever becomes of the
// mailbox, and whoever opens the mailbox next finishes the work. The journal goes, durably, when
// the mailbox is on the disk.
//
// Call P the offset of the first change, S the old size, N the new one. The order of writing:
//   1. [S, N) where N > S, synced: what needs room comes first. No room: the mailbox is cut back
//      to S, the journal goes, nothing has happened.
//   2. [P, min(S, N)), synced. This overwrites and needs no room.
//   3. The file is cut to N where N < S, and synced.
//
// What a crash leaves, and what is done with it. Between the crash and the next start of ours,
// others may have appended mail (E: an empty line or two where the text did not end in one, then a
// From_ line); they find the file as it is, so E begins at the length of that moment.
//   a. N >= S. The length was something from S to N, [S, length) is new text or zeros (a length
//      can reach the disk before its text). [P, S) is old or new by sectors of 512 bytes, one of
//      them perhaps half of each (a process that was killed within a write). E begins at the last
//      From_ line before which all is new text or zeros.
//   b. N < S, not cut yet: the length was S, [N, S) is old, [P, N) old or new by sectors. E, if
//      any, begins at S.
//   c. N < S and cut: all of [P, N) is new, for it was synced before. E begins at N. Nothing is
//      left to do.
//   In b, [N, S) must be the old text to the byte, and in c all of [P, N) new: E cannot be both
//   the old text and mail, so b and c exclude each other. Where nothing was written yet, a and b
//   hold all the same.
// With E the new end of the mailbox is the journal's text, an empty line where it does not end in
// one, and E from its From_ line on: a new journal that holds both takes the old one's name
// (atomically) before anything is written, so a crash while a crash is repaired is one of the cases
// above again. Without E writing is simply done again.
// What fits none of them was changed by somebody who does more than append: then nothing is
// overwritten. The journal's text becomes an mbox beside it and the user is told its name.
//
// The file is recognised by its bytes, by up to 4 KiB before P among others, not by its number:
// devices are numbered anew at each start, and a restored mailbox fits as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"

namespace reader {

/// Sum of bytes that are given in pieces: quick, against accidents and not against malice.
class Sum {
 public:
  void add(std::string_view text);
  std::uint64_t value() const;

 private:
  void word(std::uint64_t bytes);
  std::uint64_t value_ = 0x2545F4914F6CDD1Du, length_ = 0, partial_ = 0;
};

/// What a journal says, its text apart.
struct JournalFacts {
  std::string path;                                      ///< of the mailbox
  std::uint64_t offset = 0, old_size = 0, new_size = 0;  ///< P, S, N
  std::uint64_t before = 0;                              ///< sum of up to 4 KiB before P
  std::uint64_t text = 0, sectors = 0;  ///< sums of the new text, and of the list of old sectors
  bool operator==(const JournalFacts&) const = default;
  std::uint64_t text_size() const { return new_size - offset; }
};

/// A journal is this header, the new text, and for each sector of the old text four bytes.
constexpr std::size_t journal_header_size = 8192;
std::string journal_header(const JournalFacts& facts);
/// nullopt: damaged, or of another version.
std::optional<JournalFacts> parse_journal_header(std::string_view text);
/// Of an open journal, all of it checked. Errors: data (damaged), io.
base::Result<JournalFacts> read_journal(int journal);

/// Where the sector that holds `at` ends: at a multiple of 512, and at N and S.
std::uint64_t sector_end(const JournalFacts& facts, std::uint64_t at);
/// The list of a mailbox's sectors from P to S. Errors: io.
base::Result<std::string> list_sectors(int mailbox, const JournalFacts& facts);
/// JournalFacts::before of a mailbox. Errors: io.
base::Result<std::uint64_t> sum_before(int mailbox, std::uint64_t offset);

/// Which case a mailbox is in, for a journal.
struct Finding {
  enum class State { unfinished, done, foreign };
  State state = State::foreign;
  std::uint64_t late = 0;  ///< unfinished: mail from here to the end came after the crash
  bool operator==(const Finding&) const = default;
};
/// mailbox, journal: descriptors. Errors: io.
base::Result<Finding> examine(int mailbox, std::uint64_t size, int journal,
                              const JournalFacts& facts);

}  // namespace reader
