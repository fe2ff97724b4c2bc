// words.h - how a line of mailx falls into words (POSIX mailx, "Commands in mailx"): white space
// between them, "…" and '…' around what belongs together, a backslash before what is meant as it
// is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reader {

/// The words without their quotes. A quote that is not closed ends with the line.
std::vector<std::string> split_words(std::string_view line);
/// Takes the last word off a line (`save 1 2 "a file"`): what is before it, and the word without
/// its quotes.
struct LastWord {
  std::string_view before;
  std::string word;
};
LastWord split_last_word(std::string_view line);

}  // namespace reader
