#include "lib/base/unicode.h"

#include <algorithm>
#include <iterator>

namespace base {

namespace {
struct CodeRange {
  char32_t first, last;
};
constexpr CodeRange invisible_ranges[] = {
    {0xad, 0xad},       {0x61c, 0x61c},     {0x180e, 0x180e},   {0x200b, 0x200b},
    {0x200e, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},   {0xfeff, 0xfeff},
    {0xfff9, 0xfffb},   {0x13430, 0x13438}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
    {0xe0000, 0xe00ff}, {0xe01f0, 0xe0fff},
};
}  // namespace

char32_t code_point(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return byte(0);
  char32_t code = byte(0) & (0xffU >> (sequence.size() + 1));
  for (std::size_t i = 1; i < sequence.size(); ++i) code = code << 6 | (byte(i) & 0x3f);
  return code;
}

void append_code_point(char32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  const char32_t mark = more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0;
  out.push_back(static_cast<char>(mark | code >> 6 * more));
  for (int i = more; i-- > 0;) out.push_back(static_cast<char>(0x80 | (code >> 6 * i & 0x3f)));
}

bool invisible(std::string_view sequence) {
  if (sequence.size() < 2) return false;
  const char32_t code = code_point(sequence);
  return std::any_of(
      std::begin(invisible_ranges), std::end(invisible_ranges),
      [&](const CodeRange& range) { return range.first <= code && code <= range.last; });
}

}  // namespace base
