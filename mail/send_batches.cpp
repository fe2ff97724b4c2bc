#include "mail/send_batches.h"

namespace reader {

namespace {
constexpr std::size_t beside = 1 + sizeof(char*);  // NUL, and the pointer in argv
}

std::vector<std::span<const std::string>> batches_of(std::span<const std::string> addresses,
                                                     std::size_t room) {
  std::vector<std::span<const std::string>> batches;
  std::size_t begin = 0, bytes = 0;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::size_t size = addresses[i].size() + beside;
    if (i > begin && bytes + size > room) {
      batches.push_back(addresses.subspan(begin, i - begin));
      begin = i;
      bytes = 0;
    }
    bytes += size;
  }
  if (begin < addresses.size()) batches.push_back(addresses.subspan(begin));
  return batches;
}

std::size_t argument_bytes(std::span<const std::string> words) {
  std::size_t bytes = 0;
  for (const auto& word : words) bytes += word.size() + beside;
  return bytes;
}

}  // namespace reader
