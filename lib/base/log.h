// log.h - one line to syslog's mail facility, in the shape Postfix gives it (the tag names the part
// that speaks).
#pragma once

#include <string_view>

namespace base {

enum class Level { info, warning, error };

/// Log one line under the tag `postbag/PART[pid]`; controls in it become '?'. With log_to_stderr it
/// is printed too. A machine without a log is no error.
void log(std::string_view part, Level level, std::string_view line);
/// From now on every line is also printed on standard error (`-v`).
void log_to_stderr(bool on);
/// Close the connection to the log, which is kept from line to line. The next line opens it anew:
/// for a forked process that closes what is not its own.
void log_disconnect();

}  // namespace base
