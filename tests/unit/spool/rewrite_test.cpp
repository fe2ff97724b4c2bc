#include "spool/rewrite.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

namespace {
using base::cat;
using rfc::Path;
using spool::Rewriting;
using Lines = std::vector<std::string>;

Path path(std::string_view text) { return Path::parse(text).value(); }

spool::Generic table(std::string_view text) {
  Lines mistakes;
  auto generic = spool::Generic::parse("t", text, mistakes);
  CHECK(mistakes == Lines{});
  return generic;
}

Rewriting foreign() {
  Rewriting rewriting;
  rewriting.from = path("me@out.test");
  rewriting.senders = {"@own.test"};
  rewriting.local_domains = {"localhost", "box.test"};
  rewriting.domain = "lan.test";
  return rewriting;
}

std::string header(std::string_view before, const Rewriting& rewriting = foreign(),
                   bool is_signed = false) {
  return spool::rewritten_header(before, rewriting, is_signed);
}
}  // namespace

TEST_CASE("generic: a table of local addresses") {
  const auto generic = table(
      "# comment\n\nroot\tme@out.test\nJANE@lan.test   Jane@out.test\r\n@lan.test @out.test\n"
      "bob@[192.0.2.1] bob@out.test\n@old.test all@out.test\n");
  const struct {
    std::string_view address;
    bool local;
    std::string_view expected;
  } rows[] = {
      {"root@box.test", true, "me@out.test"},
      {"ROOT@lan.test", true, "me@out.test"},
      {"root@far.test", false, "none"},
      {"jane@LAN.test", true, "Jane@out.test"},
      {"bob@lan.test", true, "bob@out.test"},
      {"\"a b\"@lan.test", true, "\"a b\"@out.test"},
      {"bob@[192.0.2.1]", false, "bob@out.test"},
      {"x@old.test", false, "all@out.test"},
      {"", true, "none"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.address);
    const auto found = generic.find(path(row.address), row.local);
    CHECK((found ? found->text() : "none") == row.expected);
  }
}

TEST_CASE("generic: mistakes name file and line") {
  Lines mistakes;
  spool::Generic::parse("/t",
                        "a b@c.d\na x@y.z\nb\n c d@e.f\n<a> d@e.f\nd e\n@ d@e.f\nx a@b.c d@e.f\n"
                        "@x <>\nw @a:b@c\ny\x01 a@b.c\n",
                        mistakes);
  CHECK(mistakes ==
        Lines{"/t:2: a: a second line for it", "/t:3: b: there is no address behind it",
              "/t:4: the line begins with a blank", "/t:5: <a>: not user, user@domain or @domain",
              "/t:6: e: not user@domain or @domain", "/t:7: @: not user, user@domain or @domain",
              "/t:8: a@b.c d@e.f: not user@domain or @domain",
              "/t:9: <>: not user@domain or @domain", "/t:10: @a:b@c: not user@domain or @domain",
              "/t:11: y?: not user, user@domain or @domain"});
}

TEST_CASE("rewritten sender") {
  auto rewriting = foreign();
  const auto sender = [&](std::string_view text, bool is_signed = false) {
    return spool::rewritten_sender(path(text), rewriting, is_signed).text();
  };
  CHECK(sender("root@lan.test") == "me@out.test");
  CHECK(sender("Me@OUT.test") == "me@out.test");
  CHECK(sender("x@OWN.test") == "x@OWN.test");
  CHECK(sender("root@lan.test", true) == "root@lan.test");
  CHECK(sender("") == "");
  rewriting.mode = Rewriting::Mode::always;
  CHECK(sender("x@own.test", true) == "me@out.test");
  CHECK(sender("") == "");
  rewriting.mode = Rewriting::Mode::never;
  CHECK(sender("root@lan.test") == "root@lan.test");
  rewriting.generic = table("root root@own.test\nbob bob@else.test\n");
  CHECK(sender("root@lan.test") == "root@own.test");
  rewriting.mode = Rewriting::Mode::foreign;
  CHECK(sender("root@lan.test") == "root@own.test");
  CHECK(sender("bob@lan.test") == "me@out.test");
  rewriting.from = {};
  CHECK(sender("bob@lan.test") == "bob@else.test");
  CHECK(sender("ann@lan.test") == "ann@lan.test");
}

