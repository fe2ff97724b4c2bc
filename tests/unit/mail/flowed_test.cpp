#include "mail/flowed.h"

#include <doctest/doctest.h>

#include <string>

using reader::unflowed;

TEST_CASE("format=flowed: lines that end in a blank go on in the next (RFC 3676)") {
  const struct {
    std::string_view text;
    bool delsp;
    std::string_view joined;
  } table[] = {
      {"", false, ""},
      {"one \ntwo\nthree\n", false, "one two\nthree\n"},
      {"one \ntwo\n", true, "onetwo\n"},
      {">one \n>two\nme\n", false, "> one two\nme\n"},
      {"> one \n>> two\n", false, "> one \n>> two\n"},
      {" >no quotation\n From here\n", false, ">no quotation\nFrom here\n"},
      {"text \n-- \nme\n", false, "text \n-- \nme\n"},
      {"no end ", false, "no end "},
      {"open \n", false, "open \n"},
  };
  for (const auto& row : table) CHECK(unflowed(row.text, row.delsp) == row.joined);
}
