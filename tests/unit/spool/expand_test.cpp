#include "spool/expand.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/spool/expand_bed.h"

using base::cat;
using expand_bed::Bed;
using expand_bed::Lines;
using Others = spool::Rules::Others;

TEST_CASE("expand: what is not of this machine goes away, what is stays") {
  Bed bed;
  CHECK(bed.of("a bob@x.test") == Lines{"s bob@x.test"});
  CHECK(bed.of("u jane") == Lines{"m jane"});
  CHECK(bed.of("a jane@LAN.test") == Lines{"m jane"});
  CHECK(bed.of("a jane@box") == Lines{"m jane"});
  CHECK(bed.of("a Jane+news@localhost") == Lines{"m jane"});
  CHECK(bed.of("u \"jane\"") == Lines{"m jane"});
  CHECK(bed.of("u bob") == Lines{"h bob"});
  CHECK(bed.of("a bob+x@lan.test") == Lines{"h bob+x"});
  CHECK(bed.of("u nobody") == Lines{"m nobody failed 5.1.1"});
  CHECK(bed.reason() == "unknown user: \"nobody\"");
  // What looks like a target of an alias file is only a name.
  CHECK(bed.of("u |id") == Lines{"m \"|id\" failed 5.1.1"});
  CHECK(bed.of("u /etc/passwd") == Lines{"m \"/etc/passwd\" failed 5.1.1"});
}

TEST_CASE("expand: kinds that are final stay as they are") {
  Bed bed;
  bed.tables.virtual_table = "a@x.test jane\n";
  bed.tables.aliases = {{"jane", "bob"}};
  bed.tables.forwards = {{"jane", "x@y.test"}};
  for (const std::string each :
       {"s a@x.test", "| exec /bin/vacation jane", "/ /dev/null", "h bob", "h \\bob", "m jane"})
    CHECK(bed.of(each) == Lines{each});
  CHECK(bed.of("m nobody") == Lines{"m nobody failed 5.1.1"});
  CHECK(bed.of("m bob") == Lines{"h \\bob"});
  CHECK(bed.of("l jane") == Lines{"s x@y.test"});
}

TEST_CASE("expand: virtual comes before aliases, and they before .forward") {
  Bed bed;
  bed.tables.virtual_table =
      "jane@lan.test staff\nout@x.test jane, a@y.test\n@old.test %1@new.test\n"
      "gone@lan.test error:5.1.6:550 moved away\nok@lan.test ok@lan.test\n@lan.test bob\n";
  bed.tables.aliases = {{"staff", "jane"}, {"ok", "jane"}, {"bob", "b@z.test"}};
  bed.tables.forwards = {{"jane", "\\jane, emma@lab.test"}};
  CHECK(bed.of("a jane@lan.test") == Lines{"m jane", "s emma@lab.test"});
  CHECK(bed.of("a out@x.test") == Lines{"m jane", "s emma@lab.test", "s a@y.test"});
  CHECK(bed.of("a ann@old.test") == Lines{"s ann@new.test"});
  CHECK(bed.of("a gone@lan.test") == Lines{"a gone@lan.test failed 5.1.6"});
  CHECK(bed.reason() == "550 moved away (by the virtual table)");
  // Itself: nothing is to be made of it, the catch-all neither.
  CHECK(bed.of("a ok@lan.test") == Lines{"m jane", "s emma@lab.test"});
  CHECK(bed.of("a any@lan.test") == Lines{"s b@z.test"});
  // A bare name is not looked up there.
  CHECK(bed.of("u any") == Lines{"m any failed 5.1.1"});
}

