#include "mail/maildir_folder.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "lib/base/text.h"
#include "tests/unit/folder.h"

using namespace reader;
using Box = ::Folder;

namespace {

void make(const Box& box) {
  for (const char* part : {"cur", "new", "tmp"}) std::filesystem::create_directory(box / part);
}

std::vector<std::string> names(const Box& box) {
  std::vector<std::string> found;
  for (const char* part : {"cur", "new"})
    for (const auto& entry : std::filesystem::directory_iterator(box / part))
      found.push_back(base::cat(part, "/", entry.path().filename().string()));
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

TEST_CASE("maildir folder: flags are letters of the name, in order; foreign ones stay") {
  CHECK(maildir_flags("new/1.a") == 0);
  CHECK(maildir_flags("cur/1.a") == old);
  CHECK(maildir_flags("cur/1.a:2,DFRST") == (old | draft | flagged | answered | seen | trashed));
  CHECK(maildir_name("new/1.a", old | seen) == "cur/1.a:2,S");
  CHECK(maildir_name("new/1.a", old) == "cur/1.a:2,");
  CHECK(maildir_name("cur/1.a:2,PSa", old | flagged | answered) == "cur/1.a:2,FPRa");
}

TEST_CASE("maildir folder: messages in the order of their delivery, changed by their names") {
  const Box box;
  make(box);
  box.write("new/1002.b", "Return-Path: <b@x>\nSubject: b\n\nbody\nFrom b\n");
  box.write("cur/1001.a:2,S", "Subject: a\n\n");
  box.write("new/1003.c", "Subject: c\r\n\r\nc\r\n");
  auto folder = open_maildir(box.path(), {}).value();
  REQUIRE(folder->count() == 3);
  CHECK(folder->flags(0) == (old | seen));
  CHECK(folder->header(1).value() == "Return-Path: <b@x>\nSubject: b\n");
  CHECK(folder->from_line(1).value().starts_with("From b@x "));
  CHECK(folder->stored(1).value() ==
        folder->from_line(1).value() + "Return-Path: <b@x>\nSubject: b\n\nbody\n>From b\n\n");
  CHECK(folder->text(2).value() == "Subject: c\n\nc\n");
  CHECK(folder->lines(2).value() == 5);
  CHECK(folder->stored(0).value().ends_with("\nSubject: a\nStatus: RO\n\n\n"));
  // Another program renames one and delivers one; a third is gone.
  std::filesystem::rename(box / "new/1002.b", box / "cur/1002.b:2,F");
  std::filesystem::remove(box / "new/1003.c");
  box.write("new/1004.d", "Subject: d\n\n");
  CHECK(folder->text(1).value().starts_with("Return-Path"));
  const auto left = folder->commit(std::vector<Verdict>{{true, 0}, {false, old | seen}, {true, 0}},
                                   reader::Folder::WhenEmpty::keep);
  REQUIRE(left);
  CHECK(left.value().arrived == 1);
  CHECK(left.value().messages == 2);
  CHECK(names(box) == std::vector<std::string>{"cur/1002.b:2,FS", "new/1004.d"});
}

TEST_CASE("maildir folder: it is not listed again while its folders have their old times") {
  const Box box;
  make(box);
  box.write("cur/1.a:2,", "Subject: a\n\n");
  box.age("new");
  box.age("cur");
  auto folder = open_maildir(box.path(), {}).value();
  box.write("new/2.b", "Subject: b\n\n");
  CHECK(folder->update().value() == 1);
  box.write("new/3.c", "Subject: c\n\n");  // its folder's time is of just now, so it says nothing
  CHECK(folder->update().value() == 1);
  box.age("new");
  CHECK(folder->update().value() == 0);
  box.write("new/4.d", "Subject: d\n\n");
  box.age("new");  // as if nothing had been done
  CHECK(folder->update().value() == 0);
}

TEST_CASE("maildir folder: messages whose names are alike up to their flags are two") {
  const Box box;
  make(box);
  box.write("new/1.a", "Subject: new\n\n");
  box.write("cur/1.a:2,", "Subject: seen\n\n");
  auto folder = open_maildir(box.path(), {}).value();
  REQUIRE(folder->count() == 2);
  std::filesystem::rename(box / "cur/1.a:2,", box / "cur/1.a:2,F");
  CHECK(folder->update().value() == 0);
  std::vector<std::string> headers;
  for (std::size_t i = 0; i < 2; ++i) headers.push_back(folder->header(i).value());
  std::sort(headers.begin(), headers.end());
  CHECK(headers == std::vector<std::string>{"Subject: new\n", "Subject: seen\n"});
}
