// fold.h - text compared without regard to letters' case, in any script. Pure.
#pragma once

#include <string>
#include <string_view>

namespace reader {

/// UTF-8 with every letter in lower case, one character for one (Unicode's simple mapping),
/// whatever the locale. Invalid bytes stay.
std::string folded(std::string_view text);

}  // namespace reader
