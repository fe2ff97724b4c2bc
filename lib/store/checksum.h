// checksum.h - CRC-64/XZ, which guards what must not change unseen.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace store {

/// ECMA-182's polynomial, reflected, all ones before and after.
inline constexpr auto crc_table = [] {
  std::array<std::uint64_t, 256> table{};
  for (std::uint64_t i = 0; i < 256; ++i) {
    std::uint64_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1) ^ ((value & 1) != 0 ? 0xC96C5795D7870F42u : 0);
    table[i] = value;
  }
  return table;
}();

/// Of text given in pieces.
class Checksum {
 public:
  void add(std::string_view text) {
    std::uint64_t value = value_;  // in a register: char may alias the member
    for (const char c : text)
      value = crc_table[(value ^ static_cast<unsigned char>(c)) & 0xff] ^ (value >> 8);
    value_ = value;
  }
  std::string hex() const {
    std::string text(16, '0');
    for (std::size_t i = 0; i < 16; ++i)
      text[i] = "0123456789abcdef"[(~value_ >> (60 - 4 * i)) & 15];
    return text;
  }

 private:
  std::uint64_t value_ = ~std::uint64_t{0};
};

}  // namespace store
