#include "mail/mbox_scan.h"

#include <string.h>

#include <algorithm>
#include <utility>

#include "lib/store/mbox.h"
#include "mail/mbox_status.h"

namespace reader {

namespace {
constexpr std::size_t first_piece = 16 << 10, piece = 1 << 20;
constexpr std::size_t longest_from_line = 4096;
constexpr std::size_t longest_line = 8192;  // of a header, as far as we look at it
constexpr std::size_t behind = 3;  // what decides whether a line begins behind an empty one
constexpr std::size_t none = std::string_view::npos;
}  // namespace

std::uint32_t fingerprint(std::string_view line) {
  std::uint64_t value = line.size();
  while (!line.empty()) {
    std::uint64_t word = 0;
    const std::size_t count = std::min(line.size(), sizeof word);
    ::memcpy(&word, line.data(), count);
    value = (value ^ word) * 0x9E3779B97F4A7C15u;
    value ^= value >> 29;
    line.remove_prefix(count);
  }
  return static_cast<std::uint32_t>(value >> 32);
}

MboxIndexer::MboxIndexer(std::uint64_t origin) : base_(origin), origin_(origin) {}

// What is done with goes, but for the bytes that tell whether the line before is empty.
std::span<char> MboxIndexer::room() {
  const std::size_t gone = at_ > behind ? at_ - behind : 0;
  if (gone > 0) ::memmove(buffer_.data(), buffer_.data() + gone, used_ - gone);
  used_ -= gone;
  at_ -= gone;
  base_ += gone;
  const auto wanted = used_ + (buffer_.empty() ? first_piece : piece);
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  return {buffer_.data() + used_, buffer_.size() - used_};
}

void MboxIndexer::filled(std::size_t count) {
  used_ += count;
  scan(false);
}

MboxIndex MboxIndexer::finish() {
  scan(true);
  return std::move(index_);
}

void MboxIndexer::scan(bool last) {
  while (at_ < used_) {
    const auto next = step(at_, last);
    if (next == none) return;
    at_ = next;
  }
}

// Goes on from `at`: where to, or none where more must come first.
std::size_t MboxIndexer::step(std::size_t at, bool last) {
  switch (place_) {
    case Place::start: return start_line(at, last);
    case Place::header: return header_line(at, last);
    case Place::long_line: {
      const auto end = present().find('\n', at);
      if (end == none) return used_;
      place_ = Place::header;
      return end + 1;
    }
    case Place::body: return body(at, last);
  }
  return none;
}

bool MboxIndexer::message(std::size_t at, std::string_view line) {
  if (!store::is_from_line(line)) return false;
  index_.starts.push_back(base_ + at);
  index_.prints.push_back(fingerprint(line));
  index_.flags.push_back(0);
  header_ = base_ + at + line.size() + 1;
  place_ = Place::header;
  return true;
}

std::size_t MboxIndexer::start_line(std::size_t at, bool last) {
  const auto end = present().find('\n', at);
  if (end == none && !last && used_ - at <= longest_from_line) return none;
  const auto line = present().substr(at, std::min(end - at, longest_from_line + 1));
  if (message(at, line)) return end == none ? used_ : end + 1;
  place_ = Place::body;
  return at;
}

std::size_t MboxIndexer::header_line(std::size_t at, bool last) {
  const auto end = present().find('\n', at);
  if (end == none && !last && used_ - at <= longest_line) return none;
  const auto line = present().substr(at, std::min(end - at, longest_line));
  const auto kind = base_ + at - index_.starts.back() > longest_header
                        ? HeaderLine::other
                        : header_line_kind(line, base_ + at == header_);
  if (kind == HeaderLine::empty || kind == HeaderLine::other) {
    place_ = Place::body;  // where the line end before this line is looked at, or that of this one
    return kind == HeaderLine::empty ? std::min(end, used_) : at - 1;
  }
  index_.flags.back() |= status_letters(line);
  if (end != none) return end + 1;
  place_ = Place::long_line;
  return used_;
}

bool MboxIndexer::after_empty_line(std::size_t line_end) const {
  const auto begins = [&](std::size_t at) {
    return base_ + at == origin_ || (at > 0 && buffer_[at - 1] == '\n');
  };
  return begins(line_end) ||
         (line_end > 0 && buffer_[line_end - 1] == '\r' && begins(line_end - 1));
}

// 'F' is rarer than line ends in all that mail is made of, and memchr() is the quickest search.
std::size_t MboxIndexer::body(std::size_t at, bool last) {
  const char* const begin = buffer_.data();
  const auto next = std::max<std::size_t>(at, 1);
  const void* found = ::memchr(begin + next, 'F', used_ - next);
  if (found == nullptr) return used_;
  const auto start = static_cast<std::size_t>(static_cast<const char*>(found) - begin);
  if (begin[start - 1] != '\n' || !after_empty_line(start - 1)) return start + 1;
  const auto end = present().find('\n', start);
  if (end == none && !last && used_ - start <= longest_from_line) {
    at_ = start;
    return none;
  }
  const auto line = present().substr(start, std::min(end - start, longest_from_line + 1));
  if (message(start, line)) return end == none ? used_ : end + 1;
  return start + 1;
}

}  // namespace reader
