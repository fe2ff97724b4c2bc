#include "lib/store/site.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "tests/unit/folder.h"

namespace {
using base::cat;
using store::Config;
using store::Place;
using store::Site;

Place place() {
  Place made;
  made.home = "/home/jane";
  made.spool = "/home/jane/.local/state/postbag/spool";
  return made;
}

Site site(std::string_view text, const Place& where = place()) {
  const auto config = Config::parse("F", text);
  return store::make_site(where, &config);
}

/// Somebody whose home is this folder.
base::Identity who(const Folder& folder) {
  base::Identity made;
  made.uid = made.real_uid = ::geteuid();
  made.user = base::User{made.uid, ::getegid(), "jane", "Jane", folder.path(), "/bin/sh"};
  return made;
}
}  // namespace

TEST_CASE("site: values are taken over") {
  const Site made = site(
      "[site]\ndomain = lan.example\nlocal = a.example, b.example\npostmaster = pm@x.test\n"
      "[spool]\ndirectory = ~/box/\nlifetime = 3d\nwarn_after = 2h\nretry = 1m..2h\n"
      "size_limit = 2M\n[other]\nx = 1\n");
  CHECK(made.mistakes.empty());
  CHECK(made.domain == "lan.example");
  CHECK(made.is_local("B.Example"));
  CHECK(made.is_local("LOCALHOST"));
  CHECK(!made.is_local("lan.example"));
  CHECK(made.postmaster == "pm@x.test");
  CHECK(made.spool == "/home/jane/box");
  CHECK(!made.shared);
  CHECK(made.lifetime == std::chrono::hours(72));
  CHECK(made.warn_after == std::chrono::hours(2));
  CHECK(made.retry_first == std::chrono::minutes(1));
  CHECK(made.retry_longest == std::chrono::hours(2));
  CHECK(made.size_limit == 2u << 20);
}

TEST_CASE("site: where the aliases are") {
  const auto named = Config::parse("F", "[local]\naliases = ~/aliases\n");
  const auto other = Config::parse("F", "[local]\nmailbox = ~/Maildir/\n");
  const auto wrong = Config::parse("F", "[local]\naliases = aliases\n");
  Place system = place();
  system.system = true;
  CHECK(store::aliases_path(place(), &named).value() == "/home/jane/aliases");
  CHECK(store::aliases_path(system, &named).value() == "/home/jane/aliases");
  for (const auto* config : {&other, static_cast<const Config*>(nullptr)}) {
    CHECK_FALSE(store::aliases_path(place(), config).value());
    CHECK(store::aliases_path(system, config).value() == "/etc/aliases");
  }
  const auto path = store::aliases_path(place(), &wrong);
  REQUIRE_FALSE(path);
  CHECK(path.error().kind == base::Kind::config);
  CHECK(path.error().text == "F:2: aliases = aliases: a path begins with / or ~/");
}

TEST_CASE("site: a mistake is told and the default stays") {
  const Site standard = store::make_site(place(), nullptr);
  const Site made = site(
      "[site]\ndomain = no domain\n[spool]\ndirectory = relative\nlifetime = ever\n"
      "retry = 4h..5m\nsize_limit = -1\n");
  CHECK(made.mistakes.size() == 5);
  CHECK(made.domain == standard.domain);
  CHECK(made.spool == standard.spool);
  CHECK(made.lifetime == standard.lifetime);
  CHECK(made.retry_first == standard.retry_first);
  CHECK(made.retry_longest == standard.retry_longest);
  CHECK(made.size_limit == standard.size_limit);
  CHECK(standard.spool == place().spool);
  CHECK(standard.size_limit == 50u << 20);
}

TEST_CASE("site: what is wrong with a postmaster or a list of domains is not used") {
  const Site made = site("[site]\npostmaster = a b\nlocal = good.example, b@d\n");
  CHECK(made.mistakes.size() == 2);
  CHECK(made.postmaster == "root");
  CHECK(!made.is_local("b@d"));
}

TEST_CASE("site: the system's spool is shared, a named one only on demand") {
  Place system;
  system.system = true;
  system.spool = store::system_spool;
  CHECK(site("", system).shared);
  CHECK(!site("[spool]\ndirectory = /x\n", system).shared);
  CHECK(site("[spool]\ndirectory = /x\nshared = yes\n", system).shared);
  CHECK(site("[spool]\nshared = yes\ndirectory = /x\n", system).shared);
  CHECK(!site("[spool]\nshared = no\n", system).shared);
}

TEST_CASE("place: the configuration that is named, and whose it is") {
  Folder folder;
  const auto me = who(folder);
  const auto config = folder.write("named.ini", "");
  const auto named = store::find_place(me, std::nullopt, config.c_str());
  CHECK(named.config == config);
  CHECK(named.named);
  CHECK(named.home == folder.path());
  CHECK(store::find_place(me, "/other.ini", config.c_str()).config == "/other.ini");
  CHECK(!store::find_place(me, std::nullopt, "").named);
  auto privileged = me;
  privileged.trusted_environment = false;
  CHECK(!store::find_place(privileged, std::nullopt, config.c_str()).named);
}

