// case_fold.h - letters of either case are one when people search. Latin, Greek, Cyrillic and
// Armenian; never the locale. Pure.
#pragma once

#include <string>
#include <string_view>

namespace reader {

/// UTF-8 with every capital as its small letter. Invalid bytes stay as they are.
std::string case_folded(std::string_view text);

/// Whether `part` stands in `text`, letters of either case. folded_part: case_folded().
bool contains_folded(std::string_view text, std::string_view folded_part);

}  // namespace reader
