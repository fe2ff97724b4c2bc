// note.h - whether the flush has stopped being run: nothing resident would say so. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace listing {

/// How a spool is looked after.
struct Care {
  std::optional<std::int64_t> last_run;   ///< seconds since 1970; nullopt: no flush was ever run
  std::optional<std::int64_t> due_since;  ///< of what is due, not held and in nobody's hands, the
                                          ///< longest; nullopt: there is none
};

/// The number of run/last; nullopt where it is none.
std::optional<std::int64_t> parse_last_run(std::string_view text);

/// What to tell people where mail has been due, and the flush not been run, for more than a quarter
/// of an hour: timers and crontab lines run it every few minutes. Else nullopt.
std::optional<std::string> stale_note(const Care& care, std::int64_t now);

}  // namespace listing
