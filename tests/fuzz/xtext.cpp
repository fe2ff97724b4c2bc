// xtext.cpp - xtext and the percent form: each is a one-to-one picture of all texts.
#include "lib/rfc/xtext.h"

#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "tests/fuzz/require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  const auto xtext = rfc::xtext(text);
  require(rfc::is_xtext(xtext), "xtext() gives xtext");
  require(rfc::from_xtext(xtext) == text, "xtext goes back");
  const auto percent = rfc::percent(text);
  require(percent.find_first_of(" <>\r\n\t") == std::string::npos, "the percent form is one word");
  require(std::none_of(percent.begin(), percent.end(), base::control),
          "the percent form has no control");
  require(rfc::from_percent(percent) == text, "the percent form goes back");
  if (const auto plain = rfc::from_percent(text))
    require(rfc::percent(*plain) == text, "a text has one percent form");
  require(rfc::is_xtext(text) == rfc::from_xtext(text).has_value(), "is_xtext is what can be read");
  return 0;
}
