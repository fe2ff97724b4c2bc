#include "mail/html.h"

#include <doctest/doctest.h>

#include <string>

#include "mail/html_entity.h"

using reader::html_text;
using reader::html_unescaped;

TEST_CASE("html: what a person reads of it") {
  const struct {
    std::string_view html, text;
  } table[] = {
      {"", ""},
      {"plain", "plain\n"},
      {"<p>Hello <b>J&uuml;rgen</b>,<br>html  part\n&euro; 5.</p>",
       "Hello Jürgen,\nhtml part € 5.\n"},
      {"<html><head><title>no</title><style>p{}</style><script>if (a<b) x();</script></head>"
       "<body><h1>Sale!</h1><p>50% off &mdash; click</p></body></html>",
       "Sale!\n\n50% off — click\n"},
      {"<ul><li>one<li>two<ul><li>inner</ul></ul>after", "* one\n* two\n  * inner\n\nafter\n"},
      {"<ol><li>a</li><li>b</li></ol>", "1. a\n2. b\n"},
      {"<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"},
      {"<pre>a  b\n  c</pre>x", "a  b\n  c\n\nx\n"},
      {"<blockquote>said</blockquote>answer", "> said\n\nanswer\n"},
      {"<a href=\"https://x.example/?a=1&amp;b=2\">here</a>!",
       "here <https://x.example/?a=1&b=2>!\n"},
      {"<a href='https://x.example/'>https://x.example/</a>", "https://x.example/\n"},
      {"<a href=mailto:a@b>a@b</a>", "a@b\n"},
      {"<a href=\"javascript:x()\">j</a>", "j\n"},
      {"<img src=x alt=\"a cat\"><img src=y>", "[a cat]\n"},
      {"a<hr>b", "a\n\n----------------------------------------\n\nb\n"},
      {"1 < 2 <3", "1 < 2 <3\n"},
      {"<!-- <p>no</p> -->yes<!doctype x>", "yes\n"},
      {"a<br><br><br><br>b", "a\n\nb\n"},
      {"<div><div>a</div></div><div>b</div>", "a\nb\n"},
      {"<p title=\"a > b\">x</p>", "x\n"},
      {"soft&shy;ly &#8203;z&nbsp;&nbsp;y", "softly z y\n"},
      {"<script>never ends", ""},
      {"<!-- never ends", ""},
      {"<p", ""},
      {"<a href=\"x", ""},
  };
  for (const auto& row : table) CHECK(html_text(row.html) == row.text);
}

TEST_CASE("html: references") {
  CHECK(html_unescaped("&amp;lt; &lt; &#65;&#x42;&#X43; &#128; &apos;") == "&lt; < ABC € '");
  CHECK(html_unescaped("&nosuch; & &; &#; &#x; &#xd800; &#0;") ==
        "&nosuch; & &; &#; &#x; \xef\xbf\xbd \xef\xbf\xbd");
  CHECK(html_unescaped("&#1114112; &#99999999999;") == "\xef\xbf\xbd &#99999999999;");
}

TEST_CASE("wrapped: lines are broken at blanks and begin alike") {
  const struct {
    std::string_view text;
    std::size_t columns;
    std::string_view lines;
  } table[] = {
      {"", 10, ""},
      {"one two three\n", 8, "one two\nthree\n"},
      {"one two three", 80, "one two three"},
      {"> one two\n", 6, "> one\n> two\n"},
      {"    * x y\n", 40, "    * x y\n"},
      {"averyveryverylongword x\n", 5, "averyveryverylongword\nx\n"},
      {"東京 東京\n", 6, "東京\n東京\n"},
      {"a\n\nb\n", 3, "a\n\nb\n"},
      {"          a b", 4, "          a\nb"},
  };
  for (const auto& row : table) CHECK(reader::wrapped(row.text, row.columns) == row.lines);
}

TEST_CASE("html: hostile input takes linear time and makes no more than it is") {
  for (const std::string_view piece :
       {"<blockquote>", "<ul><li>", "<a href=http://x>", "<", "&", "<!--", "<p ", "</", "<td>",
        "<pre>\n", "<script>", "<a b=\"", "<ol><li>x"}) {
    std::string html;
    for (int i = 0; i < 50'000; ++i) html.append(piece);
    CHECK(html_text(html).size() <= 12 * html.size());
  }
}
