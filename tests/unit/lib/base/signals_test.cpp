#include "lib/base/signals.h"

#include <doctest/doctest.h>
#include <signal.h>

using base::SignalsHeld;

namespace {

volatile sig_atomic_t heard = 0;
void hear(int number) { heard = number; }

}  // namespace

TEST_CASE("signals: they wait while they are held, and one that asks the program to end is known") {
  const auto before = ::signal(SIGTERM, hear);
  heard = 0;
  {
    const SignalsHeld held;
    CHECK_FALSE(SignalsHeld::wanted());
    REQUIRE(::raise(SIGTERM) == 0);
    { const SignalsHeld again; }
    CHECK(heard == 0);
    CHECK(SignalsHeld::wanted());
  }
  CHECK(heard == SIGTERM);
  CHECK_FALSE(SignalsHeld::wanted());
  ::signal(SIGTERM, before);
}

TEST_CASE("signals: one that is ignored asks for nothing") {
  const auto before = ::signal(SIGHUP, SIG_IGN);
  {
    const SignalsHeld held;
    REQUIRE(::raise(SIGHUP) == 0);
    CHECK_FALSE(SignalsHeld::wanted());
  }
  ::signal(SIGHUP, before);
}
