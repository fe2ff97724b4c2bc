// header.cpp - header fields and encoded words.
#include "lib/rfc/header.h"

#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "tests/fuzz/require.h"

namespace {
void check_name(std::string_view line) {
  const auto length = rfc::field_name_length(line);
  require(length == 0 || length < line.size(), "a colon stands behind the name");
  for (const char c : line.substr(0, length))
    require(c > ' ' && c < 0x7f && c != ':', "a name is printable ASCII");
  (void)rfc::field_of(line.substr(0, length));
}

void check_unfolded(std::string_view body) {
  const auto line = rfc::unfolded(body);
  require(line.find('\n') == std::string::npos, "unfolded text is one line");
  require(rfc::unfolded(line) == line, "unfolded is idempotent");
  require(line.size() <= body.size(), "unfolding adds nothing");
}

void check_encoded(std::string_view text) {
  const auto encoded = rfc::encoded_text(text);
  for (const auto line : base::split(encoded, '\n'))
    for (const char c : line) require(c >= ' ' && c < 0x7f, "encoded text is printable ASCII");
  if (encoded.find('\n') == std::string::npos) {
    require(rfc::encoded_text(encoded) == encoded, "what is printable stays");
    return;
  }
  for (const auto line : base::split(encoded, '\n')) {
    const auto word = base::trim(line);
    require(word.size() <= 75, "an encoded word has at most 75 bytes");
    require(word.starts_with("=?UTF-8?") && word.ends_with("?="), "each line is an encoded word");
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  check_name(text);
  check_unfolded(text);
  check_encoded(text);
  return 0;
}