TEST_CASE("expand: aliases lead on by every kind of target") {
  Bed bed;
  bed.tables.aliases = {{"news", "root"},
                        {"root", "jane"},
                        {"all", "jane, bob, a@x.test, \"|vacation jane\", /dev/null, :include:/l"},
                        {"keep", "\\jane"},
                        {"theirs", "\\bob"},
                        {"away", "\\bob@x.test"},
                        {"work", "w@x.test"},
                        {"jane+work", "jw@x.test"},
                        {"box", "jane@lan.test"}};
  bed.tables.includes = {{"/l", "# a list\nb@x.test\n|list\n"}};
  CHECK(bed.of("u NEWS") == Lines{"m jane"});
  CHECK(bed.of("a news@lan.test") == Lines{"m jane"});
  CHECK(bed.of("a news@x.test") == Lines{"s news@x.test"});
  CHECK(bed.of("u all") == Lines{"m jane", "h bob", "s a@x.test", "| vacation jane", "/ /dev/null",
                                 "s b@x.test", "| list"});
  CHECK(bed.of("u theirs") == Lines{"h \\bob"});
  CHECK(bed.of("u away") == Lines{"s bob@x.test"});
  CHECK(bed.of("u work+1") == Lines{"s w@x.test"});
  CHECK(bed.of("u jane+work") == Lines{"s jw@x.test"});
  CHECK(bed.of("u jane+play") == Lines{"m jane"});
  CHECK(bed.of("u box") == Lines{"m jane"});
  bed.tables.forwards = {{"jane", "x@y.test"}};
  CHECK(bed.of("u keep") == Lines{"m jane"});
  CHECK(bed.of("u box") == Lines{"s x@y.test"});
}

TEST_CASE("expand: a list's owner becomes its sender, but for the null sender") {
  Bed bed;
  bed.tables.aliases = {
      {"list", "jane, a@x.test, sub"}, {"owner-list", "jane"},  {"sub", "b@x.test"},
      {"inner", "c@x.test"},           {"owner-owner", "jane"}, {"owner-inner", "bob"},
      {"outer", "inner, d@x.test"},    {"owner-outer", "jane"}};
  CHECK(bed.of("u list") == Lines{"m jane from owner-list", "s a@x.test from owner-list",
                                  "s b@x.test from owner-list"});
  CHECK(bed.of("u list+x")[0] == "m jane from owner-list");
  CHECK(bed.of("u outer") == Lines{"s c@x.test from owner-inner", "s d@x.test from owner-outer"});
  CHECK(bed.of("u owner-list") == Lines{"m jane from owner-owner"});
  CHECK(bed.of("u sub") == Lines{"s b@x.test"});
  bed.sender = "";
  CHECK(bed.of("u list") == Lines{"m jane", "s a@x.test", "s b@x.test"});
}

TEST_CASE("expand: an alias that leads back to its own name is the user of that name") {
  Bed bed;
  bed.tables.aliases = {{"jane", "jane, a@x.test"},
                        {"root", "list"},
                        {"list", "root, b@x.test"},
                        {"x", "y"},
                        {"y", "x"},
                        {"p", "q, c@x.test"},
                        {"q", "p"},
                        {"self", "self"},
                        {"mix", "x, d@x.test"},
                        {"twice", "jane, three"},
                        {"three", "jane"}};
  CHECK(bed.of("u jane") == Lines{"m jane", "s a@x.test"});
  CHECK(bed.of("a jane@lan.test") == Lines{"m jane", "s a@x.test"});
  CHECK(bed.of("u root") == Lines{"h root", "s b@x.test"});
  CHECK(bed.of("u x") == Lines{"u x failed 5.4.6"});
  CHECK(bed.reason() == "x: a loop of aliases");
  CHECK(bed.of("u self") == Lines{"u self failed 5.4.6"});
  CHECK(bed.of("u p") == Lines{"s c@x.test"});
  CHECK(bed.last.remarks == Lines{"p: a loop of aliases is left out"});
  // A loop among others that leads nowhere is told.
  CHECK(bed.of("u mix") == Lines{"s d@x.test", "u x failed 5.4.6"});
  CHECK(bed.of("u twice") == Lines{"m jane", "s a@x.test"});
  CHECK(bed.last.remarks.empty());
}

TEST_CASE("expand: virtual addresses that lead to each other are a loop") {
  Bed bed;
  bed.tables.virtual_table =
      "a@x.test b@y.test\nb@y.test A@X.test\nc@x.test d@x.test,e@x.test\n"
      "d@x.test c@x.test\n@grow.test x%1@grow.test\n";
  CHECK(bed.of("a a@x.test") == Lines{"a b@y.test failed 5.4.6"});
  CHECK(bed.of("a c@x.test") == Lines{"s e@x.test"});
  CHECK(bed.of("a a@grow.test") == Lines{"a a@grow.test failed 5.4.6"});
  CHECK(bed.reason().find("more than 100 steps") != std::string::npos);
}

