// fields.h - a message's header, looked into. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace reader {

/// The body of the first field of this name (letters of either case), folded as it stands and
/// without the LF at its end; nullopt if there is none. header: as Folder::header().
std::optional<std::string_view> field_body(std::string_view header, std::string_view name);

/// The addresses of an address field without names and comments, ", " between them; where it holds
/// none, the text itself, unfolded.
std::string bare_addresses(std::string_view body);

/// The sender's address in a From_ line; empty if it names none.
std::string_view envelope_sender(std::string_view from_line);

/// The date in a From_ line as it stands: from the weekday on, or what is behind the sender.
std::string_view envelope_date(std::string_view from_line);

}  // namespace reader
