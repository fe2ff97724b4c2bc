#include "mailq/note.h"

#include "lib/base/text.h"

namespace listing {

using base::cat;

namespace {
constexpr std::int64_t minute = 60, hour = 60 * minute, day = 24 * hour;
constexpr std::int64_t patience = 15 * minute;

std::string counted(std::int64_t number, std::string_view unit) {
  return cat(number, " ", unit, number == 1 ? "" : "s");
}

std::string duration(std::int64_t seconds) {
  if (seconds >= 2 * day) return counted(seconds / day, "day");
  if (seconds >= 2 * hour) return counted(seconds / hour, "hour");
  return counted(seconds / minute, "minute");
}
}  // namespace

std::optional<std::int64_t> parse_last_run(std::string_view text) {
  return base::to_number<std::int64_t>(base::trim(text));
}

std::optional<std::string> stale_note(const Care& care, std::int64_t now) {
  if (!care.due_since || now - *care.due_since <= patience) return std::nullopt;
  if (care.last_run && now - *care.last_run <= patience) return std::nullopt;
  const auto when = care.last_run ? cat("was last run ", duration(now - *care.last_run), " ago")
                                  : std::string("has never been run");
  return cat("note: the queue ", when,
             "; is the timer or crontab line there? 'sendmail -q' runs it now");
}

}  // namespace listing
