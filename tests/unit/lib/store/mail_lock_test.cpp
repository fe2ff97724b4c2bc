#include "lib/store/mail_lock.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "lib/base/text.h"
#include "tests/unit/folder.h"

using base::cat;
using base::Fd;
using store::LockedFile;

namespace {

base::Result<LockedFile> lock(const std::string& path) {
  return LockedFile::open(path, ::geteuid(), std::chrono::milliseconds(30));
}

std::string refusal(const std::string& path) {
  const auto locked = lock(path);
  return locked ? "" : locked.error().text;
}

}  // namespace

TEST_CASE("lock: a missing mailbox is made for its owner alone, and locked twice") {
  const Folder folder;
  const auto box = folder / "box";
  {
    auto locked = lock(box);
    REQUIRE(locked);
    CHECK(locked.value().size() == 0);
    struct stat status;
    REQUIRE(::lstat((box + ".lock").c_str(), &status) == 0);
    CHECK(status.st_mode == (S_IFREG | 0500));
    Fd other(::open(box.c_str(), O_RDWR | O_CLOEXEC));
    struct flock whole {};
    whole.l_type = F_WRLCK;
    CHECK(::fcntl(other.number(), F_SETLK, &whole) != 0);
    auto moved = std::move(locked).value();
    CHECK(refusal(box) == cat(box, ": unable to lock: it is locked by another program"));
    CHECK(moved.close());
  }
  CHECK(!std::filesystem::exists(box + ".lock"));
  CHECK(lock(box));
}

TEST_CASE("lock: a mailbox that is no plain file of one's own is refused") {
  const Folder folder;
  folder.write("plain", "");
  std::filesystem::create_symlink(folder / "plain", folder / "link");
  std::filesystem::create_symlink(folder / "nowhere", folder / "dangling");
  folder.write("two", "");
  std::filesystem::create_hard_link(folder / "two", folder / "names");
  std::filesystem::create_directory(folder / "folder");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const std::pair<const char*, const char*> cases[] = {
      {"link", ": is a symbolic link"},
      {"dangling", ": is a symbolic link"},
      {"names", ": has more than one name"},
      {"folder", ": is a folder (a slash at its end would make it a maildir)"},
      {"fifo", ": is not a regular file"},
  };
  for (const auto& [name, why] : cases) CHECK(refusal(folder / name) == folder / name + why);
  CHECK(!std::filesystem::exists(folder / "nowhere"));
  CHECK(refusal("/dev/null") == "/dev/null: is not a regular file");
  const auto foreign = LockedFile::open(folder / "plain", ::geteuid() + 1, {});
  CHECK(foreign.error().text == folder / "plain" + ": belongs to somebody else");
}

TEST_CASE("lock: another's dot lock is waited for, a stale one and one of ours are not") {
  const Folder folder;
  const auto box = folder.write("box", "mail");
  const auto dot = folder.write("box.lock", "4711\n");
  CHECK(refusal(box) == cat(box, ": unable to lock: ", dot, " is there"));
  CHECK(Folder::content(dot) == "4711\n");
  // The mailbox's own times are its reader's.
  struct stat before, after;
  REQUIRE(::stat(box.c_str(), &before) == 0);
  CHECK(!lock(box));
  REQUIRE(::stat(box.c_str(), &after) == 0);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  CHECK(before.st_atim.tv_nsec == after.st_atim.tv_nsec);
  REQUIRE(::chmod(dot.c_str(), 0500) == 0);
  CHECK(lock(box));
  CHECK(!std::filesystem::exists(dot));
}

TEST_CASE("lock: a dot lock that another made meanwhile stays") {
  const Folder folder;
  const auto box = folder.write("box", "");
  {
    const auto locked = lock(box);
    REQUIRE(locked);
    folder.write("other", "4711\n");
    std::filesystem::rename(folder / "other", box + ".lock");
  }
  CHECK(Folder::content(box + ".lock") == "4711\n");
}

TEST_CASE("lock: without the right to make a dot lock the kernel's is enough") {
  if (::geteuid() == 0) return;  // nothing stops root; the program tests have other users
  const Folder folder;
  const auto box = folder.write("box", "");
  REQUIRE(::chmod(folder.path().c_str(), 0500) == 0);
  CHECK(lock(box));
  ::chmod(folder.path().c_str(), 0700);
}
