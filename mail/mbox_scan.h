// mbox_scan.h - where the messages of an mbox begin, found at the speed of memory: the text between
// them is only searched for the start of a From_ line, and of each header no more is looked at than
// its Status. What begins a message is what store::MboxScanner says (lib/store/mbox.h); the two
// agree on any bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mail/folder.h"

namespace reader {

/// What is kept of an mbox: 13 bytes a message.
struct MboxIndex {
  std::vector<std::uint64_t> starts;  ///< offsets of the From_ lines
  std::vector<std::uint32_t> prints;  ///< fingerprint() of these lines
  std::vector<Flags> flags;
  std::size_t size() const { return starts.size(); }
};

/// Of a From_ line without its LF, to know it again.
std::uint32_t fingerprint(std::string_view line);

/// Reads an mbox that is given in pieces from its start, or from a From_ line on.
class MboxIndexer {
 public:
  /// origin: offset of the first byte.
  explicit MboxIndexer(std::uint64_t origin = 0);
  /// Where the next bytes are to be put: never empty, 1 MiB as a rule.
  std::span<char> room();
  /// So many of them came.
  void filled(std::size_t count);
  MboxIndex finish();

 private:
  enum class Place { start, header, long_line, body };
  void scan(bool last);
  std::size_t step(std::size_t at, bool last);
  std::size_t start_line(std::size_t at, bool last);
  std::size_t header_line(std::size_t at, bool last);
  std::size_t body(std::size_t at, bool last);
  bool message(std::size_t at, std::string_view line);
  bool after_empty_line(std::size_t line_end) const;
  std::string_view present() const { return std::string_view(buffer_).substr(0, used_); }

  MboxIndex index_;
  std::string buffer_;
  std::size_t used_ = 0;    // bytes in it
  std::size_t at_ = 0;      // the first that is not done with
  std::uint64_t base_ = 0;  // offset of the buffer's first byte
  std::uint64_t origin_ = 0;
  std::uint64_t header_ = 0;  // offset of the line behind the From_ line at hand
  Place place_ = Place::start;
};

}  // namespace reader
