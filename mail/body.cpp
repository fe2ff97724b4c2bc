#include "mail/body.h"

#include <algorithm>

#include "lib/base/text.h"

namespace reader {

void BodyScan::append(std::string_view piece) {
  if (piece.empty()) return;
  facts_.bytes += piece.size();
  facts_.ends_in_line = piece.back() == '\n';
  look_at_utf8(piece);
  facts_.nul_or_cr = facts_.nul_or_cr ||
                     piece.find_first_of(std::string_view("\r\0", 2)) != std::string_view::npos;
  for (std::size_t at = 0; at < piece.size();) {
    const auto end = std::min(piece.find('\n', at), piece.size());
    line_ += end - at;
    facts_.longest = std::max(facts_.longest, line_);
    if (end < piece.size()) {
      ++facts_.lines;
      line_ = 0;
    }
    at = end + 1;
  }
}

void BodyScan::look_at_utf8(std::string_view piece) {
  if (partial_.empty() && std::none_of(piece.begin(), piece.end(), base::eight_bit)) return;
  facts_.eight_bit = true;
  if (!facts_.utf8) return;
  partial_.append(piece);
  // A character that is cut at the end has its first byte among the last three.
  std::size_t whole = partial_.size();
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, partial_.size()); ++back) {
    const auto byte = static_cast<unsigned char>(partial_[partial_.size() - back]);
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    if (length > back) whole = partial_.size() - back;
    break;
  }
  facts_.utf8 = base::valid_utf8(std::string_view(partial_).substr(0, whole));
  partial_.erase(0, whole);
}

BodyFacts BodyScan::finish() {
  if (!partial_.empty()) facts_.utf8 = false;
  return facts_;
}

namespace {
constexpr std::string_view hex = "0123456789ABCDEF";
constexpr std::size_t line_room = 75;  // with the '=' of a soft line break 76

void append_encoded(char c, std::string& out) {
  const auto byte = static_cast<unsigned char>(c);
  out.append({'=', hex[byte >> 4], hex[byte & 15]});
}

bool as_it_is(char c) {
  return c == '\t' || (!base::control(c) && !base::eight_bit(c) && c != '=');
}
}  // namespace

void QuotedPrintable::append(std::string_view piece, std::string& out) {
  for (const char c : piece) put(c, out);
}

void QuotedPrintable::put(char c, std::string& out) {
  constexpr std::string_view from = "From ";
  if (undecided_) {
    const bool fits = c == from[start_.size()];
    if (fits && start_.size() + 1 < from.size()) {
      start_.push_back(c);
      return;
    }
    undecided_ = false;
    for (std::size_t i = 0; i < start_.size(); ++i) emit(start_[i], fits && i == 0, out);
    start_.clear();
  }
  decided(c, out);
}

void QuotedPrintable::decided(char c, std::string& out) {
  if (blank_ != 0) emit(blank_, c == '\n', out);
  blank_ = 0;
  if (c == '\n') {
    out.push_back('\n');
    column_ = 0;
    undecided_ = true;
  } else if (c == ' ' || c == '\t') {
    blank_ = c;
  } else {
    emit(c, c == '.' && column_ == 0, out);
  }
}

void QuotedPrintable::emit(char c, bool encode, std::string& out) {
  const bool plain = !encode && as_it_is(c);
  const std::size_t size = plain ? 1 : 3;
  if (column_ + size > line_room) {
    out.append("=\n");
    column_ = 0;
  }
  if (plain) out.push_back(c);
  else append_encoded(c, out);
  column_ += size;
}

void QuotedPrintable::finish(std::string& out) {
  for (const char c : start_) emit(c, false, out);
  if (blank_ != 0) emit(blank_, true, out);
  if (column_ > 0) out.append("=\n");
  start_.clear();
  blank_ = 0;
  column_ = 0;
  undecided_ = true;
}

void Base64::append(std::string_view piece, std::string& out) {
  constexpr std::size_t of_a_line = 57;
  partial_.append(piece);
  std::string_view rest = partial_;
  for (; rest.size() >= of_a_line; rest.remove_prefix(of_a_line)) {
    base::append_base64(rest.substr(0, of_a_line), out);
    out.push_back('\n');
  }
  partial_.erase(0, partial_.size() - rest.size());
}

void Base64::finish(std::string& out) {
  if (partial_.empty()) return;
  base::append_base64(partial_, out);
  out.push_back('\n');
  partial_.clear();
}

}  // namespace reader
