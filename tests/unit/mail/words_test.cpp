#include "mail/words.h"

#include <doctest/doctest.h>

#include <tuple>

using reader::split_last_word;
using reader::split_words;
using Words = std::vector<std::string>;

TEST_CASE("words: a line falls at blanks, quotes hold words together") {
  const std::pair<std::string_view, Words> cases[] = {
      {"", {}},
      {"  \t ", {}},
      {"1 2-3\t$", {"1", "2-3", "$"}},
      {"prompt=\"? \" x", {"prompt=? ", "x"}},
      {"'a b' \"c d\"e", {"a b", "c de"}},
      {"'it is \"so\"' \"it's\"", {"it is \"so\"", "it's"}},
      {"\"\" ''", {"", ""}},
      {"a\\ b \\\"c", {"a b", "\"c"}},
      {"'a\\nb' \"a\\nb\\t\\\"\\\\\"", {"a\\nb", "a\nb\t\"\\"}},
      {"\"never closed 1", {"never closed 1"}},
      {"end\\", {"end\\"}},
  };
  for (const auto& [line, expected] : cases) CHECK(split_words(line) == expected);
}

TEST_CASE("words: the last word is taken off, quoted or not") {
  const std::tuple<std::string_view, std::string_view, std::string> cases[] = {
      {"", "", ""},
      {"file", "", "file"},
      {"1 2 file  ", "1 2 ", "file"},
      {"1 \"wc -l\"", "1 ", "wc -l"},
      {"  'a b'", "  ", "a b"},
      {"1 a\\ b", "1 ", "a b"},
  };
  for (const auto& [line, before, word] : cases) {
    const auto last = split_last_word(line);
    CHECK(last.before == before);
    CHECK(last.word == word);
  }
}
