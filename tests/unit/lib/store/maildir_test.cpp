#include "lib/store/maildir.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "lib/base/fd.h"
#include "tests/unit/folder.h"

namespace {

struct Bed {
  Folder folder;
  std::string path = folder / "Maildir";

  base::Result<> deliver(const std::string& text, const char* unique = "1.ID_0.postbag") const {
    const auto name = folder.write("message", text);
    base::Fd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    return store::deliver_maildir(path, ::geteuid(), unique, "Delivered-To: jane\n",
                                  {file.number(), 0, text.size()});
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    const auto list = store::list_maildir(path);
    for (const auto& message : list.value()) all.push_back(message.name);
    return all;
  }
};

}  // namespace

TEST_CASE("maildir: its folders are made, the message comes as it is") {
  const Bed bed;
  REQUIRE(bed.deliver("Subject: x\n\nFrom here\n"));
  for (const char* part : {"", "/cur", "/new", "/tmp"}) {
    struct stat status;
    REQUIRE(::stat((bed.path + part).c_str(), &status) == 0);
    CHECK(status.st_mode == (S_IFDIR | 0700));
  }
  CHECK(bed.names() == std::vector<std::string>{"new/1.ID_0.postbag"});
  CHECK(Folder::content(bed.path + "/new/1.ID_0.postbag") ==
        "Delivered-To: jane\nSubject: x\n\nFrom here\n");
}

TEST_CASE("maildir: a delivery that is made again is one message, another of its name a second") {
  const Bed bed;
  REQUIRE(bed.deliver("one\n"));
  REQUIRE(bed.deliver("one\n"));
  CHECK(bed.names().size() == 1);
  REQUIRE(bed.deliver("two\n"));
  REQUIRE(bed.deliver("two\n"));
  CHECK(bed.names() == std::vector<std::string>{"new/1.ID_0.postbag", "new/1.ID_0.postbag.1"});
  CHECK(std::filesystem::is_empty(bed.path + "/tmp"));
}

TEST_CASE("maildir: one that was read before the delivery is made again is not delivered twice") {
  for (const char* name : {"1.ID_0.postbag", "1.ID_0.postbag:2,", "1.ID_0.postbag:2,RS"}) {
    const Bed bed;
    REQUIRE(bed.deliver("one\n"));
    const auto seen = bed.path + "/cur/" + name;
    std::filesystem::rename(bed.path + "/new/1.ID_0.postbag", seen);
    REQUIRE(bed.deliver("one\n"));
    CHECK(bed.names() == std::vector<std::string>{std::string("cur/") + name});
    CHECK(std::filesystem::is_empty(bed.path + "/tmp"));
    REQUIRE(bed.deliver("two\n"));
    CHECK(bed.names().size() == 2);
  }
}

TEST_CASE("maildir: what an attempt left in tmp/ is replaced") {
  const Bed bed;
  REQUIRE(bed.deliver("one\n"));
  bed.folder.write("Maildir/tmp/2.ID_0.postbag", "half");
  REQUIRE(bed.deliver("two\n", "2.ID_0.postbag"));
  CHECK(Folder::content(bed.path + "/new/2.ID_0.postbag") == "Delivered-To: jane\ntwo\n");
  CHECK(std::filesystem::is_empty(bed.path + "/tmp"));
}

TEST_CASE("maildir: new and seen messages are listed in the order of their names, with flags") {
  const Bed bed;
  REQUIRE(bed.deliver("two\n", "2.B.postbag"));
  bed.folder.write("Maildir/cur/1.A.box:2,RS", "seen");
  bed.folder.write("Maildir/cur/.hidden", "");
  const auto listed = store::list_maildir(bed.path);
  const auto& list = listed.value();
  REQUIRE(list.size() == 2);
  CHECK(list[0].name == "cur/1.A.box:2,RS");
  CHECK(list[0].flags == "RS");
  CHECK(list[0].size == 4);
  CHECK(list[1].flags.empty());
}

TEST_CASE("maildir: what is no folder, or a folder of others, is refused") {
  const Bed bed;
  bed.folder.write("Maildir", "");
  CHECK(!bed.deliver("one\n"));
  const auto foreign = store::deliver_maildir(bed.folder.path(), ::geteuid() + 1, "u", "", {});
  CHECK(foreign.error().text == bed.folder.path() + ": belongs to somebody else");
  const auto missing = store::deliver_maildir(bed.folder / "a/b", ::geteuid(), "u", "", {});
  CHECK(missing.error().system_error == ENOENT);
  CHECK(!std::filesystem::exists(bed.folder / "a"));
}
