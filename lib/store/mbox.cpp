#include "lib/store/mbox.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "lib/rfc/date.h"

namespace store {

using base::cat;
using base::Result;

namespace {

constexpr std::string_view from = "From ";
constexpr std::size_t longest_from_line = 4096;

bool all_digits(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), base::digit);
}

// HH:MM or HH:MM:SS.
bool is_time(std::string_view word) {
  int parts = 0;
  for (bool more = true; more; ++parts) {
    more = word.find(':') != std::string_view::npos;
    const auto part = base::take(word, ':');
    if (part.size() > 2 || !all_digits(part)) return false;
  }
  return parts == 2 || parts == 3;
}

bool is_offset(std::string_view word) {
  return word.size() == 5 && (word[0] == '+' || word[0] == '-') && all_digits(word.substr(1));
}

bool is_zone(std::string_view word) {
  return is_offset(word) ||
         (word.size() <= 5 && std::all_of(word.begin(), word.end(), base::alpha));
}

bool is_month(std::string_view word) {
  constexpr std::string_view months = "jan feb mar apr may jun jul aug sep oct nov dec";
  if (word.size() != 3 || !std::all_of(word.begin(), word.end(), base::alpha)) return false;
  const char lowered[] = {base::lower(word[0]), base::lower(word[1]), base::lower(word[2])};
  return months.find({lowered, 3}) != std::string_view::npos;
}

// The last words of a line, the last one first.
std::array<std::string_view, 8> last_words(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  std::array<std::string_view, 8> words;
  for (auto& word : words) {
    line = line.substr(0, line.find_last_not_of(blanks) + 1);
    const auto blank = line.find_last_of(blanks);
    word = line.substr(blank == std::string_view::npos ? 0 : blank + 1);
    line.remove_suffix(word.size());
  }
  return words;
}

}  // namespace

std::string from_line(std::string_view sender, base::Time time, long offset) {
  std::string word(sender.empty() ? "MAILER-DAEMON" : sender);
  std::replace_if(
      word.begin(), word.end(), [](char c) { return base::control(c) || c == ' '; }, '_');
  return cat(from, word, " ", rfc::asctime(base::seconds(time), offset), "\n");
}

bool is_from_line(std::string_view line) {
  if (!line.starts_with(from) || line.size() > longest_from_line) return false;
  const auto words = last_words(line);
  const auto* word = words.begin();
  if (is_offset(*word)) ++word;
  if (word->size() != 4 || !all_digits(*word)) return false;
  ++word;
  if (!is_time(*word) && is_zone(*word)) ++word;
  if (!is_time(*word)) return false;
  ++word;
  if (word->size() > 2 || !all_digits(*word)) return false;
  return is_month(*++word);
}

// A line that began like `>*From ` is not one, or ended, or is one: what was held back goes out.
void Quoter::flush_start(std::string& out) {
  out.append(arrows_ + (matched_ == from.size() ? 1 : 0), '>');
  out.append(from.substr(0, matched_));
  undecided_ = false;
  arrows_ = matched_ = 0;
}

void Quoter::append(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    if (!undecided_) {
      const auto end = piece.find('\n');
      undecided_ = end != std::string_view::npos;
      const auto line = piece.substr(0, undecided_ ? end + 1 : end);
      out.append(line);
      piece.remove_prefix(line.size());
    } else if (matched_ == 0 && piece[0] == '>') {
      ++arrows_;
      piece.remove_prefix(1);
    } else if (piece[0] == from[matched_]) {
      ++matched_;
      piece.remove_prefix(1);
      if (matched_ == from.size()) flush_start(out);
    } else {
      flush_start(out);
    }
  }
}

void Quoter::finish(std::string& out) {
  const bool at_start = undecided_ && arrows_ == 0 && matched_ == 0;
  if (undecided_) flush_start(out);
  if (!at_start) out.push_back('\n');
}

std::string mboxrd_unquoted(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end == std::string_view::npos ? end : end + 1);
    text.remove_prefix(line.size());
    const auto arrows = line.find_first_not_of('>');
    const bool quoted =
        arrows != std::string_view::npos && arrows > 0 && line.substr(arrows).starts_with(from);
    out.append(line.substr(quoted ? 1 : 0));
  }
  return out;
}

// `length` counts the line's end; `line` may be cut where it is longer than any From_ line.
void MboxScanner::line(std::string_view line, std::uint64_t length) {
  if ((first_ || empty_ > 0) && line.starts_with(from)) {
    if (is_from_line(line)) {
      end_message();
      messages_.push_back({offset_, offset_ + length, 0});
    } else {
      ++doubtful_;
    }
  }
  first_ = false;
  empty_ = line.empty() || line == "\r" ? length : 0;
  offset_ += length;
}

void MboxScanner::end_message() {
  if (!messages_.empty()) messages_.back().end = offset_ - empty_;
}

void MboxScanner::append(std::string_view piece) {
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    const bool whole = end != std::string_view::npos;
    const auto part = piece.substr(0, end);
    piece.remove_prefix(part.size() + (whole ? 1 : 0));
    if (whole && length_ == 0) {
      line(part.substr(0, longest_from_line + 1), part.size() + 1);
      continue;
    }
    partial_.append(part.substr(0, longest_from_line + 1 - partial_.size()));
    length_ += part.size();
    if (!whole) continue;
    line(partial_, length_ + 1);
    partial_.clear();
    length_ = 0;
  }
}

std::vector<MboxMessage> MboxScanner::finish() {
  if (length_ > 0) line(std::exchange(partial_, {}), std::exchange(length_, 0));
  end_message();
  return std::move(messages_);
}

Result<std::vector<MboxMessage>> list_mbox(int descriptor, std::string_view what) {
  MboxScanner scanner;
  std::string buffer(1 << 20, '\0');
  for (std::uint64_t offset = 0;;) {
    TRY_LET(got, base::read_at(descriptor, buffer, offset, what));
    scanner.append(std::string_view(buffer).substr(0, got));
    if (got < buffer.size()) return scanner.finish();
    offset += got;
  }
}

}  // namespace store
