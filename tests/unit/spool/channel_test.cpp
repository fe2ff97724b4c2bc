#include "spool/channel.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace {
using namespace std::chrono_literals;
using base::Fd;
using spool::Packer;
using spool::Unpacker;

struct Pair {
  Pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    a = Fd(ends[0]);
    b = Fd(ends[1]);
  }
  Fd a, b;
};

auto soon() { return std::chrono::steady_clock::now() + 5s; }
}  // namespace

TEST_CASE("packer: values come back, and what is missing is noticed") {
  const std::string nasty("a\0b\n", 4);
  const auto bytes = Packer().number(0).text(nasty).number(~std::uint64_t{0}).text("").bytes();
  Unpacker unpacker(bytes);
  CHECK(unpacker.number() == 0);
  CHECK(unpacker.text() == nasty);
  CHECK(unpacker.number() == ~std::uint64_t{0});
  CHECK(unpacker.text().empty());
  CHECK(unpacker.ok());
  CHECK(unpacker.number() == 0);
  CHECK(!unpacker.ok());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    Unpacker cut(std::string_view(bytes).substr(0, length));
    cut.number();
    cut.text();
    cut.number();
    cut.text();
    CHECK(!cut.ok());
  }
  const auto lie = Packer().number(1000).bytes();
  Unpacker unbelieving(lie);
  CHECK(unbelieving.text().empty());
  CHECK(!unbelieving.ok());
}

TEST_CASE("frames: in order, with their descriptors, however large") {
  Pair pair;
  const Fd file(::memfd_create("x", MFD_CLOEXEC));
  REQUIRE(base::write_all(file.number(), "content", "x"));
  const std::string large(3'000'000, 'x');
  std::thread writer([&] {
    CHECK(spool::send_frame(pair.a.number(), "first", file.number()));
    CHECK(spool::send_frame(pair.a.number(), large));
    CHECK(spool::send_frame(pair.a.number(), ""));
    pair.a.reset();
  });
  auto frame = spool::receive_frame(pair.b.number(), soon());
  REQUIRE(frame);
  REQUIRE(frame.value());
  CHECK(frame.value()->bytes == "first");
  REQUIRE(frame.value()->descriptor);
  std::string text(7, ' ');
  CHECK(base::read_at(frame.value()->descriptor.number(), text, 0, "x").value() == 7);
  CHECK(text == "content");
  frame = spool::receive_frame(pair.b.number(), soon());
  CHECK(frame.value()->bytes == large);
  CHECK(!frame.value()->descriptor);
  frame = spool::receive_frame(pair.b.number(), soon());
  CHECK(frame.value()->bytes.empty());
  frame = spool::receive_frame(pair.b.number(), soon());
  REQUIRE(frame);
  CHECK(!frame.value());
  writer.join();
}

TEST_CASE("frames: a peer that is late, gone in the middle or lying is told apart") {
  Pair late;
  const auto soon_over = std::chrono::steady_clock::now() + 20ms;
  CHECK(spool::receive_frame(late.b.number(), soon_over).error().kind == base::Kind::retry);
  CHECK(spool::receive_frame(late.b.number(), soon(), [] { return true; }).error().text ==
        "stopped");
  Pair cut;
  const auto length = Packer().number(100).bytes();
  REQUIRE(base::write_all(cut.a.number(), length + "only some", "x"));
  cut.a.reset();
  const auto middle = spool::receive_frame(cut.b.number(), soon());
  REQUIRE(middle);
  CHECK(!middle.value());
  Pair lying;
  REQUIRE(base::write_all(lying.a.number(), Packer().number(~std::uint64_t{0}).bytes(), "x"));
  CHECK(spool::receive_frame(lying.b.number(), soon()).error().kind == base::Kind::software);
  Pair gone;
  gone.b.reset();
  CHECK(spool::send_frame(gone.a.number(), "x").error().kind == base::Kind::io);  // and no SIGPIPE
}
