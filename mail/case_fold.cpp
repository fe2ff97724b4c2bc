#include "mail/case_fold.h"

#include <algorithm>

#include "lib/base/text.h"

namespace reader {

namespace {

/// Capitals from `first` to `last`, every `step`th of them; the small letter is `distance` on.
struct Capitals {
  unsigned first, last, step;
  int distance;
};

// All of what two bytes of UTF-8 hold that is simple (Unicode's CaseFolding.txt, status C).
constexpr Capitals capitals[] = {
    {0x00c0, 0x00d6, 1, 32},   {0x00d8, 0x00de, 1, 32}, {0x0100, 0x012e, 2, 1},
    {0x0132, 0x0136, 2, 1},    {0x0139, 0x0147, 2, 1},  {0x014a, 0x0176, 2, 1},
    {0x0178, 0x0178, 1, -121}, {0x0179, 0x017d, 2, 1},  {0x01cd, 0x01db, 2, 1},
    {0x01de, 0x01ee, 2, 1},    {0x01f8, 0x021e, 2, 1},  {0x0222, 0x0232, 2, 1},
    {0x0386, 0x0386, 1, 38},   {0x0388, 0x038a, 1, 37}, {0x038c, 0x038c, 1, 64},
    {0x038e, 0x038f, 1, 63},   {0x0391, 0x03a1, 1, 32}, {0x03a3, 0x03ab, 1, 32},
    {0x0400, 0x040f, 1, 80},   {0x0410, 0x042f, 1, 32}, {0x0460, 0x0480, 2, 1},
    {0x048a, 0x04be, 2, 1},    {0x04c1, 0x04cd, 2, 1},  {0x04d0, 0x052e, 2, 1},
    {0x0531, 0x0556, 1, 48},
};

unsigned small(unsigned letter) {
  for (const auto& each : capitals)
    if (letter >= each.first && letter <= each.last && (letter - each.first) % each.step == 0)
      return static_cast<unsigned>(static_cast<int>(letter) + each.distance);
  return letter;
}

unsigned byte(char c) { return static_cast<unsigned char>(c); }

}  // namespace

std::string case_folded(std::string_view text) {
  auto folded = base::lowered(text);
  for (std::size_t i = 0; i + 1 < folded.size(); ++i) {
    if (byte(folded[i]) < 0xc3 || base::utf8_length(std::string_view(folded).substr(i)) != 2)
      continue;
    const auto letter = small((byte(folded[i]) & 0x1f) << 6 | (byte(folded[i + 1]) & 0x3f));
    folded[i] = static_cast<char>(0xc0 | letter >> 6);
    folded[++i] = static_cast<char>(0x80 | (letter & 0x3f));
  }
  return folded;
}

bool contains_folded(std::string_view text, std::string_view folded_part) {
  if (std::none_of(folded_part.begin(), folded_part.end(), base::eight_bit))
    return base::ifind(text, folded_part) != std::string_view::npos;
  return case_folded(text).find(folded_part) != std::string::npos;
}

}  // namespace reader
