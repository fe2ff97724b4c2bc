#include "lib/base/file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <string>

#include "lib/base/text.h"
#include "tests/unit/folder.h"

namespace {
using base::cat;
using base::Kind;

unsigned mode_of(const std::string& path) {
  struct stat status;
  CHECK(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}
}  // namespace

TEST_CASE("read_file: the whole file, up to the limit, and regular files only") {
  Folder folder;
  const auto path = folder.write("file", std::string(100'000, 'x'));
  CHECK(base::read_file(path, 100'000).value().size() == 100'000);
  const auto over = base::read_file(path, 99'999);
  CHECK(over.error().kind == Kind::data);
  CHECK(over.error().text == cat(path, ": larger than 99999 bytes"));
  CHECK(base::read_file(folder.path(), 10).error().text ==
        cat(folder.path(), ": not a regular file"));
  const auto fifo = folder / "fifo";
  CHECK(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(base::read_file(fifo, 10).error().kind == Kind::data);  // and it does not hang
  const auto missing = base::read_file(folder / "none", 10);
  CHECK(missing.error().system_error == ENOENT);
  CHECK(missing.error().text == cat(folder / "none", ": open: No such file or directory"));
}

TEST_CASE("read_file_at: follows no link") {
  Folder folder;
  folder.write("file", "text");
  CHECK(::symlink("file", (folder / "link").c_str()) == 0);
  const auto directory = base::open_directory(folder.path());
  REQUIRE(directory);
  CHECK(base::read_file_at(directory.value().number(), "file", 10, "x").value() == "text");
  CHECK(base::read_file_at(directory.value().number(), "link", 10, "x").error().system_error ==
        ELOOP);
}

TEST_CASE("replace_file: another file of mode 0600, also over what a crash left") {
  Folder folder;
  folder.write("name", "old", 0644);
  folder.write("name.new", "left by a crash");
  const auto directory = base::open_directory(folder.path());
  for (const bool durable : {false, true}) {
    const std::string text = durable ? "durable" : "not";
    REQUIRE(base::replace_file(directory.value().number(), "name", text, durable, "name"));
    CHECK(Folder::content(folder / "name") == text);
    CHECK(mode_of(folder / "name") == 0600);
    CHECK(::access((folder / "name.new").c_str(), F_OK) != 0);
  }
  ::mkdir((folder / "taken").c_str(), 0700);
  CHECK(!base::replace_file(directory.value().number(), "taken", "x", false, "taken"));
  CHECK(::access((folder / "taken.new").c_str(), F_OK) != 0);
}

TEST_CASE("make_directories: all that are missing, closed to others whatever the umask") {
  for (const mode_t mask : {0, 077, 0777}) {
    Folder folder;
    const mode_t before = ::umask(mask);
    const auto made = base::make_directories(folder / "a/b/c");
    ::umask(before);
    REQUIRE(made);
    for (const auto* part : {"a", "a/b", "a/b/c"}) CHECK(mode_of(folder / part) == 0700);
    ::chmod((folder / "a").c_str(), 0755);
    REQUIRE(base::make_directories(folder / "a/b/c"));
    CHECK(mode_of(folder / "a") == 0755);  // one that is there stays as it is
  }
  Folder folder;
  folder.write("file", "");
  const auto refused = base::make_directories(folder / "file/x");
  REQUIRE(!refused);
  CHECK(refused.error().text == cat(folder / "file/x", ": mkdir: Not a directory"));
}

TEST_CASE("lock: one holder") {
  Folder folder;
  const auto path = folder.write("lock", "");
  base::Fd first(::open(path.c_str(), O_RDWR | O_CLOEXEC)),
      second(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  CHECK(base::lock(first.number(), false, "lock").value());
  CHECK(!base::lock(second.number(), false, "lock").value());
  first.reset();
  CHECK(base::lock(second.number(), true, "lock").value());
}

TEST_CASE("unsafe_path: safe is what nobody else can change or swap") {
  Folder folder;
  const auto me = ::geteuid();
  const auto path = folder.write("file", "");
  CHECK(!base::unsafe_path(path, me));
  CHECK(*base::unsafe_path(folder / "none", me) == cat(folder / "none", ": cannot be examined"));
  ::chmod(path.c_str(), 0660);
  CHECK(*base::unsafe_path(path, me) == cat(path, ": can be written by others"));
  ::chmod(path.c_str(), 0644);
  ::chmod(folder.path().c_str(), 0702);
  CHECK(*base::unsafe_path(path, me) == cat(folder.path(), ": can be written by others"));
}

TEST_CASE("unsafe_path: a link of somebody else is not safe, wherever it leads now") {
  if (::geteuid() != 0) return;  // only root gives files away
  Folder folder;
  const auto path = folder.write("file", "");
  const auto link = folder / "link", way = folder / "way", indirect = folder / "indirect";
  REQUIRE(::symlink("file", link.c_str()) == 0);
  REQUIRE(::symlink(folder.path().c_str(), way.c_str()) == 0);
  REQUIRE(::symlink(link.c_str(), indirect.c_str()) == 0);
  for (const auto& name : {link, indirect, way + "/file"}) CHECK(!base::unsafe_path(name, 0));
  REQUIRE(::lchown(link.c_str(), 12345, 12345) == 0);
  REQUIRE(::lchown(way.c_str(), 12345, 12345) == 0);
  CHECK(base::unsafe_path(link, 0) == cat(link, ": belongs to uid 12345"));
  CHECK(base::unsafe_path(indirect, 0) == cat(link, ": belongs to uid 12345"));
  CHECK(base::unsafe_path(way + "/file", 0) == cat(way, ": belongs to uid 12345"));
}
