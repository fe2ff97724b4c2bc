#include "mail/child.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <string>

using reader::filtered;
using reader::run_fed;
using reader::shell_command;
using std::chrono::seconds;

namespace {
// As run_main() has it in the programs.
[[maybe_unused]] const auto ignored = ::signal(SIGPIPE, SIG_IGN);
}  // namespace

TEST_CASE("child: a filter's output comes back, however long input and output are") {
  const std::string much(3'000'000, 'x');
  const auto copied = filtered(shell_command("cat", {}), much, seconds(60));
  REQUIRE(copied);
  CHECK(copied.value() == much);
  const auto unread = filtered(shell_command("echo done", {}), much, seconds(60));
  REQUIRE(unread);
  CHECK(unread.value() == "done\n");
}

TEST_CASE("child: a filter that fails, hangs or does not exist is an error") {
  CHECK(!filtered(shell_command("cat; exit 3", {}), "x", seconds(60)));
  CHECK(!filtered(shell_command("kill -9 $$", {}), "x", seconds(60)));
  CHECK(!filtered({{"/no/such/program"}, {}}, "x", seconds(60)));
  const auto hanging = filtered(shell_command("exec tail -f /dev/null", {}), "x", seconds(1));
  REQUIRE(!hanging);
  CHECK(hanging.error().kind == base::Kind::retry);
}

TEST_CASE("child: a program that reads nothing of its input ends all the same") {
  const auto status = run_fed(shell_command("exit 7", {}), std::string(1'000'000, 'x'));
  REQUIRE(status);
  CHECK(status.value() == 7);
  CHECK(run_fed(shell_command("kill -9 $$", {}), "").value() == 137);
}
