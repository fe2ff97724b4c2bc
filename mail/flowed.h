// flowed.h - text/plain; format=flowed (RFC 3676): lines that end in a blank go on in the next.
#pragma once

#include <string>
#include <string_view>

namespace reader {

/// The text with its flowed lines joined and its stuffing undone. delsp: the blank at the end of a
/// flowed line goes (DelSp=yes). Quoted lines are joined at one depth only, and keep their marks
/// (`> `). LF line ends in and out; linear.
std::string unflowed(std::string_view text, bool delsp);

}  // namespace reader
