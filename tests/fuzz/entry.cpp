// entry.cpp - the envelope of a queue entry: what is read is written again to the byte. The
// checksum of the input is put right first, or hardly an input would get past it.
#include "lib/store/entry.h"

#include <string>

#include "lib/base/text.h"
#include "tests/fuzz/require.h"

namespace {
using base::cat;

// CRC-64/XZ from its parameters, bit by bit: not the code under test.
std::string checksum(std::string_view text) {
  std::uint64_t value = ~std::uint64_t{0};
  for (const char c : text) {
    value ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1) ^ ((value & 1) != 0 ? 0xC96C5795D7870F42u : 0);
  }
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(~value));
  return digits;
}

std::string sealed(std::string_view text) {
  std::string out, checked;
  bool found = false;
  while (!text.empty()) {
    const bool last = text.find('\n') == std::string_view::npos;
    const auto line = base::take(text, '\n');
    const bool check = !found && line.starts_with("check ");
    out += check ? cat("check ", checksum(checked)) : std::string(line);
    if (!last) out += '\n';
    found = found || check;
    if (!line.starts_with("state ") && !line.starts_with("facts ") && !line.starts_with("done "))
      checked += cat(line, "\n");
  }
  return out;
}

// The head as the parsed entry is written, with what is overwritten in place later.
std::string written(const store::Entry& entry, std::string_view text) {
  auto head = store::entry_head(entry.envelope, entry.facts);
  require(static_cast<bool>(head), "what was read can be written");
  std::string out = std::move(head).value();
  out.replace(store::state_offset, 2,
              cat(entry.held ? "h" : "-", entry.delay_notified ? "w" : "-"));
  out.replace(entry.done_offset, entry.done.size(), entry.done);
  require(entry.message_offset >= out.size() + 6 && entry.message_offset <= text.size(),
          "the message begins behind the pad");
  return out + store::entry_pad(entry.message_offset - out.size());
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = sealed(text_of(data, size));
  const auto entry = store::parse_entry(text);
  if (!entry) {
    require(entry.error().text.starts_with("line "), "an error names its line");
    return 0;
  }
  require(store::head_complete(text), "what is read was complete");
  require(entry.value().done.size() == entry.value().envelope.recipients.size(),
          "each recipient has a status");
  require(text.substr(0, entry.value().message_offset) == written(entry.value(), text),
          "what is read is written again to the byte");
  return 0;
}
