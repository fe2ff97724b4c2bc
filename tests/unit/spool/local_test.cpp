#include "spool/local.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "tests/unit/folder.h"

namespace {

struct Bed {
  Folder folder;
  std::string path = folder.write("entry", "head\n\nSubject: x\n\nhello\n");
  base::Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  spool::LocalJob job;
  spool::LocalPlace place;

  Bed() {
    job.id = "0000000000000AA";
    job.descriptor = file.number();
    job.message_offset = 6;
    job.facts.bytes = 18;
    job.sender = rfc::Path::parse("tom@example.org").value();
    job.arrival = base::Time(std::chrono::seconds(1'795'175'767));
    job.original = "root";
    job.final_address = "jane@lan.example";
    place.user = "jane";
    place.uid = ::geteuid();
    place.lock_limit = std::chrono::milliseconds(20);
  }
  static std::string shown(const rfc::Outcome& outcome) {
    const char* kinds[] = {"delivered ", "delayed ", "failed "};
    return base::cat(kinds[static_cast<int>(outcome.kind)], outcome.status.text(), " ",
                     outcome.text);
  }
};

constexpr std::string_view fields =
    "Return-Path: <tom@example.org>\nX-Original-To: root\nDelivered-To: jane@lan.example\n";

}  // namespace

TEST_CASE("local: the fields of a delivery come first, and hold no line of others") {
  Bed bed;
  CHECK(delivery_head(bed.job, false) == fields);
  bed.job.sender = {};
  bed.job.original = "a\nBcc: x";
  bed.job.final_address = "b\r\nFrom y";
  CHECK(delivery_head(bed.job, true) ==
        "From MAILER-DAEMON Fri Nov 20 11:56:07 2026\nReturn-Path: <>\n"
        "X-Original-To: a_Bcc: x\nDelivered-To: b__From y\n");
}

TEST_CASE("local: into a mailbox, a maildir and a file") {
  const Bed bed;
  using store::Mailbox;
  const auto box = bed.folder / "box";
  CHECK(Bed::shown(deliver_to_mailbox(bed.job, bed.place, {Mailbox::Kind::mbox, box})) ==
        "delivered 2.0.0 delivered to mailbox");
  CHECK(Folder::content(box) == base::cat("From tom@example.org Fri Nov 20 11:56:07 2026\n", fields,
                                          "Subject: x\n\nhello\n\n"));
  CHECK(Bed::shown(
            deliver_to_mailbox(bed.job, bed.place, {Mailbox::Kind::maildir, bed.folder / "md"})) ==
        "delivered 2.0.0 delivered to maildir");
  CHECK(Bed::shown(deliver_to_file(bed.job, bed.place, "/dev/null")) ==
        "delivered 2.0.0 delivered to file: /dev/null");
}

TEST_CASE("local: what cannot be written delays, with the reason") {
  Bed bed;
  using store::Mailbox;
  const auto box = bed.folder / "box";
  std::filesystem::create_symlink("/etc/passwd", box);
  CHECK(Bed::shown(deliver_to_mailbox(bed.job, bed.place, {Mailbox::Kind::mbox, box})) ==
        base::cat("delayed 4.2.0 cannot update mailbox ", box, " for user jane. ", box,
                  ": is a symbolic link"));
  const auto deep = bed.folder / "no/box";
  CHECK(Bed::shown(deliver_to_mailbox(bed.job, bed.place, {Mailbox::Kind::mbox, deep})) ==
        base::cat("delayed 4.2.0 cannot update mailbox ", deep, " for user jane. ", deep,
                  ": open: No such file or directory"));
}

TEST_CASE("local: root runs no command and writes no named file") {
  Bed bed;
  bed.place.uid = 0;
  const auto marker = bed.folder / "marker";
  CHECK(Bed::shown(deliver_to_command(bed.job, bed.place, "touch " + marker))
            .starts_with("delayed 4.7.0 command \"touch "));
  CHECK(Bed::shown(deliver_to_mailbox(bed.job, bed.place,
                                      {store::Mailbox::Kind::command, "touch " + marker}))
            .starts_with("delayed 4.7.0 command \"touch "));
  CHECK(
      Bed::shown(deliver_to_file(bed.job, bed.place, marker)) ==
      base::cat("delayed 4.7.0 file ", marker, ": not as root; let an alias name a user instead"));
  CHECK(!std::filesystem::exists(marker));
}
