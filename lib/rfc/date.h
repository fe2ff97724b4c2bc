// date.h - dates as text, never through the locale.
#pragma once

#include <cstdint>
#include <string>

namespace rfc {

/// RFC 5322 section 3.3, "Fri, 20 Nov 2026 13:59:00 +0100". seconds: since 1970, UTC; offset: of
/// local time, seconds east.
std::string date(std::int64_t seconds, long offset);
/// The form of asctime without its line end, "Fri Nov 20 13:59:00 2026" (day of month space-padded
/// to two).
std::string asctime(std::int64_t seconds, long offset);

}  // namespace rfc
