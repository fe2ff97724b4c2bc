#include "lib/store/mbox_append.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "tests/unit/folder.h"

using base::cat;
using base::Fd;

namespace {

constexpr std::string_view head = "From a@b Sat Jan  2 08:50:01 2021\nDelivered-To: jane\n";
constexpr std::string_view other_head = "From a@b Sat Jan  2 10:50:01 2021\nDelivered-To: jane\n";

struct Bed {
  Folder folder;
  std::string box = folder / "box";
  std::string message = "Subject: x\n\nFrom here\n";
  std::string journals = folder / "run";
  Fd journal;

  Bed() {
    std::filesystem::create_directory(journals);
    journal = Fd(::open(journals.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  base::Result<> append(std::string_view with = head, const char* delivery = "ID 0") const {
    const auto path = folder.write("message", "before" + message + "behind");
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    auto locked = store::LockedFile::open(box, ::geteuid(), std::chrono::milliseconds(0));
    if (!locked) return std::move(locked).error();
    const store::Journal noted{journal.number(), delivery};
    const auto done =
        store::append_mbox(locked.value(), with, {file.number(), 6, message.size()}, &noted);
    return done;
  }
  std::string content() const { return Folder::content(box); }
  std::string one() const { return cat(head, "Subject: x\n\n>From here\n\n"); }
  // As if the last attempt had not been seen to end, wherever it was noted.
  void reopen() const {
    char text[256];
    const auto length = ::getxattr(box.c_str(), "user.postbag", text, sizeof text);
    const auto link = std::filesystem::directory_iterator(journals);
    std::string note = length > 0 ? std::string(text, static_cast<std::size_t>(length))
                                  : std::filesystem::read_symlink(link->path()).string();
    REQUIRE(note.starts_with("ended "));
    note.replace(0, 5, "begun");
    set(note);
  }
  void set(const std::string& note) const {
    if (::setxattr(box.c_str(), "user.postbag", note.data(), note.size(), XATTR_REPLACE) == 0)
      return;
    const auto path = std::filesystem::directory_iterator(journals)->path();
    std::filesystem::remove(path);
    std::filesystem::create_symlink(note, path);
  }
};

}  // namespace

TEST_CASE("append: head, quoted message, empty line") {
  const Bed bed;
  REQUIRE(bed.append());
  CHECK(bed.content() == bed.one());
  REQUIRE(bed.append(head, "ID 1"));
  CHECK(bed.content() == bed.one() + bed.one());
  struct stat status;
  REQUIRE(::stat(bed.box.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(!std::filesystem::exists(bed.box + ".lock"));
}

TEST_CASE("append: an unfinished last message is completed first") {
  for (const auto& [before, completed] :
       {std::pair{"", ""}, std::pair{"x", "x\n\n"}, std::pair{"x\n", "x\n\n"},
        std::pair{"x\n\n", "x\n\n"}, std::pair{"\n", "\n"}, std::pair{"x\r\n", "x\r\n\n"}}) {
    const Bed bed;
    bed.folder.write("box", before);
    REQUIRE(bed.append());
    CHECK(bed.content() == completed + bed.one());
  }
}

TEST_CASE("append: what an attempt left behind is cut off when it is made again") {
  const Bed bed;
  bed.folder.write("box", "older\n\n");
  REQUIRE(bed.append());
  const std::string whole = bed.content();
  for (std::size_t size = std::string_view("older\n\n").size(); size <= whole.size(); ++size)
    for (const bool zeros : {false, true}) {
      CAPTURE(size);
      std::string part = whole.substr(0, size);
      // The length arrived, the text did not: all of it, or the last block of it.
      if (zeros) part.replace(size - (size - 7) / 2, (size - 7) / 2, (size - 7) / 2, '\0');
      bed.folder.write("box", part);
      bed.reopen();
      REQUIRE(bed.append(other_head));
      const std::string again = cat("older\n\n", other_head, "Subject: x\n\n>From here\n\n");
      const bool was_whole = size == whole.size() && !zeros;
      REQUIRE(bed.content() == (was_whole ? whole : again));
      if (was_whole) continue;
      bed.folder.write("box", "older\n\n");  // the same file, for the note of the next round
      REQUIRE(bed.append());
    }
}

TEST_CASE("append: a note beside a mailbox whose attribute cannot be written is found again") {
  const Bed bed;
  bed.folder.write("box", "older\n\n");
  // No room for another one on ext4, neither in the inode nor in the block; else it is as before.
  const std::string filler(4096, 'x');
  std::vector<std::string> fillers;
  for (std::size_t size = filler.size(); size > 0; size /= 2) {
    while (::setxattr(bed.box.c_str(), cat("user.", fillers.size()).c_str(), filler.data(), size,
                      0) == 0 &&
           fillers.size() < 40)
      fillers.push_back(cat("user.", fillers.size()));
  }
  REQUIRE(bed.append());
  const std::string whole = bed.content();
  for (const auto size : {whole.size(), whole.size() - 9}) {
    REQUIRE(::truncate(bed.box.c_str(), static_cast<off_t>(size)) == 0);
    bed.reopen();
    REQUIRE(bed.append());
    CHECK(bed.content() == whole);
  }
  for (const auto& name : fillers) ::removexattr(bed.box.c_str(), name.c_str());
  REQUIRE(bed.append(head, "ID 1"));
  CHECK(bed.content() == whole + bed.one());
  char text[256];
  if (::getxattr(bed.box.c_str(), "user.postbag", text, sizeof text) > 0)
    CHECK(std::filesystem::is_empty(bed.journals));
}

TEST_CASE("append: what others wrote is never cut off") {
  const std::string others = "From c@d Sat Jan  2 09:50:01 2021\n\nmine\n\n";
  const Bed bed;
  REQUIRE(bed.append());
  bed.reopen();
  const std::string part = bed.one().substr(0, 40);
  SUBCASE("behind a part") {
    bed.folder.write("box", part + others);
    REQUIRE(bed.append());
    CHECK(bed.content() == part + others + bed.one());
  }
  SUBCASE("instead of it") {
    bed.folder.write("box", others);
    REQUIRE(bed.append());
    CHECK(bed.content() == others + bed.one());
  }
  SUBCASE("behind all of it") {
    bed.folder.write("box", bed.one() + others);
    REQUIRE(bed.append());
    CHECK(bed.content() == bed.one() + others);
  }
  SUBCASE("in another file of that name") {
    std::filesystem::rename(bed.box, bed.box + ".old");
    bed.folder.write("box", part);
    REQUIRE(bed.append());
    CHECK(bed.content() == cat(part, "\n\n", bed.one()));
  }
  SUBCASE("for another delivery") {
    bed.folder.write("box", part);
    REQUIRE(bed.append(head, "ID 1"));
    CHECK(bed.content() == cat(part, "\n\n", bed.one()));
  }
  SUBCASE("nothing: it was taken out") {
    bed.folder.write("box", "");
    REQUIRE(bed.append());
    CHECK(bed.content() == bed.one());
  }
}

TEST_CASE("append: a note that is none says nothing") {
  const Bed bed;
  for (const char* note :
       {"x", "begun", "begun 1", "begun x 0 ID 0", "begun 1 0 ID 0", "other 1 0 ID 0"}) {
    bed.folder.write("box", "");
    REQUIRE(bed.append());
    bed.set(note);
    bed.folder.write("box", bed.one().substr(0, 40));
    REQUIRE(bed.append());
    CHECK(bed.content() == cat(bed.one().substr(0, 40), "\n\n", bed.one()));
  }
}

TEST_CASE("append: a large message in pieces, cut back where there is no room") {
  Bed bed;
  for (int i = 0; i < 60'000; ++i) bed.message += cat("From line ", i, " of many that are long\n");
  const rlimit limit{1 << 20, RLIM_INFINITY};
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  bed.folder.write("box", "older");
  bed.folder.write("message", "x");
  {
    const auto path = bed.folder.write("text", bed.message);
    Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    auto locked = store::LockedFile::open(bed.box, ::geteuid(), std::chrono::milliseconds(0));
    REQUIRE(locked);
    const store::Journal journal{bed.journal.number(), "ID 0"};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    const auto failed =
        store::append_mbox(locked.value(), head, {file.number(), 0, bed.message.size()}, &journal);
    ::setrlimit(RLIMIT_FSIZE, &before);
    REQUIRE(!failed);
    CHECK(failed.error().system_error == EFBIG);
    CHECK(failed.error().text == bed.box + ": write: File too large");
  }
  std::signal(SIGXFSZ, handler);
  CHECK(bed.content() == "older");
  REQUIRE(bed.append());
  CHECK(bed.content().size() == 7 + head.size() + bed.message.size() + 60'001 + 1);
}

TEST_CASE("append: a message that is shorter than it was is not delivered in part") {
  const Bed bed;
  const auto path = bed.folder.write("message", "Subject: x\n");
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  auto locked = store::LockedFile::open(bed.box, ::geteuid(), std::chrono::milliseconds(0));
  REQUIRE(locked);
  CHECK(!store::append_mbox(locked.value(), head, {file.number(), 0, 5000}, nullptr));
  CHECK(bed.content().empty());
}
