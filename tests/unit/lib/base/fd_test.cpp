#include "lib/base/fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "tests/unit/folder.h"

namespace {
using base::Fd;
using base::Kind;

bool open_number(int number) { return ::fcntl(number, F_GETFD) >= 0; }
Fd null() { return Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }
}  // namespace

TEST_CASE("fd: has one owner, who closes it once") {
  int number = -1;
  {
    Fd first = null();
    number = first.number();
    Fd second = std::move(first);
    CHECK(!first);
    CHECK(second.number() == number);
    second = std::move(second);  // NOLINT(clang-diagnostic-self-move): must not close it
    CHECK(open_number(number));
  }
  CHECK(!open_number(number));
  Fd target = null();
  const int old = target.number();
  Fd source = null();
  target = std::move(source);
  CHECK(!open_number(old));
  const int kept = target.release();
  CHECK(!target);
  CHECK(open_number(kept));
  CHECK(Fd(kept).close("kept"));
  CHECK(!open_number(kept));
  CHECK(!Fd().close("none"));
}

TEST_CASE("write: a full device is told as one that may have room later") {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const auto written = base::write_all(full.number(), "x", "name");
  REQUIRE(!written);
  CHECK(written.error().kind == Kind::retry);
  CHECK(written.error().text == "name: write: No space left on device");
  CHECK(base::write_all(full.number(), "", "name"));
}

TEST_CASE("write and read: at an offset, to the end, past it") {
  Folder folder;
  const Fd file(::open((folder / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(base::write_all(file.number(), "0123456789", "file"));
  REQUIRE(base::write_all_at(file.number(), "ab", 4, "file"));
  REQUIRE(base::write_all_at(file.number(), "z", 12, "file"));
  REQUIRE(base::sync(file.number(), "file"));
  REQUIRE(base::sync_data(file.number(), "file"));
  CHECK(Folder::content(folder / "file") == std::string("0123ab6789\0\0z", 13));
  std::string buffer(20, '#');
  CHECK(base::read_at(file.number(), buffer, 3, "file").value() == 10);
  CHECK(buffer.substr(0, 4) == "3ab6");
  CHECK(base::read_at(file.number(), buffer, 99, "file").value() == 0);
  CHECK(base::read_some(file.number(), buffer, "file").value() == 3);  // behind the first write
  CHECK(base::read_some(file.number(), buffer, "file").value() == 0);
  CHECK(base::read_some(-1, buffer, "file").error().text == "file: read: Bad file descriptor");
}

TEST_CASE("write: what does not block is waited for; a reader that has gone is an error") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  Fd reader(ends[0]), writer(ends[1]);
  std::size_t got = 0;
  std::thread other([&] {
    std::string buffer(4096, '\0');
    while (got < 1 << 20) got += base::read_some(reader.number(), buffer, "pipe").value();
  });
  CHECK(base::write_all(writer.number(), std::string(1 << 20, 'x'), "pipe"));
  other.join();
  CHECK(got == 1 << 20);
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  reader.reset();
  CHECK(base::write_all(writer.number(), "x", "pipe").error().kind == Kind::io);
  std::signal(SIGPIPE, before);
}

TEST_CASE("sync: what cannot be synced says so") {
  CHECK(base::sync(-1, "x").error().text == "x: sync: Bad file descriptor");
  CHECK(base::sync_data(-1, "x").error().kind == Kind::io);
}
