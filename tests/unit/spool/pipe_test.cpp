#include "spool/pipe.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "tests/unit/folder.h"

using rfc::Outcome;
using spool::Ending;

namespace {

struct Bed {
  Folder folder;
  std::string message = "Subject: x\n\nhello\n";

  base::Result<Ending> run(const std::string& command,
                           std::chrono::milliseconds limit = std::chrono::seconds(20)) const {
    const auto path = folder.write("message", "head" + message);
    base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    auto program = spool::program_for(command, "").value();
    program.environment = {"PATH=/usr/bin:/bin"};
    program.folder = folder.path();
    return spool::run_program(program, "From a@b\n", {file.number(), 4, message.size()}, limit);
  }
  std::string output(const std::string& command) const { return run(command).value().output; }
};

std::string shown(const Outcome& outcome) {
  const char* kinds[] = {"delivered ", "delayed ", "failed "};
  return base::cat(kinds[static_cast<int>(outcome.kind)], outcome.status.text(), " ", outcome.text);
}

}  // namespace

TEST_CASE("pipe: the message is standard input, output is kept") {
  const Bed bed;
  CHECK(bed.output("cat; echo error >&2") == "From a@b\nSubject: x\n\nhello\nerror\n");
  CHECK(bed.output("pwd") == bed.folder.path() + "\n");
  CHECK(bed.output("umask") == "0077\n");
  CHECK(bed.output("ls /proc/self/fd | tr '\\n' ' '") == "0 1 2 3 ");  // ls' own is 3
  CHECK(bed.output("env") == "PATH=/usr/bin:/bin\nPWD=" + bed.folder.path() + "\n");
}

TEST_CASE("pipe: a command that reads nothing, writes without end or leaves others behind") {
  Bed bed;
  bed.message += std::string(20 << 20, 'x') + "\n";  // more than is kept in memory
  CHECK(bed.run("exit 0").value().number == 0);
  CHECK(bed.output("wc -c") == base::cat(bed.message.size() + 9, "\n"));
  bed.message = "x\n";
  const auto flood = bed.run("yes | head -c 50000000");
  CHECK(flood.value().number == 0);
  CHECK(flood.value().output.size() == 4096);
  // Its child holds the output for an hour.
  const auto left = bed.run("sleep 3600 & echo $!");
  CHECK(left.value().how == Ending::How::exited);
  ::kill(base::to_number<pid_t>(base::trim(left.value().output)).value(), SIGKILL);
}

TEST_CASE("pipe: a command that takes too long ends, with all that belongs to it") {
  const Bed bed;
  const auto late = bed.run("sleep 3600 & echo $!; wait", std::chrono::milliseconds(200));
  CHECK(late.value().how == Ending::How::timed_out);
  const auto child = base::to_number<pid_t>(base::trim(late.value().output)).value();
  // A killed orphan is dead a moment later, and may wait for its new parent.
  const auto dead = [&] {
    const auto state = Folder::content(base::cat("/proc/", child, "/stat"));
    return state.empty() || state.find(") Z ") != std::string::npos;
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!dead() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  CHECK(dead());
  CHECK(shown(spool::outcome_of(late.value(), "slow")) ==
        base::cat("delayed 4.3.0 Command time limit exceeded: \"slow\". Command output: ", child));
}

TEST_CASE("pipe: what an exit status means") {
  const auto meaning = [](int number) {
    return shown(spool::outcome_of(Ending{Ending::How::exited, number, ""}, "c"));
  };
  CHECK(meaning(0) == "delivered 2.0.0 delivered to command: c");
  CHECK(meaning(1) == "failed 5.3.0 Command died with status 1: \"c\"");
  CHECK(meaning(67) == "failed 5.1.1 user unknown");
  for (const int number : {64, 65, 66, 67, 68, 69, 70, 72, 76, 77, 2, 79, 99, 125})
    CHECK_MESSAGE(meaning(number).starts_with("failed 5."), number);
  for (const int number : {71, 73, 74, 75, 78, 126, 127, 128, 137, 255})
    CHECK_MESSAGE(meaning(number).starts_with("delayed 4."), number);
  CHECK(shown(spool::outcome_of({Ending::How::killed, 11, "bad\x1b[1m\nnews"}, "c")) ==
        "delayed 4.3.0 Command died with signal 11: \"c\". Command output: bad?[1m?news");
}

TEST_CASE("pipe: in a commands folder a command is a name and plain words") {
  const Folder folder;
  folder.write("vacation", "", 0700);
  folder.write("plain", "", 0600);
  std::filesystem::create_directory(folder / "sub");
  const auto path = [&](const std::string& command) {
    const auto program = spool::program_for(command, folder.path());
    return program ? program.value().path : "";
  };
  CHECK(path("vacation jane") == folder / "vacation");
  CHECK(path("  /usr/bin/vacation\t-a x jane@lan.example") == folder / "vacation");
  CHECK(path("/etc/../vacation") == folder / "vacation");
  CHECK(spool::program_for("/bin/vacation -a x", folder.path()).value().arguments ==
        std::vector<std::string>{"vacation", "-a", "x"});
  for (const char* command : {"",
                              " ",
                              "missing",
                              "plain",
                              "sub",
                              ".",
                              "..",
                              "/",
                              "vacation/",
                              "vacation/..",
                              "../..",
                              "vacation || id",
                              "vacation;id",
                              "vacation & id",
                              "vacation `id`",
                              "vacation $(id)",
                              "vacation <x",
                              "vacation >x",
                              "vacation\nid",
                              "vacation \"x\"",
                              "vacation 'x'",
                              "vacation \\x",
                              "|| id",
                              "exec id",
                              "vacation *",
                              "vacation ~",
                              "vacation {a,b}",
                              "vacation #",
                              "vacation\r",
                              "A=1 vacation"})
    CHECK_MESSAGE(path(command).empty(), command);
}

TEST_CASE("pipe: values for the environment are harmless") {
  CHECK(spool::filtered("tom+x@example.org") == "tom+x@example.org");
  CHECK(spool::filtered("() { :;}; id") == "_____:____id");
  CHECK(spool::filtered("a\nb`c`$d\"'\\\xfc") == "a_b_c__d____");
}
