#include "mail/mbox_status.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

using base::cat;
using namespace reader;

TEST_CASE("mbox status: fields are added and replaced inside the header, nothing else changes") {
  constexpr std::string_view from = "From a@b Sat Jan  2 08:50:01 2021\n";
  const struct {
    std::string_view before;
    Flags flags;
    std::string_view after;
  } cases[] = {
      {"S: x\n\nbody\n\n", old, "S: x\nStatus: O\n\nbody\n\n"},
      {"S: x\n\nbody\n\n", seen | old, "S: x\nStatus: RO\n\nbody\n\n"},
      {"S: x\nStatus: O\nT: y\n\n", seen | old, "S: x\nStatus: RO\nT: y\n\n"},
      {"S: x\nStatus: OR\nT: y\n\n", seen | old, "S: x\nStatus: OR\nT: y\n\n"},
      {"Status: RO\nS: x\n\n", 0, "S: x\n\n"},
      {"Status: R\nS: x\nStatus: O\n\n", old, "Status: O\nS: x\n\n"},
      {"S: x\n\n", old | answered | flagged, "S: x\nStatus: O\nX-Status: AF\n\n"},
      {"X-Status: AKJ\nS: x\n\n", flagged, "X-Status: FKJ\nS: x\n\n"},
      {"X-Status: A\nS: x\n\n", 0, "S: x\n\n"},
      {"Status: O\n folded\nS: x\n\n", seen | old, "Status: RO\nS: x\n\n"},
      {"\nbody\n\n", old, "Status: O\n\nbody\n\n"},
      {"prose, no header\n\n", old, "Status: O\n\nprose, no header\n\n"},
      {"S: x\nprose\n\n", old, "S: x\nStatus: O\n\nprose\n\n"},
      {"S: x", old, "S: x\nStatus: O\n"},
      {"S: x\n\nStatus: R\n\n", old, "S: x\nStatus: O\n\nStatus: R\n\n"},
      {"From x@y Sat Jan  2 08:50:01 2021\n\n", old, "From x@y Sat Jan  2 08:50:01 2021\n\n"},
  };
  for (const auto& [before, flags, after] : cases) {
    CAPTURE(before);
    CHECK(with_flags(cat(from, before), flags) == cat(from, after));
  }
  CHECK(with_flags("From a@b Sat Jan  2 08:50:01 2021\r\nS: x\r\n\r\n", old) ==
        "From a@b Sat Jan  2 08:50:01 2021\r\nS: x\r\nStatus: O\r\n\r\n");
}
