// encoded_word.cpp - header text, charsets and widths, of anything.
#include "mail/encoded_word.h"

#include <string>

#include "lib/base/text.h"
#include "mail/terminal.h"
#include "tests/fuzz/require.h"

namespace {
void check_displayable(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    require(!base::control(text[i]), "what is displayed holds no control");
    require(!base::c1_control(text.substr(i)), "nor a C1 control");
  }
  require(base::valid_utf8(text), "and is UTF-8");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  const std::string decoded = reader::decoded_words(text);
  require(base::valid_utf8(decoded), "decoded words are UTF-8");
  const std::string shown = reader::displayable(decoded);
  check_displayable(shown);
  require(reader::displayable(shown) == shown, "displayable text stays as it is");
  check_displayable(reader::displayable(text));
  for (const std::size_t columns : {0, 1, 2, 17, 80}) {
    const auto cut = reader::cut_to_width(shown, columns);
    require(reader::display_width(cut) <= columns, "what is cut fits");
    require(base::valid_utf8(cut), "no character is cut in two");
  }
  for (const char* charset : {"us-ascii", "iso-8859-1", "iso-8859-15", "koi8-r"})
    reader::for_charset(shown, charset);
  for (const char* charset : {"", "utf-8", "iso-2022-jp", "gb18030", "utf-7", "utf-16", "big5"})
    require(base::valid_utf8(reader::from_charset(text, charset)), "a charset gives UTF-8");
  return 0;
}
