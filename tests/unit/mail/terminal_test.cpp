#include "mail/terminal.h"

#include <doctest/doctest.h>

#include <string>

using reader::cut_to_width;
using reader::display_width;
using reader::displayable;
using reader::displayable_lines;
using reader::for_charset;
using reader::from_charset;

TEST_CASE("displayable: controls become pictures, and nothing that moves text comes through") {
  const struct {
    std::string_view text, shown;
  } table[] = {
      {"plain text", "plain text"},
      {"", ""},
      {"\x1b[31mred\x07", "␛[31mred␇"},
      {std::string_view("a\0b", 3), "a␀b"},
      {"a\tb\nc", "a␉b␊c"},
      {"\x7f", "␡"},
      {"\xc2\x9b"
       "31m",
       "\xef\xbf\xbd"
       "31m"},  // C1 CSI
      {"a\xe2\x80\xae"
       "b",
       "a\xef\xbf\xbd"
       "b"},                                                     // right-to-left override
      {"\xe2\x80\x8b\xef\xbb\xbf", "\xef\xbf\xbd\xef\xbf\xbd"},  // zero width space, BOM
      {"می‌خواهم", "می‌خواهم"},                // a joiner that Persian needs
      {"caf\xe9", "caf\xef\xbf\xbd"},
      {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"東京 ☕ é", "東京 ☕ é"},
  };
  for (const auto& row : table) CHECK(displayable(row.text) == row.shown);
  CHECK(displayable_lines("a\tb\nc\r\x1b") == "a\tb\nc␍␛");
}

TEST_CASE("display width: wide characters take two columns, marks none; nothing is cut in two") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("東京") == 4);
  CHECK(display_width("e\xcc\x81") == 1);
  CHECK(display_width("می‌خواهم") == 7);
  CHECK(display_width("☕") == 2);
  CHECK(display_width("\xef\xbf\xbd") == 1);
  CHECK(display_width("😀") == 2);
  CHECK(display_width("한국") == 4);
  CHECK(cut_to_width("東京", 3) == "東");
  CHECK(cut_to_width("東京", 4) == "東京");
  CHECK(cut_to_width("e\xcc\x81x", 1) == "e\xcc\x81");
  CHECK(cut_to_width("abc", 0) == "");
}

TEST_CASE("from a charset: the common ones, those iconv knows, and those nobody knows") {
  const struct {
    std::string_view text, charset, utf8;
  } table[] = {
      {"gr\xc3\xbc\xc3\x9f", "UTF-8", "grüß"},
      {"gr\xfc", "utf-8", "gr\xef\xbf\xbd"},
      {"gr\xfc\xdf", "iso-8859-1", "grüß"},
      {"\x93x\x94 \x80", "iso-8859-1", "“x” €"},  // it is windows-1252 that is meant
      {"\x81", "windows-1252", "\xef\xbf\xbd"},
      {"5 \xa4", "ISO-8859-15", "5 €"},
      {"\xcf\xf0\xe8", "windows-1251", "При"},
      {"\x1b$B8l\x1b(B", "iso-2022-jp", "語"},
      {"gr\xc3\xbc", "us-ascii", "grü"},
      {"gr\xfc", "us-ascii", "grü"},
      {"gr\xc3\xbc", "", "grü"},
      {"gr\xfc", "x-unknown", "grü"},
      {"gr\xc3\xbc", "x-unknown", "grü"},
      {"gr\xfc", "latin1//IGNORE", "grü"},  // no option of iconv's: an unknown name
      {"\xc1", "ibm037", "Á"},              // iconv knows it, and mail is not written in it
      {"\xc1", "iso-8859-12345x", "Á"},
      {"a+AOQ-", "UTF-7", "aä"},
      {"\xff\xfe", "utf-8", "\xef\xbf\xbd\xef\xbf\xbd"},
      {"a\x80", "shift_jis", "a\xef\xbf\xbd"},
  };
  for (const auto& row : table) {
    INFO(row.charset);
    CHECK(from_charset(row.text, row.charset) == row.utf8);
  }
}

TEST_CASE("for a charset: what it does not have becomes a question mark") {
  CHECK(for_charset("grüß", "utf-8") == "grüß");
  CHECK(for_charset("grüß €", "us-ascii") == "gr?? ?");
  CHECK(for_charset("grü €", "iso-8859-1") == "gr\xfc ?");
  CHECK(for_charset("€", "iso-8859-15") == "\xa4");
  CHECK(for_charset("При x", "koi8-r") == "\xf0\xd2\xc9 x");
  CHECK(for_charset("grü", "no-such-charset") == "gr?");
}
