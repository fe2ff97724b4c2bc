// mail_words.cpp - words that are quoted come back, and a line falls into words one way only.
#include <algorithm>
#include <string>
#include <vector>

#include "mail/words.h"
#include "tests/fuzz/require.h"

namespace {

// '…' holds everything but its own sign.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'') text += "'\\''";
    else text.push_back(c);
  }
  return text + "'";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto line = text_of(data, size);
  const auto words = reader::split_words(line);
  std::string again;
  for (const auto& word : words) again += quoted(word) + " ";
  require(reader::split_words(again) == words, "quoted words are the same words");

  const auto last = reader::split_last_word(line);
  require(last.word == (words.empty() ? "" : words.back()), "the last word is the last of all");
  const auto before = reader::split_words(last.before);
  require(before.size() + (words.empty() ? 0 : 1) == words.size() &&
              std::equal(before.begin(), before.end(), words.begin()),
          "what is before it is all but the last");
  return 0;
}
