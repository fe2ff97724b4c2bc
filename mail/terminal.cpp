#include "mail/terminal.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "lib/base/text.h"
#include "lib/base/unicode.h"
#include "mail/width_table.h"

namespace reader {

namespace {
constexpr std::string_view replacement = "\xef\xbf\xbd";

bool among(std::span<const CodeRange> table, char32_t code) {
  const auto found =
      std::lower_bound(table.begin(), table.end(), code,
                       [](const CodeRange& range, char32_t wanted) { return range.last < wanted; });
  return found != table.end() && found->first <= code;
}

std::size_t columns_of(std::string_view sequence) {
  if (sequence.size() == 1) return 1;
  const char32_t code = base::code_point(sequence);
  if (code < 0x300) return 1;
  if (among(zero_width, code)) return 0;
  return among(two_columns, code) ? 2 : 1;
}

// U+2400 to U+241F, U+2421: small pictures of the controls' names.
void append_picture(char control, std::string& out) {
  const unsigned low = control == 0x7f ? 0x21 : static_cast<unsigned char>(control);
  out.append("\xe2\x90");
  out.push_back(static_cast<char>(0x80 | low));
}

bool plain(char c) { return !base::eight_bit(c) && !base::control(c); }

void append_displayable(std::string_view sequence, std::string& out) {
  if (sequence.size() == 1) append_picture(sequence[0], out);
  else if (base::c1_control(sequence) || base::invisible(sequence)) out.append(replacement);
  else out.append(sequence);
}

template <typename Kept>
std::string made_displayable(std::string_view text, Kept kept) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto stop = std::find_if_not(text.begin(), text.end(), kept);
    const auto run = static_cast<std::size_t>(stop - text.begin());
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (text.empty()) break;
    const auto length = base::utf8_length(text);
    if (length == 0) out.append(replacement);
    else append_displayable(text.substr(0, length), out);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::size_t step(std::string_view text) {
  return std::max<std::size_t>(1, base::utf8_length(text));
}
}  // namespace

std::string displayable(std::string_view text) { return made_displayable(text, plain); }

std::string displayable_lines(std::string_view text) {
  return made_displayable(text, [](char c) { return plain(c) || c == '\n' || c == '\t'; });
}

std::size_t display_width(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const auto length = step(text);
    columns += columns_of(text.substr(0, length));
    text.remove_prefix(length);
  }
  return columns;
}

std::string_view cut_to_width(std::string_view text, std::size_t columns) {
  std::size_t end = 0, used = 0;
  while (end < text.size()) {
    const auto length = step(text.substr(end));
    used += columns_of(text.substr(end, length));
    if (used > columns) break;
    end += length;
  }
  return text.substr(0, end);
}

}  // namespace reader
