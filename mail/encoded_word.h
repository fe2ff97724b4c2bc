// encoded_word.h - header text for people (RFC 2047): encoded words decoded, the rest taken as
// UTF-8 or else windows-1252. Pure and quick: a summary of a hundred thousand messages is made of
// it.
#pragma once

#include <string>
#include <string_view>

namespace reader {

/// A field's body unfolded and decoded, as UTF-8. White space between two encoded words is dropped,
/// words cut within a character are put together. Controls stay in it: see terminal.h.
std::string decoded_words(std::string_view body);

}  // namespace reader
