#include "spool/cause.h"

#include <doctest/doctest.h>

TEST_CASE("cause: each has a status of its own, which may be told better") {
  using spool::Cause;
  const struct {
    Cause cause;
    const char* status;
  } table[] = {{Cause::refused, "5.0.0"},    {Cause::too_large, "5.3.4"},
               {Cause::needs_utf8, "5.6.7"}, {Cause::cannot_convert, "5.6.3"},
               {Cause::loop, "5.4.6"},       {Cause::expired, "5.4.7"},
               {Cause::error_route, "5.0.0"}};
  for (const auto& row : table) {
    const auto outcome = spool::failed(row.cause, "why");
    CHECK(outcome.kind == rfc::Outcome::Kind::failed);
    CHECK(outcome.status.text() == row.status);
    CHECK(outcome.text == "why");
    CHECK(spool::failed(row.cause, "", rfc::EnhancedStatus{5, 1, 1}).status.text() == "5.1.1");
  }
}
