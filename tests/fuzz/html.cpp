// html.cpp - HTML of anything is text, and not much more of it.
#include "mail/html.h"

#include <string>

#include "lib/base/text.h"
#include "mail/flowed.h"
#include "mail/terminal.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string html = reader::from_charset(text_of(data, size), {});
  const std::string text = reader::html_text(html);
  require(base::valid_utf8(text), "text of HTML is UTF-8");
  require(text.empty() || text.ends_with('\n'), "it ends in a line end");
  require(text.size() <= 50 * html.size() + 100, "it does not grow without bounds");
  for (const char c : reader::displayable_lines(text))
    require(!base::control(c) || c == '\n' || c == '\t', "displayed it holds no control");
  const std::string joined = reader::unflowed(html, size % 2 == 0);
  require(joined.size() <= 2 * html.size() + 2, "flowed text does not grow");
  return 0;
}