TEST_CASE("expand: .forward is the owner's, and the user's own name in it is the mailbox") {
  Bed bed;
  bed.tables.aliases = {{"news", "jane"}};
  for (const std::string text : {"jane", "\\jane", "jane@lan.test", "JANE", "jane+copy", "news"}) {
    bed.tables.forwards = {{"jane", text + ", emma@lab.test"}, {"bob", "never@x.test"}};
    const Lines both{"m jane", "s emma@lab.test"};
    CHECK_MESSAGE(bed.of("u jane") == both, text);
    CHECK_MESSAGE(bed.of("u news") == both, text);
  }
  CHECK(bed.of("u bob") == Lines{"h bob"});
  CHECK(bed.of("m jane") == Lines{"m jane"});
  bed.tables.forwards = {{"jane", "|procmail\n/home/jane/log\n:include:/l\nbob"}};
  bed.tables.includes = {{"/l", "b@x.test, |list"}};
  CHECK(bed.of("u jane") ==
        Lines{"| procmail", "/ /home/jane/log", "s b@x.test", "| list", "h bob"});
  CHECK(bed.last.lines[0].actions[2].user == "jane");
  bed.tables.forwards = {{"jane", "!jane's .forward: open"}};
  CHECK(bed.of("u jane") == Lines{"l jane delayed 4.3.5"});
  CHECK(bed.reason() == "!jane's .forward: open");
  // The others of a list get theirs.
  bed.tables.aliases["staff"] = "jane, a@x.test";
  CHECK(bed.of("u staff") == Lines{"l jane delayed 4.3.5", "s a@x.test"});
}

TEST_CASE("expand: who had the message already gets it no second time") {
  Bed bed;
  bed.delivered_to = {"bob@box", " Jane@BOX "};
  CHECK(bed.of("u jane") == Lines{"l jane failed 5.4.6"});
  CHECK(bed.reason() == "mail forwarding loop for jane@box");
  CHECK(bed.of("m jane") == Lines{"l jane failed 5.4.6"});
  bed.delivered_to = {"jane@lan.test"};  // a server of the domain's
  CHECK(bed.of("u jane") == Lines{"m jane"});
}

TEST_CASE("expand: lists are read once, nested, and trusted or not") {
  Bed bed;
  bed.tables.aliases = {{"list", ":include:/a"},      {"two", ":include:/a, :include:/b"},
                        {"none", ":include:/none"},   {"more", "jane, :include:/none"},
                        {"empty", ":include:/empty"}, {"ring", ":include:/r"},
                        {"rung", "jane, :include:/r"}};
  bed.tables.includes = {{"/a", "a@x.test\n:include:/b\n"},
                         {"/b", "b@x.test, :include:/a"},
                         {"/empty", "# nobody\n"},
                         {"/r", ":include:/r"}};
  CHECK(bed.of("u list") == Lines{"s a@x.test", "s b@x.test"});
  CHECK(bed.of("u two") == Lines{"s a@x.test", "s b@x.test"});
  // Nobody gets a part of a list that cannot be read: who is in it would get the message again.
  CHECK(bed.of("u none") == Lines{"u none delayed 4.3.5"});
  CHECK(bed.of("u more") == Lines{"u more delayed 4.3.5"});
  CHECK(bed.of("u empty") == Lines{"u empty delayed 4.3.5"});
  CHECK(bed.reason() == ":include:/empty: names nobody");
  CHECK(bed.of("u ring") == Lines{"u ring failed 5.4.6"});
  CHECK(bed.of("u rung") == Lines{"m jane"});
  bed.tables.untrusted = {"/a"};
  CHECK(bed.of("u list") == Lines{"u list delayed 4.3.5"});
  CHECK(bed.reason() == "its lists are not used: /a is open");
  bed.tables.includes["/a"] = "a@x.test";
  CHECK(bed.of("u list") == Lines{"s a@x.test"});
  bed.tables.includes["/a"] = "a@x.test, /tmp/x";
  CHECK(bed.of("u list") == Lines{"u list delayed 4.3.5"});
  CHECK(bed.reason() == "its commands and files are not used: /a is open");
  bed.tables.aliases["cmd"] = "|id";
  bed.tables.untrusted = {"cmd"};
  CHECK(bed.of("u cmd") == Lines{"u cmd delayed 4.3.5"});
}

