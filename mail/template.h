// template.h - `mail -t`: a message whose header says to whom it goes. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/result.h"
#include "mail/letter.h"

namespace reader {

/// How many bytes at the start of `text` are a header with the empty line behind it; 0: it begins
/// with none.
std::size_t template_header_size(std::string_view text);

/// Put the fields of a header into a letter. Date, Message-ID and what tells of an earlier way
/// (Received, Return-Path, a From_ line) are left out. Errors: usage (an address that is none).
base::Result<> read_template(std::string_view header, Letter& letter);

}  // namespace reader
