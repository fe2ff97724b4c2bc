#include "mail/sent_date.h"

#include <doctest/doctest.h>

using reader::sent_date;

TEST_CASE("sent_date: dates as they are written now and as they were") {
  CHECK(sent_date("Fri, 20 Nov 2026 13:59:00 +0100") == 1795179540);
  CHECK(sent_date(" 20 Nov 2026 13:59 +0100") == 1795179540);
  CHECK(sent_date("Fri,\n 20 nov 2026 12:59:00 GMT (a comment (nested))") == 1795179540);
  CHECK(sent_date("Fri, 20 Nov 26 07:59:00 EST") == 1795179540);
  CHECK(sent_date("20 Nov 126 05:59:00 MDT") == 1795175940);
  CHECK(sent_date("20 Nov 2026 12:59:00 Z") == 1795179540);
  CHECK(sent_date("20 Nov 2026 12:59:00") == 1795179540);
  CHECK(sent_date("1 Jan 1970 00:00:00 -0130") == 5400);
}

TEST_CASE("sent_date: what is no date is none") {
  for (const char* body :
       {"", "yesterday", "31 Feb 2026 10:00:00 +0000", "1 Foo 2026 10:00:00 +0000", "1 Jan 2026",
        "1 Jan 2026 25:00:00 +0000", "1 Jan 99999 10:00:00 +0000", "-1 Jan 2026 10:00:00 +0000"})
    CHECK_MESSAGE(!sent_date(body), body);
}
