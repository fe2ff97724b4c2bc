#include "spool/local_settings.h"

#include <doctest/doctest.h>

namespace {
using Lines = std::vector<std::string>;
using Way = spool::Unknown::Way;

spool::LocalSettings read(std::string_view text, bool system, Lines& mistakes) {
  store::Place place;
  place.home = "/home/jane";
  place.system = system;
  const auto config = store::Config::parse("c", text);
  return spool::read_local(&config, place, mistakes);
}
}  // namespace

TEST_CASE("local settings: one user has no tables unless they are named") {
  Lines mistakes;
  const auto user = read("[local]\n", false, mistakes);
  CHECK((user.aliases.empty() && user.virtual_table.empty() && !user.virtual_named));
  const auto system = read("[local]\n", true, mistakes);
  CHECK(system.aliases == "/etc/aliases");
  CHECK(!system.aliases_named);
  CHECK(system.virtual_table == "/etc/postbag/virtual");
  CHECK(!system.virtual_named);
  CHECK(system.mailbox == "/var/mail/%u");
  CHECK(spool::read_local(nullptr, {}, mistakes).aliases.empty());
  CHECK(mistakes.empty());
}

TEST_CASE("local settings: what is written counts") {
  Lines mistakes;
  const auto local = read(
      "[site]\nall_mail_to = me@x.test\n[local]\nmailbox = ~/Maildir/\naliases = ~/a\n"
      "virtual = /v\ncommands = ~/bin\nunknown = smarthost\n",
      false, mistakes);
  CHECK(local.mailbox == "~/Maildir/");
  CHECK(local.aliases == "/home/jane/a");
  CHECK(local.aliases_named);
  CHECK(local.virtual_table == "/v");
  CHECK(local.virtual_named);
  CHECK(local.commands == "/home/jane/bin");
  CHECK(local.unknown.way == Way::smarthost);
  CHECK(local.all_mail_to == "me@x.test");
  const auto address = read("[local]\nunknown = jane\n", false, mistakes);
  CHECK((address.unknown.way == Way::address && address.unknown.address == "jane"));
  CHECK(read("[local]\nunknown = bounce\n", false, mistakes).unknown.way == Way::bounce);
  CHECK(mistakes.empty());
}

TEST_CASE("local settings: addresses that are none, or commands") {
  Lines mistakes;
  (void)read("[site]\nall_mail_to = |id\n[local]\nunknown = /tmp/x\n", false, mistakes);
  CHECK(mistakes == Lines{"c:4: unknown = /tmp/x: not bounce, smarthost or an address",
                          "c:2: all_mail_to = |id: no address"});
}