TEST_CASE("rewritten header: only the addresses change; what From was stays legible") {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"From: x@own.test\nTo: a@b\n", "From: x@own.test\nTo: a@b\n"},
      {"From: me@OUT.test\n", "From: me@OUT.test\n"},
      {"To: a@b\nFrom: root@box.test (Cron Daemon)\n",
       "To: a@b\nFrom: me@out.test (Cron Daemon)\nX-Original-From: root@box.test (Cron Daemon)\n"},
      {"From:\tRoot <root@far.test>\n",
       "From:\tRoot <me@out.test>\nX-Original-From:\tRoot <root@far.test>\nReply-To: "
       "root@far.test\n"},
      {"From: r@far.test\nReply-To: k@far.test\n",
       "From: me@out.test\nX-Original-From: r@far.test\nReply-To: k@far.test\n"},
      {"From: \"A, B\" <a@far.test>,\n =?utf-8?q?=C3=A9?= <@r:b@box.test>, x@own.test\n",
       "From: \"A, B\" <me@out.test>,\n =?utf-8?q?=C3=A9?= <me@out.test>, x@own.test\n"
       "X-Original-From: \"A, B\" <a@far.test>,\n =?utf-8?q?=C3=A9?= <@r:b@box.test>, x@own.test\n"
       "Reply-To: a@far.test\n"},
      {"From: us: a@far.test (x), b@far.test;\n",
       "From: us: me@out.test (x), me@out.test;\nX-Original-From: us: a@far.test (x), "
       "b@far.test;\nReply-To: a@far.test,\n b@far.test\n"},
      {"From: root\nSender: cron\n",
       "From: me@out.test\nX-Original-From: root\nReply-To: root@lan.test\nSender: me@out.test\n"},
      {"From: Foo Bar\n", "From: Foo Bar <me@out.test>\nX-Original-From: Foo Bar\n"},
      {"From: Mail System <>\n",
       "From: Mail System <me@out.test>\nX-Original-From: Mail System <>\n"},
      {"From: \"M, S\" <a b@x>\n",
       "From: \"M, S\" <me@out.test>\nX-Original-From: \"M, S\" <a b@x>\n"},
      {"From: \xc3\xb6 x\n",
       "From: =?UTF-8?Q?=C3=B6_x?= <me@out.test>\nX-Original-From: =?UTF-8?Q?=C3=B6_x?=\n"},
      {"From: A <>, B <>\n", "From: me@out.test\nX-Original-From: A <>, B <>\n"},
      {"From: a@b c@d\n", "From: me@out.test\nX-Original-From: a@b c@d\n"},
      {"From: root@box.test", "From: me@out.test\nX-Original-From: root@box.test\n"},
      {"From: a\x01\x62@far.test\n", "From: me@out.test\nX-Original-From: a b@far.test\n"},
      // Of a resent message the latest resender.
      {"Resent-From: a@box.test\nResent-Sender: b@box.test\nResent-From: c@box.test\nFrom: "
       "d@far.test\nSender: e@far.test\n",
       "Resent-From: me@out.test\nX-Original-From: a@box.test\nResent-Sender: me@out.test\n"
       "Resent-From: c@box.test\nFrom: d@far.test\nSender: e@far.test\n"},
  };
  for (const auto& [before, after] : rows) {
    CAPTURE(before);
    CHECK(header(before) == after);
    CHECK(header(before, foreign(), true) == before);
  }
  auto rewriting = foreign();
  rewriting.mode = Rewriting::Mode::always;
  CHECK(header("From: x@own.test\n", rewriting, true) ==
        "From: me@out.test\nX-Original-From: x@own.test\nReply-To: x@own.test\n");
}

TEST_CASE("rewritten header: generic goes first and reaches every address field") {
  auto rewriting = foreign();
  rewriting.generic = table("root root@own.test\nbob bob@far.test\n");
  CHECK(header("From: Root <root>\nTo: root, x@y, bob@lan.test (B)\nCc: g: ROOT@box.test;\n"
               "Reply-To: bob\nResent-To: root\nBcc: root\nX: root\n",
               rewriting) ==
        "From: Root <root@own.test>\nTo: root@own.test, x@y, bob@far.test (B)\n"
        "Cc: g: root@own.test;\nReply-To: bob@far.test\nResent-To: root@own.test\nBcc: root\n"
        "X: root\n");
  CHECK(header("From: bob\n", rewriting) ==
        "From: me@out.test\nX-Original-From: bob\nReply-To: bob@far.test\n");
  rewriting.from = {};
  CHECK(header("From: bob\n", rewriting) == "From: bob@far.test\n");
  CHECK(header("From: bob\nTo: bob\n", rewriting, true) == "From: bob\nTo: bob\n");
}
