#include "mail/child.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <chrono>
#include <string>

#include "mail/input.h"

using reader::filtered;
using reader::run_fed;
using reader::shell_command;

namespace {
// As run_main() has it in the programs.
[[maybe_unused]] const auto ignored = ::signal(SIGPIPE, SIG_IGN);

std::chrono::steady_clock::time_point after(int seconds) {
  return std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
}
}  // namespace

TEST_CASE("child: a filter's output comes back, however long input and output are") {
  const std::string much(3'000'000, 'x');
  const auto copied = filtered(shell_command("cat", {}), much, after(60));
  REQUIRE(copied);
  CHECK(copied.value() == much);
  const auto unread = filtered(shell_command("echo done", {}), much, after(60));
  REQUIRE(unread);
  CHECK(unread.value() == "done\n");
}

TEST_CASE("child: a filter that fails, hangs or does not exist is an error") {
  CHECK(!filtered(shell_command("cat; exit 3", {}), "x", after(60)));
  CHECK(!filtered(shell_command("kill -9 $$", {}), "x", after(60)));
  CHECK(!filtered({{"/no/such/program"}, {}}, "x", after(60)));
  const auto hanging = filtered(shell_command("exec tail -f /dev/null", {}), "x", after(1));
  REQUIRE(!hanging);
  CHECK(hanging.error().kind == base::Kind::retry);
}

TEST_CASE("child: who closes its output and stays is not waited for, nor is who is interrupted") {
  const auto staying =
      filtered(shell_command("exec >/dev/null; tail -f /dev/null", {}), "x", after(1));
  CHECK(!staying);
  struct sigaction before {};
  ::sigaction(SIGINT, nullptr, &before);
  reader::catch_interrupts();
  // The first comes while we wait, the second before that.
  const auto interrupted =
      filtered(shell_command("kill -INT $PPID; exec tail -f /dev/null", {}), "x", after(60));
  ::raise(SIGINT);
  const auto again = filtered(shell_command("exec tail -f /dev/null", {}), "x", after(60));
  ::sigaction(SIGINT, &before, nullptr);
  for (const auto& each : {interrupted, again}) {
    REQUIRE(!each);
    CHECK(each.error().text == "Interrupt");
  }
}

TEST_CASE("child: a program that reads nothing of its input ends all the same") {
  const auto status = run_fed(shell_command("exit 7", {}), std::string(1'000'000, 'x'));
  REQUIRE(status);
  CHECK(status.value() == 7);
  CHECK(run_fed(shell_command("kill -9 $$", {}), "").value() == 137);
}