TEST_CASE("expand: what cannot be looked up delays") {
  Bed bed;
  bed.tables.passwd_down = true;
  CHECK(bed.of("u jane") == Lines{"l jane delayed 4.3.0"});
  CHECK(bed.of("u nobody") == Lines{"l nobody delayed 4.3.0"});
  bed.tables.passwd_down = false;
  bed.tables.aliases = {
      {"jane", "!aliases:3: wrong"}, {"list", "a@x.test"}, {"owner-list", "!aliases: gone"}};
  CHECK(bed.of("u jane") == Lines{"u jane delayed 4.3.5"});
  CHECK(bed.of("a jane@lan.test") == Lines{"a jane@lan.test delayed 4.3.5"});
  CHECK(bed.of("u list") == Lines{"u list delayed 4.3.5"});
  CHECK(bed.of("a a@x.test") == Lines{"s a@x.test"});
}

TEST_CASE("expand: a virtual table with mistakes delays whom it may be about, and nobody else") {
  Bed bed;
  bed.tables.virtual_table = "a@v.test jane\nb@w.test\n";
  CHECK(bed.of("a jane@lan.test") == Lines{"a jane@lan.test delayed 4.3.5"});
  CHECK(bed.reason() == "v:2: b@w.test: there is no address behind it");
  CHECK(bed.of("a x@v.test") == Lines{"a x@v.test delayed 4.3.5"});
  CHECK(bed.of("a x@W.test") == Lines{"a x@W.test delayed 4.3.5"});
  CHECK(bed.of("a x@y.test") == Lines{"s x@y.test"});
  CHECK(bed.of("u jane") == Lines{"m jane"});
}

TEST_CASE("expand: depth ends at a hundred steps") {
  Bed bed;
  for (int i = 0; i < 200; ++i) bed.tables.aliases[cat("a", i)] = cat("a", i + 1);
  bed.tables.aliases["a200"] = "jane";
  CHECK(bed.of("u a0") == Lines{"u a0 failed 5.4.6"});
  CHECK(bed.reason() == "a101: more than 100 steps of aliases and forwarding");
  CHECK(bed.of("u a101") == Lines{"m jane"});
  bed.tables.aliases["a0"] = "a1, b@x.test";
  CHECK(bed.of("u a0") == Lines{"u a0 failed 5.4.6"});
}

TEST_CASE("expand: postmaster always leads somewhere") {
  Bed bed;
  CHECK(bed.of("u postmaster") == Lines{"h root"});
  CHECK(bed.of("a Postmaster@lan.test") == Lines{"h root"});
  bed.rules.site.postmaster = "pm@x.test";
  CHECK(bed.of("u postmaster") == Lines{"s pm@x.test"});
  bed.rules.site.postmaster = "postmaster";
  CHECK(bed.of("u postmaster") == Lines{"h root"});
  bed.tables.aliases = {{"root", "postmaster"}};
  CHECK(bed.of("u postmaster") == Lines{"h root"});
  bed.tables.aliases = {{"postmaster", "a@x.test"}};
  CHECK(bed.of("u postmaster") == Lines{"s a@x.test"});
  bed.tables.aliases.clear();
  bed.rules.others = Others::nobody;
  CHECK(bed.of("u postmaster") == Lines{"m jane"});
  CHECK(bed.of("u root") == Lines{"l root failed 5.2.0"});
  bed.rules.alone = true;
  CHECK(bed.of("u root") == Lines{"m jane"});
  CHECK(bed.of("a ROOT@box") == Lines{"m jane"});
  CHECK(bed.of("u postmaster") == Lines{"m jane"});
  CHECK(bed.of("u bob") == Lines{"l bob failed 5.2.0"});
  bed.rules.others = Others::waiting;
  CHECK(bed.of("u bob") == Lines{"l bob delayed 4.3.5"});
}

