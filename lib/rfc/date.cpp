#include "lib/rfc/date.h"

#include <algorithm>
#include <string_view>

#include "lib/base/text.h"

namespace rfc {

namespace {
constexpr std::string_view day_names = "SunMonTueWedThuFriSat";
constexpr std::string_view month_names = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::int64_t day_seconds = 86400;

// A mangled clock must not make a date that other mailers cannot read: years have four digits.
constexpr std::int64_t earliest = -62'135'596'800;
constexpr std::int64_t latest = 253'370'764'799;

struct Civil {
  std::int64_t year, month, day, weekday, hour, minute, second;
};

/// The day numbered `days` since 1970 as year, month (1 to 12) and day, in the proleptic Gregorian
/// calendar. Years are counted from March in eras of 400: the leap day is the last of its year.
void set_day(std::int64_t days, Civil& civil) {
  const std::int64_t shifted = days + 719'468;  // since 0000-03-01
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const std::int64_t of_era = shifted - era * 146'097;
  const std::int64_t year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const std::int64_t month = (5 * of_year + 2) / 153;  // 0 is March
  civil.day = of_year - (153 * month + 2) / 5 + 1;
  civil.month = month < 10 ? month + 3 : month - 9;
  civil.year = year + era * 400 + (civil.month <= 2 ? 1 : 0);
}

Civil civil_time(std::int64_t seconds, std::int64_t offset) {
  const std::int64_t local = std::clamp(seconds, earliest, latest) + offset;
  std::int64_t days = local / day_seconds;
  std::int64_t of_day = local % day_seconds;
  if (of_day < 0) {
    of_day += day_seconds;
    --days;
  }
  Civil civil{};
  set_day(days, civil);
  civil.weekday = ((days + 4) % 7 + 7) % 7;  // 1970 began on a Thursday
  civil.hour = of_day / 3600;
  civil.minute = of_day / 60 % 60;
  civil.second = of_day % 60;
  return civil;
}

std::string padded(std::int64_t number, std::size_t width, char fill) {
  std::string digits = base::cat(number);
  if (digits.size() < width) digits.insert(0, width - digits.size(), fill);
  return digits;
}

std::string_view name(std::string_view names, std::int64_t index) {
  return names.substr(static_cast<std::size_t>(index) * 3, 3);
}

std::string clock_text(const Civil& civil) {
  return base::cat(padded(civil.hour, 2, '0'), ":", padded(civil.minute, 2, '0'), ":",
                   padded(civil.second, 2, '0'));
}
}  // namespace

std::string date(std::int64_t seconds, long offset) {
  // The zone has no seconds, so the time shown must not have those of a local mean time either.
  const std::int64_t minutes = std::clamp(offset, -day_seconds + 1, day_seconds - 1) / 60;
  const Civil civil = civil_time(seconds, minutes * 60);
  const std::int64_t distance = minutes < 0 ? -minutes : minutes;
  return base::cat(name(day_names, civil.weekday), ", ", civil.day, " ",
                   name(month_names, civil.month - 1), " ", padded(civil.year, 4, '0'), " ",
                   clock_text(civil), minutes < 0 ? " -" : " +", padded(distance / 60, 2, '0'),
                   padded(distance % 60, 2, '0'));
}

std::string asctime(std::int64_t seconds, long offset) {
  const Civil civil = civil_time(seconds, std::clamp(offset, -day_seconds + 1, day_seconds - 1));
  return base::cat(name(day_names, civil.weekday), " ", name(month_names, civil.month - 1), " ",
                   padded(civil.day, 2, ' '), " ", clock_text(civil), " ",
                   padded(civil.year, 4, '0'));
}

}  // namespace rfc
