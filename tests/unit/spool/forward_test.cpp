#include "spool/forward.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "lib/base/text.h"
#include "tests/unit/folder.h"

namespace {
using base::cat;

base::User user(const std::string& home) { return {::geteuid(), 0, "jane", "", home, ""}; }

// "" plain delivery, the targets' values, or "!reason" with the home cut off.
std::string forwarded(const Folder& home) {
  const auto found = spool::read_forward(user(home.path()));
  if (!found) {
    const auto& text = found.error().text;
    const auto at = text.find(home.path());
    return "!" + (at == std::string::npos ? text : text.substr(at + home.path().size()));
  }
  std::string text;
  if (found.value())
    for (const auto& target : found.value()->targets) text += target.value + ";";
  return text;
}
}  // namespace

TEST_CASE("forward: none, an empty one and comments are plain delivery") {
  const Folder home;
  CHECK(forwarded(home).empty());
  home.write(".forward", "");
  home.age(".forward");
  CHECK(forwarded(home).empty());
  home.write(".forward", "# on holiday\n\n");
  CHECK(forwarded(home).empty());
  home.write(".forward", "a@x.test, b\n|cmd\n", 0644);
  CHECK(forwarded(home) == "a@x.test;b;cmd;");
}

TEST_CASE("forward: whatever is odd is an error with its reason") {
  const Folder home;
  const auto path = home.write(".forward", "a@x.test", 0620);
  CHECK(forwarded(home) == "!/.forward: can be written by group or others");
  ::chmod(path.c_str(), 0602);
  CHECK(forwarded(home) == "!/.forward: can be written by group or others");
  ::chmod(path.c_str(), 0600);
  ::chmod(home.path().c_str(), 0770);
  CHECK(forwarded(home) == "!/.forward: its folder can be written by group or others");
  ::chmod(home.path().c_str(), 0700);
  home.write(".forward", std::string(65536, '\n'));
  CHECK(forwarded(home).empty());
  home.write(".forward", std::string(65537, '\n'));
  CHECK(forwarded(home) == "!/.forward: larger than 65536 bytes");
  home.write(".forward", std::string("a@x.test\0\n", 10));
  CHECK(forwarded(home) == "!/.forward: holds a NUL byte");
  home.write(".forward", "a@x.test\n\"open\n");
  CHECK(forwarded(home).starts_with("!/.forward:2: "));
  home.write("real", "a@x.test");
  ::unlink(path.c_str());
  REQUIRE(::symlink("real", path.c_str()) == 0);
  CHECK(forwarded(home) == "!/.forward: is a symbolic link");
  ::unlink(path.c_str());
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(forwarded(home) == "!/.forward: is a FIFO");
  ::unlink(path.c_str());
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  CHECK(forwarded(home) == "!/.forward: is a folder");
}

TEST_CASE("forward: one that is cut and not yet written again waits, one with a line end counts") {
  const Folder home;
  for (const char* text : {"a@x.test", "a@x.test\nb@x.te"}) {
    home.write(".forward", text);
    CHECK(forwarded(home) == "!/.forward: is being written just now");
    home.age(".forward");
    CHECK(!forwarded(home).starts_with("!"));
    const auto list = home.write("list", text);
    CHECK(!spool::read_include(list, ::geteuid()));
    home.age("list");
    CHECK(spool::read_include(list, ::geteuid()));
  }
  home.write(".forward", "a@x.test\n");
  CHECK(forwarded(home) == "a@x.test;");
}

TEST_CASE("forward: an empty one is none, and an empty list names nobody") {
  const Folder home;
  home.write(".forward", "");
  CHECK(forwarded(home).empty());
  const auto list = spool::read_include(home.write("list", ""), ::geteuid());
  REQUIRE(list);
  CHECK(list.value().targets.empty());
}

TEST_CASE("forward: a home that is not there is no home without a .forward") {
  const auto gone = spool::read_forward(user("/none/such"));
  REQUIRE(!gone);
  CHECK(gone.error().text == "home /none/such: open: No such file or directory");
  for (const char* home : {"", "/nonexistent", "/nonexistent/x"}) {
    const auto found = spool::read_forward(user(home));
    REQUIRE(found);
    CHECK(!found.value());
  }
}

TEST_CASE("forward: one that is exchanged while it is read is read whole, or refused") {
  const Folder home;
  std::atomic<bool> done = false;
  const std::string path = home / ".forward";
  home.write(".forward", "good1@x.test, good2@x.test\n");
  std::thread racer([&] {
    while (!done) {
      home.write("good", "good1@x.test, good2@x.test\n");
      home.write("bad", "evil@x.test", 0666);
      const int made = ::symlink("bad", (home / "link").c_str());
      for (const char* name : {"bad", "link", "good"})
        if (made == 0 || name != std::string("link"))
          (void)std::rename((home / name).c_str(), path.c_str());
    }
  });
  int good = 0, refused = 0;
  for (int i = 0; i < 1'000'000 && (i < 3000 || good == 0 || refused == 0); ++i) {
    const auto text = forwarded(home);
    const bool whole = text == "good1@x.test;good2@x.test;";
    const bool told = text == "!/.forward: can be written by group or others" ||
                      text == "!/.forward: is a symbolic link";
    good += whole;
    refused += told;
    if (!whole && !told) FAIL_CHECK(text);
  }
  done = true;
  racer.join();
  CHECK(good > 0);
  CHECK(refused > 0);
}

TEST_CASE("forward: who may name commands in an included file") {
  const Folder folder;
  const auto path = folder.write("list", "a@x.test\n|cmd\n", 0644);
  auto list = spool::read_include(path, ::geteuid());
  REQUIRE(list);
  CHECK(list.value().targets.size() == 2);
  CHECK(list.value().untrusted.empty());
  ::chmod(path.c_str(), 0664);
  CHECK(spool::read_include(path, ::geteuid()).value().untrusted ==
        path + " can be written by group or others");
  ::chmod(path.c_str(), 0644);
  if (::geteuid() != 0) return;
  REQUIRE(::chown(path.c_str(), 12345, 12345) == 0);
  CHECK(spool::read_include(path, 0).value().untrusted == path + " belongs to uid 12345");
  CHECK(spool::read_include(path, 12345).value().untrusted.empty());
}

TEST_CASE("forward: an included file that cannot be read is an error") {
  const Folder folder;
  const auto reason = [&](std::string_view name) {
    const auto list = spool::read_include(folder / name, ::geteuid());
    return list ? ""
                : list.error().text.substr(list.error().text.find(folder.path()) +
                                           folder.path().size());
  };
  CHECK(reason("none") == "/none: open: No such file or directory");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(reason("fifo") == "/fifo: is a FIFO");
  folder.write("bad", "a@x.test\n\"open\n");
  CHECK(reason("bad").starts_with("/bad:2: "));
  folder.write("large", std::string((8 << 20) + 1, '\n'));
  CHECK(reason("large") == "/large: larger than 8388608 bytes");
}