TEST_CASE("expand: all_mail_to gets what users of this machine would, once") {
  Bed bed;
  bed.tables.aliases = {{"list", "a@x.test, bob"}, {"void", "/dev/null"}};
  bed.rules.local.all_mail_to = "me@out.test";
  CHECK(bed.of("u jane") == Lines{"s me@out.test"});
  CHECK(bed.of("u nobody") == Lines{"s me@out.test"});
  CHECK(bed.of("a bob@lan.test") == Lines{"s me@out.test"});
  CHECK(bed.of("a bob@x.test") == Lines{"s bob@x.test"});
  CHECK(bed.of("u list") == Lines{"s a@x.test", "s me@out.test"});
  CHECK(bed.of("u void") == Lines{"/ /dev/null"});
  CHECK(bed.of("m jane") == Lines{"m jane"});
  bed.rules.local.all_mail_to = "jane";
  bed.tables.forwards = {{"jane", "x@y.test, jane"}};
  CHECK(bed.of("u bob") == Lines{"s x@y.test", "m jane"});
  CHECK(bed.of("u jane") == Lines{"s x@y.test", "m jane"});
  bed.rules.local.all_mail_to = "nobody";
  CHECK(bed.of("u bob") == Lines{"m nobody failed 5.1.1"});
}

TEST_CASE("expand: mail for unknown users bounces, leaves or has an address") {
  Bed bed;
  using Way = spool::Unknown::Way;
  bed.rules.local.unknown = {Way::smarthost, ""};
  CHECK(bed.of("u nobody") == Lines{"s nobody@lan.test"});
  CHECK(bed.of("a nobody@box") == Lines{"s nobody@box"});
  CHECK(bed.of("u \"no body\"") == Lines{"s \"no body\"@lan.test"});
  CHECK(bed.of("m nobody") == Lines{"m nobody failed 5.1.1"});
  bed.rules.local.unknown = {Way::address, "jane"};
  CHECK(bed.of("u nobody") == Lines{"m jane"});
  bed.rules.local.unknown = {Way::address, "catch"};
  CHECK(bed.of("u nobody") == Lines{"m catch failed 5.1.1"});
  bed.tables.aliases = {{"catch", "none1, none2, jane"}};
  CHECK(bed.of("u nobody") == Lines{"m none1 failed 5.1.1", "m none2 failed 5.1.1", "m jane"});
}

TEST_CASE("expand: [routes] local makes a domain ours") {
  Bed bed;
  bed.rules.routes.add(".lab.test", spool::ToThisMachine{});
  bed.rules.routes.add("boss@x.test", spool::ToThisMachine{});
  bed.rules.routes.add("no.test", spool::ToNowhere{{5, 7, 0}, "550 no"});
  CHECK(bed.of("a jane@a.lab.test") == Lines{"m jane"});
  CHECK(bed.of("a boss@x.test") == Lines{"m boss failed 5.1.1"});
  CHECK(bed.of("a jane@x.test") == Lines{"s jane@x.test"});
  CHECK(bed.of("a jane@no.test") == Lines{"s jane@no.test"});  // plan.h says so
}

TEST_CASE("expand: nobody gets a message twice for being named twice") {
  Bed bed;
  bed.tables.aliases = {{"root", "jane"}, {"staff", "jane, A@x.test, a@X.test, a@x.test"}};
  auto& once = bed.expand({"u jane", "u root", "u staff", "a a@x.test"});
  CHECK(!settled(once));
  CHECK(Bed::shown(once.lines[0]) == Lines{"m jane"});
  CHECK(once.lines[1].actions.empty());
  CHECK(once.lines[1].thinned);
  CHECK(Bed::shown(once.lines[2]) == Lines{"s A@x.test", "s a@X.test"});
  CHECK(once.lines[3].actions.empty());
  // A final line that is done says who had it; one that was expanded says nothing, since tables
  // change.
  auto& later = bed.expand({"m jane", "u root"}, "D.");
  REQUIRE(later.lines.size() == 1);
  CHECK((later.lines[0].recipient == 1 && later.lines[0].actions.empty()));
  CHECK(Bed::shown(bed.expand({"m jane", "u root"}, "B.").lines[0]) == Lines{"m jane"});
  CHECK(Bed::shown(bed.expand({"u jane", "u root"}, "D.").lines[0]) == Lines{"m jane"});
  CHECK(settled(bed.expand({"u jane", "a b@x.test"})));
  CHECK(!settled(bed.expand({"u staff"})));
}

