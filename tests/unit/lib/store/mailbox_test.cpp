#include "lib/store/mailbox.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/folder.h"

using store::Mailbox;
using store::MailboxUse;

namespace {

struct Bed {
  Folder folder;
  // No account: nothing of that name is in /var/mail.
  store::MailboxOwner owner{"postbag-unit-nobody", ::geteuid(), folder.path(), true};

  std::string find(const std::optional<std::string>& setting, const char* variable = nullptr,
                   MailboxUse use = MailboxUse::deliver) const {
    const auto found = store::find_mailbox(owner, setting, variable, use);
    if (!found) return found.error().text;
    const char* kinds[] = {"mbox ", "maildir ", "command "};
    return kinds[static_cast<int>(found.value().kind)] + found.value().place;
  }
};

}  // namespace

TEST_CASE("mailbox: what is configured") {
  const Bed bed;
  const auto home = bed.folder.path();
  CHECK(bed.find("~/Mail/%u") == "mbox " + home + "/Mail/postbag-unit-nobody");
  CHECK(bed.find("~/Maildir/") == "maildir " + home + "/Maildir");
  CHECK(bed.find("/a/%u%u//") == "maildir /a/postbag-unit-nobodypostbag-unit-nobody");
  CHECK(bed.find("| procmail -d %u") == "command procmail -d %u");
  CHECK(bed.find("/a/%h") == "/a/%h: only %u may stand in a mailbox");
  CHECK(bed.find("a/b") == "a/b: not an absolute path");
}

TEST_CASE("mailbox: a name that is no file's name has none") {
  Bed bed;
  for (const char* name : {"", ".", "..", "a/b", "../x"}) {
    bed.owner.user = name;
    CHECK(bed.find("/a/%u").find(": not a name for a mailbox") != std::string::npos);
  }
  bed.owner.user = "jane";
  bed.owner.home.clear();
  CHECK(bed.find("~/x") == "~/x: there is no usable home");
}

TEST_CASE("mailbox: MAIL counts for a reader, and for a delivery where it is the user's own") {
  const Bed bed;
  const auto home = bed.folder.path();
  const std::string box = bed.folder.write("box", "");
  CHECK(bed.find(std::nullopt, box.c_str()) == "mbox " + box);
  CHECK(bed.find(std::nullopt, (home + "/missing").c_str()) == "mbox " + home + "/missing");
  CHECK(bed.find(std::nullopt, (home + "/missing/").c_str()) == "maildir " + home + "/missing");
  CHECK(bed.find(std::nullopt, home.c_str()) == "maildir " + home);
  CHECK(bed.find("/a/b", box.c_str()) == "mbox /a/b");
  CHECK(bed.find("/a/b", box.c_str(), MailboxUse::read) == "mbox " + box);
  const auto usual = bed.find(std::nullopt);
  std::filesystem::create_symlink(box, home + "/link");
  for (const std::string& variable :
       {std::string("box"), std::string(), home + "/link", home + "/missing/deeper",
        std::string("/dev/null"), std::string("/var/mail/postbag-unit-nobody")})
    CHECK_MESSAGE(bed.find(std::nullopt, variable.c_str()) == usual, variable);
}

TEST_CASE("mailbox: the stand-in below the home stays in use once it is there") {
  const Bed bed;
  const auto folder = bed.folder.path() + "/.local/share/postbag/mail";
  std::filesystem::create_directories(folder);
  bed.folder.write(".local/share/postbag/mail/postbag-unit-nobody", "");
  const auto stand_in = "mbox " + folder + "/postbag-unit-nobody";
  CHECK(bed.find(std::nullopt) == stand_in);
  CHECK(bed.find(std::nullopt, nullptr, MailboxUse::read) == stand_in);
  Bed others = {};
  others.owner.own_spool = false;
  CHECK(others.find(std::nullopt) == "mbox /var/mail/postbag-unit-nobody");
}
