// sent_date.h - when a message says it was sent. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace reader {

/// The body of a Date field (RFC 5322 section 3.3, with the obsolete years, zones and comments of
/// section 4.3) as seconds since 1970, UTC; nullopt if it is none.
std::optional<std::int64_t> sent_date(std::string_view body);

}  // namespace reader