TEST_CASE("expand: expanding what waits or fails again gives the same, and no more lines") {
  Bed bed;
  bed.tables.aliases = {{"all", "jane, bob, a@x.test, none, x"}, {"x", "y"}, {"y", "x"}};
  bed.tables.forwards = {{"jane", "!open"}};
  bed.tables.virtual_table = "e@lan.test error:5.7.0:550 no\n";
  bed.rules.local.all_mail_to = "all";
  bed.rules.local.unknown = {spool::Unknown::Way::address, "all"};
  bed.rules.others = Others::waiting;
  Lines lines = {"u all", "u none", "a e@lan.test"};
  for (int generation = 0; generation < 3; ++generation) {
    const auto& expansion = bed.expand(lines);
    if (settled(expansion)) break;
    lines.clear();
    for (const auto& line : expansion.lines)
      for (const auto& action : line.actions)
        lines.push_back(cat(std::string(1, static_cast<char>(action.kind)), " ", action.address));
  }
  CHECK(settled(bed.expand(lines)));
  CHECK(lines.size() == 6);
  std::sort(lines.begin(), lines.end());
  CHECK(std::unique(lines.begin(), lines.end()) == lines.end());
}

TEST_CASE("expand: the steps that lead somewhere") {
  Bed bed;
  bed.tables.virtual_table = "news@lan.test news\n";
  bed.tables.aliases = {{"news", ":include:/l"}};
  bed.tables.includes = {{"/l", "jane, |cmd"}};
  const auto& expansion = bed.expand({"a news@lan.test"});
  const auto told = [&](std::size_t action) {
    Lines all;
    for (const auto* step : trail(expansion, expansion.lines[0].actions[action].step))
      all.push_back(step->text);
    return all;
  };
  CHECK(told(0) == Lines{"news@lan.test", "news", ":include:/l", "jane"});
  CHECK(told(1) == Lines{"news@lan.test", "news", ":include:/l", "\"|cmd\""});
}

TEST_CASE("expand: a list of 100 000 names costs as many look-ups, and lists nest without stack") {
  Bed bed;
  std::string list;
  for (int i = 0; i < 100'000; ++i) list += cat("name", i, "@x.test\nalias", i, "\n");
  bed.tables.includes = {{"/l", list + list}};
  bed.tables.aliases = {{"list", ":include:/l"}, {"deep", ":include:/0"}};
  const auto& expansion = bed.expand({"u list"});
  CHECK(expansion.lines[0].actions.size() == 200'000);
  CHECK(bed.tables.asked < 700'000);
  for (int i = 0; i < 100'000; ++i) bed.tables.includes[cat("/", i)] = cat(":include:/", i + 1);
  CHECK(bed.of("u deep") == Lines{"u deep failed 5.4.6"});
}

TEST_CASE("expand: more addresses than anybody has wait") {
  Bed bed;
  std::string list;
  for (int i = 0; i < 500'000; ++i) list += cat(i, "@x\n");
  bed.tables.includes = {{"/l", list}, {"/m", list}};
  bed.tables.aliases = {{"list", ":include:/l"}, {"lists", ":include:/m, :include:/l"}};
  CHECK(bed.of("u list").size() == 500'000);
  bed.tables.asked = 0;
  bed.tables.includes["/m"] = ":include:/l, " + list;
  CHECK(bed.of("u lists") == Lines{"u lists delayed 4.5.3"});
  CHECK(bed.reason() == "it leads to more than 1000000 addresses");
  CHECK(bed.tables.asked < 10);  // nothing is made of what is too much
}
