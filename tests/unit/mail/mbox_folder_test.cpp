#include "mail/mbox_folder.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "lib/base/text.h"
#include "tests/unit/folder.h"

using base::cat;
using base::Kind;
using reader::Verdict;

namespace {

constexpr std::string_view from = "From a@b Sat Jan  2 08:50:01 2021\n";

class Bed {
 public:
  explicit Bed(std::string_view text) : path_(folder_.write("box", text)) {}
  std::unique_ptr<reader::Folder> open() const {
    reader::Owner owner{::geteuid(), folder_ / "journals"};
    owner.lock_limit = std::chrono::milliseconds(50);
    auto folder = reader::open_mbox(path_, owner);
    REQUIRE(folder);
    return std::move(folder).value();
  }
  std::string content() const { return Folder::content(path_); }
  void append(std::string_view text) const { folder_.write("box", content() + std::string(text)); }
  const std::string& path() const { return path_; }
  const Folder& folder() const { return folder_; }

 private:
  Folder folder_;
  std::string path_;
};

std::vector<Verdict> unchanged(const reader::Folder& folder) {
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < folder.count(); ++i) verdicts.push_back({false, folder.flags(i)});
  return verdicts;
}

}  // namespace

TEST_CASE("mbox folder: messages as they are, as they are stored, and counted as bsd-mailx does") {
  const Bed bed(cat(from, "Subject: x\n\n>From here\n>>From there\n\n", from, "\nno header\n"));
  const auto folder = bed.open();
  REQUIRE(folder->count() == 2);
  CHECK(folder->text(0).value() == "Subject: x\n\nFrom here\n>From there\n");
  CHECK(folder->header(0).value() == "Subject: x\n");
  CHECK(folder->from_line(0).value() == from);
  CHECK(folder->size(0) == from.size() + 37);
  CHECK(folder->lines(0).value() == 6);
  CHECK(folder->stored(0).value() == bed.content().substr(0, folder->size(0)));
  CHECK(folder->text(1).value() == "\nno header\n");
  CHECK(folder->header(1).value().empty());
  CHECK(folder->stored(1).value() == cat(from, "\nno header\n\n"));
}

TEST_CASE("mbox folder: line ends of DOS, and a last line without one") {
  const Bed bed("From a@b Sat Jan  2 08:50:01 2021\r\nSubject: x\r\n\r\na\rb\r\n>From c");
  const auto folder = bed.open();
  REQUIRE(folder->count() == 1);
  CHECK(folder->text(0).value() == "Subject: x\n\na\rb\nFrom c");
  CHECK(folder->header(0).value() == "Subject: x\n");
  CHECK(folder->from_line(0).value() == from);
  CHECK(folder->lines(0).value() == 5);
  CHECK(folder->stored(0).value() == bed.content() + "\r\n\r\n");
}

TEST_CASE("mbox folder: text before the first message is none, and stays") {
  const Bed bed(cat("prose\n\n", from, "\none\n\n"));
  auto folder = bed.open();
  CHECK(folder->count() == 1);
  CHECK(folder->remark() ==
        bed.path() + ": what is before its first From_ line is no message, and stays");
  REQUIRE(folder->commit(std::vector<Verdict>{{true, 0}}, reader::Folder::WhenEmpty::remove));
  CHECK(bed.content() == "prose\n\n");
  CHECK(bed.open()->count() == 0);
}

TEST_CASE("mbox folder: nothing to write leaves the file alone, whatever others did") {
  const Bed bed(cat(from, "Status: OR\n\none\n\n"));
  auto folder = bed.open();
  bed.folder().write("box", "something else");
  const auto left = folder->commit(unchanged(*folder), reader::Folder::WhenEmpty::remove);
  REQUIRE(left);
  CHECK(bed.content() == "something else");
}

TEST_CASE("mbox folder: mail that arrives is found, told of and kept") {
  const Bed bed(cat(from, "\none\n\n", from, "\ntwo\n\n"));
  auto folder = bed.open();
  CHECK(folder->update().value() == 0);
  bed.append(cat(from, "\nthree\n\n"));
  CHECK(folder->update().value() == 1);
  CHECK(folder->text(2).value() == "\nthree\n");
  auto verdicts = unchanged(*folder);
  verdicts[0].remove = true;
  bed.append(cat(from, "\nfour\n\n"));
  const auto left = folder->commit(verdicts, reader::Folder::WhenEmpty::remove);
  REQUIRE(left);
  CHECK(left.value().messages == 3);
  CHECK(left.value().arrived == 1);
  CHECK(bed.content() == cat(from, "\ntwo\n\n", from, "\nthree\n\n", from, "\nfour\n\n"));
}

