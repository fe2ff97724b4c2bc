#include "lib/rfc/date.h"

#include <doctest/doctest.h>

#include <limits>

TEST_CASE("date: RFC 5322 form with the zone") {
  const struct {
    std::int64_t seconds;
    long offset;
    const char* expected;
  } table[] = {
      {1'795'179'540, 3600, "Fri, 20 Nov 2026 13:59:00 +0100"},
      {0, 0, "Thu, 1 Jan 1970 00:00:00 +0000"},
      {-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000"},
      {-1, -12'600, "Wed, 31 Dec 1969 20:29:59 -0330"},
      {0, 20'700, "Thu, 1 Jan 1970 05:45:00 +0545"},
      {0, 50'400, "Thu, 1 Jan 1970 14:00:00 +1400"},
      {951'782'399, 0, "Mon, 28 Feb 2000 23:59:59 +0000"},
      {951'782'400, 0, "Tue, 29 Feb 2000 00:00:00 +0000"},
      {951'868'800, 0, "Wed, 1 Mar 2000 00:00:00 +0000"},
      {4'107'542'399, 0, "Sun, 28 Feb 2100 23:59:59 +0000"},
      {4'107'542'400, 0, "Mon, 1 Mar 2100 00:00:00 +0000"},
      {2'147'483'647, 0, "Tue, 19 Jan 2038 03:14:07 +0000"},
      {2'147'483'648, 0, "Tue, 19 Jan 2038 03:14:08 +0000"},
      {-2'208'988'800, 0, "Mon, 1 Jan 1900 00:00:00 +0000"},
      {1'704'067'199, 0, "Sun, 31 Dec 2023 23:59:59 +0000"},
      {-62'135'596'800, 0, "Mon, 1 Jan 0001 00:00:00 +0000"},
  };
  for (const auto& row : table) {
    CAPTURE(row.seconds);
    CHECK(rfc::date(row.seconds, row.offset) == row.expected);
  }
}

TEST_CASE("date: seconds of a zone are left out of both the zone and the time") {
  CHECK(rfc::date(0, 1172) == "Thu, 1 Jan 1970 00:19:00 +0019");
  CHECK(rfc::date(0, -75) == "Wed, 31 Dec 1969 23:59:00 -0001");
  CHECK(rfc::date(0, -59) == "Thu, 1 Jan 1970 00:00:00 +0000");
}

TEST_CASE("date: whatever the clock says, the year has four digits") {
  using seconds_limits = std::numeric_limits<std::int64_t>;
  using offset_limits = std::numeric_limits<long>;
  CHECK(rfc::date(seconds_limits::max(), offset_limits::max()) == "Fri, 1 Jan 9999 23:58:59 +2359");
  CHECK(rfc::date(seconds_limits::min(), offset_limits::min()) ==
        "Sun, 31 Dec 0000 00:01:00 -2359");
  CHECK(rfc::asctime(seconds_limits::max(), 0) == "Thu Dec 31 23:59:59 9998");
  CHECK(rfc::asctime(seconds_limits::min(), 0) == "Mon Jan  1 00:00:00 0001");
}

TEST_CASE("asctime: the day of month is padded with a space") {
  CHECK(rfc::asctime(1'795'179'540, 3600) == "Fri Nov 20 13:59:00 2026");
  CHECK(rfc::asctime(0, 0) == "Thu Jan  1 00:00:00 1970");
  CHECK(rfc::asctime(0, -1) == "Wed Dec 31 23:59:59 1969");
  CHECK(rfc::asctime(0, 1172) == "Thu Jan  1 00:19:32 1970");
}

TEST_CASE("date: each day follows the one before for 800 years") {
  constexpr const char* days = "ThuFriSatSunMonTueWed";
  std::string before;
  for (std::int64_t day = 0; day < 292'194; ++day) {
    const auto text = rfc::asctime(day * 86'400, 0);
    REQUIRE(text.substr(0, 3) == std::string(days + day % 7 * 3, 3));
    const bool first = text.substr(8, 2) == " 1";
    if (!first && !before.empty())
      REQUIRE(std::stoi(text.substr(8, 2)) == std::stoi(before.substr(8, 2)) + 1);
    before = text;
  }
  CHECK(before == "Wed Dec 31 00:00:00 2769");
}
