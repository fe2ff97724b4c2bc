#include "spool/report.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

TEST_CASE("delay: as Postfix writes it") {
  const struct {
    double seconds;
    std::string_view expected;
  } table[] = {{0, "0"},
               {0.004, "0"},
               {0.005, "0.01"},
               {0.05, "0.05"},
               {0.1, "0.1"},
               {0.12, "0.12"},
               {0.994, "0.99"},
               {0.996, "1"},
               {1.04, "1"},
               {1.06, "1.1"},
               {9.9, "9.9"},
               {9.96, "10"},
               {12.3, "12"},
               {99.6, "100"},
               {12345.6, "12346"},
               {-1, "0"},
               {std::numeric_limits<double>::infinity(), "0"},
               {std::numeric_limits<double>::quiet_NaN(), "0"}};
  for (const auto& row : table) {
    CAPTURE(row.seconds);
    CHECK(spool::delay_text(row.seconds) == row.expected);
  }
}

TEST_CASE("log line: Postfix's shape") {
  using Kind = rfc::Outcome::Kind;
  const auto line = [](std::string original, spool::Relay relay, const spool::Delays& delays,
                       const rfc::Outcome& outcome) {
    const store::Recipient recipient{store::RecipientKind::address, 0,         "", "",
                                     std::move(original),           "a@x.test"};
    return spool::delivery_line("ID", recipient, relay, delays, outcome);
  };
  CHECK(line("a@x.test", {"h[1.2.3.4]:25", 1}, {1, 0.01, 0.2, 0.3},
             {Kind::delivered, {2, 0, 0}, "250 2.0.0 Ok: queued as X"}) ==
        "ID: to=<a@x.test>, relay=h[1.2.3.4]:25, delay=1.5, delays=1/0.01/0.2/0.3, dsn=2.0.0, "
        "status=sent (250 2.0.0 Ok: queued as X)");
  CHECK(line("list", {"none", 1}, {}, {Kind::delayed, {4, 4, 1}, "connection refused"}) ==
        "ID: to=<a@x.test>, orig_to=<list>, relay=none, delay=0, delays=0/0/0/0, dsn=4.4.1, "
        "status=deferred (connection refused)");
  CHECK(line("a@x.test", {"h[1.2.3.4]:25", 3}, {}, {Kind::failed, {5, 1, 1}, "no such user"}) ==
        "ID: to=<a@x.test>, relay=h[1.2.3.4]:25, conn_use=3, delay=0, delays=0/0/0/0, dsn=5.1.1, "
        "status=bounced (no such user)");
}