TEST_CASE("mbox folder: what another program changed is not overwritten") {
  const std::string box = cat(from, "\none\n\n", from, "\ntwo\n\n");
  const std::string others[] = {
      cat(from, "\none\n\n"), cat(from, "Status: O\n\none\n\n", from, "\ntwo\n\n"),
      cat(from, "\nxxx\n\n", "From c@d Sat Jan  2 08:50:01 2021\n\ntwo\n\n")};
  for (const auto& changed : others) {
    CAPTURE(changed);
    const Bed bed(box);
    auto folder = bed.open();
    bed.folder().write("box", changed);
    auto verdicts = unchanged(*folder);
    verdicts[1].remove = true;
    const auto left = folder->commit(verdicts, reader::Folder::WhenEmpty::remove);
    REQUIRE_FALSE(left);
    CHECK(left.error().kind == Kind::retry);
    CHECK(left.error().text == bed.path() + ": changed by another program");
    CHECK(bed.content() == changed);
  }
}

TEST_CASE("mbox folder: a file that was replaced is not written") {
  const Bed bed(cat(from, "\none\n\n"));
  auto folder = bed.open();
  bed.folder().write("other", bed.content());
  REQUIRE(::rename((bed.folder() / "other").c_str(), bed.path().c_str()) == 0);
  CHECK_FALSE(folder->commit(std::vector<Verdict>{{true, 0}}, reader::Folder::WhenEmpty::remove));
  CHECK_FALSE(folder->update());
  CHECK(bed.content() == cat(from, "\none\n\n"));
}

TEST_CASE("mbox folder: an emptied file goes or stays; inode and mode stay otherwise") {
  using reader::Folder;
  for (const auto when : {Folder::WhenEmpty::keep, Folder::WhenEmpty::remove}) {
    const Bed bed(cat(from, "\none\n\n", from, "\ntwo\n\n"));
    REQUIRE(::chmod(bed.path().c_str(), 0640) == 0);
    struct stat before, after;
    REQUIRE(::stat(bed.path().c_str(), &before) == 0);
    REQUIRE(bed.open()->commit(std::vector<Verdict>{{true, 0}, {false, reader::seen}}, when));
    REQUIRE(::stat(bed.path().c_str(), &after) == 0);
    CHECK(after.st_ino == before.st_ino);
    CHECK(after.st_mode == before.st_mode);
    CHECK(after.st_atim.tv_sec >= after.st_mtim.tv_sec);  // no new mail for shells
    CHECK(bed.content() == cat(from, "Status: R\n\ntwo\n\n"));
    const auto left = bed.open()->commit(std::vector<Verdict>{{true, 0}}, when);
    REQUIRE(left);
    CHECK(left.value().removed == (when == Folder::WhenEmpty::remove));
    CHECK((::stat(bed.path().c_str(), &after) == 0) == (when == Folder::WhenEmpty::keep));
  }
}

TEST_CASE("mbox folder: what is missing or no mailbox is said in the words of the system") {
  const ::Folder folder;
  const auto missing = reader::open_mbox(folder / "missing", {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().kind == Kind::no_input);
  CHECK(missing.error().text == (folder / "missing") + ": No such file or directory");
}

TEST_CASE(
    "mbox folder: `ready` comes when all is found out and nothing is changed, and may refuse") {
  const std::string box = cat(from, "\none\n\n", from, "\ntwo\n\n");
  for (const bool all : {false, true}) {
    const Bed bed(box);
    auto folder = bed.open();
    auto verdicts = unchanged(*folder);
    verdicts[0].remove = true;
    verdicts[1].remove = all;
    int calls = 0;
    const auto left =
        folder->commit_when(verdicts, reader::Folder::WhenEmpty::remove, [&]() -> base::Result<> {
          ++calls;
          CHECK(bed.content() == box);
          CHECK(std::filesystem::exists(bed.path() + ".lock"));
          return base::Error{Kind::retry, "not now"};
        });
    REQUIRE_FALSE(left);
    CHECK(left.error().text == "not now");
    CHECK(calls == 1);
    CHECK(bed.content() == box);
    CHECK_FALSE(std::filesystem::exists(bed.path() + ".lock"));
    const auto journals = bed.folder() / "journals";
    CHECK((!std::filesystem::exists(journals) || std::filesystem::is_empty(journals)));
  }
}

TEST_CASE("mbox folder: nothing is to be ready where the mailbox was changed") {
  const Bed bed(cat(from, "\none\n\n"));
  auto folder = bed.open();
  bed.folder().write("box", cat("From c@d Sat Jan  2 08:50:01 2021\n", "\nother\n\n"));
  int calls = 0;
  CHECK_FALSE(folder->commit_when(std::vector<Verdict>{{true, 0}}, reader::Folder::WhenEmpty::keep,
                                  [&]() -> base::Result<> {
                                    ++calls;
                                    return {};
                                  }));
  CHECK(calls == 0);
}