TEST_CASE("place: root uses no configuration that others can change") {
  Folder folder;
  auto root = who(folder);
  root.uid = root.real_uid = 0;
  if (::geteuid() != 0) return;  // needs files of root's
  const auto config = folder.write("postbag.ini", "");
  CHECK(store::find_place(root, std::nullopt, config.c_str()).named);
  ::chmod(config.c_str(), 0620);
  auto place = store::find_place(root, std::nullopt, config.c_str());
  CHECK(!place.named);
  CHECK(place.remark ==
        cat("POSTBAG_CONFIG=", config, " is not used: ", config, ": can be written by others"));
  ::chmod(config.c_str(), 0600);
  ::chmod(folder.path().c_str(), 0777);
  CHECK(!store::find_place(root, std::nullopt, config.c_str()).named);
  ::chmod(folder.path().c_str(), 01777);
  CHECK(store::find_place(root, std::nullopt, config.c_str()).named);
  CHECK(::chown(config.c_str(), 12345, 0) == 0);
  CHECK(store::find_place(root, std::nullopt, config.c_str())
            .remark.ends_with(": belongs to uid 12345"));
}

TEST_CASE("place: a link or a relative name does not hide who can change a configuration") {
  if (::geteuid() != 0) return;  // needs files of root's
  Folder folder;
  auto root = who(folder);
  const auto config = folder.write("postbag.ini", "");
  ::mkdir((folder / "open").c_str(), 0777);
  ::chmod((folder / "open").c_str(), 0777);
  const auto link = folder / "open/link.ini";
  CHECK(::symlink(config.c_str(), link.c_str()) == 0);
  CHECK(!store::find_place(root, std::nullopt, link.c_str()).named);  // the link can be replaced
  const auto hidden = folder.write("open/hidden.ini", "");
  const auto good = folder / "good.ini";
  CHECK(::symlink(hidden.c_str(), good.c_str()) == 0);
  CHECK(!store::find_place(root, std::nullopt, good.c_str()).named);  // its target can be
  char* before = ::getcwd(nullptr, 0);
  REQUIRE(before != nullptr);
  CHECK(::chdir((folder / "open").c_str()) == 0);
  CHECK(!store::find_place(root, std::nullopt, "hidden.ini").named);
  CHECK(::chdir(before) == 0);
  ::free(before);
}

TEST_CASE("spools: a named configuration's only, else the default one too; none is no error") {
  Folder folder;
  const auto me = who(folder);
  Place own;
  own.home = folder.path();
  own.spool = folder / ".local/state/postbag/spool";
  Site made = store::make_site(own, nullptr);
  const auto paths = [&](const Place& where) {
    const auto spools = store::open_spools(made, where, me);
    REQUIRE(spools);
    std::string list;
    for (const auto& spool : spools.value())
      list += spool.path().substr(folder.path().size()) + " ";
    return list;
  };
  CHECK(paths(own).empty());
  REQUIRE(store::create_spool(made, own, me));
  CHECK(paths(own) == "/.local/state/postbag/spool ");
  made.spool = folder / "moved";
  REQUIRE(store::create_spool(made, own, me));
  CHECK(paths(own) == "/moved /.local/state/postbag/spool ");
  own.named = true;
  CHECK(paths(own) == "/moved ");
}

TEST_CASE("shared spool: another's folder sends us to a name of our own, which is remembered") {
  if (::geteuid() != 0) return;  // needs a folder of another uid's
  Folder folder;
  auto me = who(folder);
  Place own;
  own.home = folder.path();
  Site made = store::make_site(own, nullptr);
  made.spool = folder / "shared";
  made.shared = true;
  ::mkdir(made.spool.c_str(), 0700);
  const std::string plain = made.spool + "/0";
  ::mkdir(plain.c_str(), 0700);
  CHECK(::chown(plain.c_str(), 12345, 12345) == 0);
  const auto first = store::create_spool(made, own, me);
  REQUIRE_MESSAGE(first, first.error().text);
  CHECK(first.value().path().starts_with(plain + "."));
  CHECK(Folder::content(folder / ".local/state/postbag/shared-spools") ==
        first.value().path() + "\n");
  CHECK(store::create_spool(made, own, me).value().path() == first.value().path());
  const auto all = store::open_spools(made, own, me);
  REQUIRE(all);
  REQUIRE(all.value().size() == 1);
  CHECK(all.value()[0].path() == first.value().path());
  // A file, a link and a FIFO are no folders either.
  ::rmdir(plain.c_str());
  folder.write("shared/0", "");
  CHECK(store::create_spool(made, own, me).value().path() == first.value().path());
  CHECK(store::open_spools(made, own, me).value().size() == 1);
  ::unlink(plain.c_str());
  CHECK(::symlink("/tmp", plain.c_str()) == 0);
  CHECK(store::create_spool(made, own, me).value().path() == first.value().path());
  CHECK(store::open_spools(made, own, me).value().size() == 1);
}
