#include "spool/settings.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lib/base/text.h"
#include "tests/unit/folder.h"

namespace {
using base::cat;
using spool::Security;
using Source = spool::Secret::Source;
using Lines = std::vector<std::string>;

class Bed {
 public:
  base::Result<spool::Settings> load(std::string_view text, unsigned mode = 0600) {
    store::Place place;
    place.config = folder.write("postbag.ini", text, mode);
    place.home = folder.path();
    return spool::load_settings(place);
  }
  /// What is refused, "LINE: text" each.
  Lines mistakes(std::string_view text, unsigned mode = 0600) {
    const auto settings = load(text, mode);
    Lines list;
    if (settings) return list;
    CHECK(settings.error().kind == base::Kind::config);
    const std::string file = folder / "postbag.ini:";
    for (const auto line : base::split(settings.error().text, '\n')) {
      CHECK(line.starts_with(file));
      list.emplace_back(line.substr(std::min(file.size(), line.size())));
    }
    return list;
  }
  Lines in_smarthost(std::string_view lines) {
    return mistakes(cat("[smarthost]\nhost = mail.test\n", lines));
  }
  Folder folder;
};
}  // namespace

TEST_CASE("settings: five lines are enough") {
  Bed bed;
  bed.folder.write("secret", "pw");
  const auto settings = bed.load(cat("[smarthost]\nhost = mail.test\nuser = me\npassword = file ",
                                     bed.folder / "secret", "\n"));
  REQUIRE(settings);
  REQUIRE(settings.value().smarthosts.size() == 1);
  const auto& smarthost = settings.value().smarthosts[0];
  REQUIRE(smarthost.hosts.size() == 1);
  CHECK(smarthost.hosts[0].name == "mail.test");
  CHECK(smarthost.hosts[0].port == 587);
  CHECK(smarthost.security == Security::starttls);
  CHECK(smarthost.password.source == Source::file);
}

TEST_CASE("settings: hosts, ports and what security follows from them") {
  const struct {
    std::string lines, hosts;
    Security security;
  } table[] = {
      {"host = a", "a:587", Security::starttls},
      {"host = a:465", "a:465", Security::tls},
      {"host = a:465, b:587", "a:465 b:587", Security::tls},
      {"host = a, b:25", "a:587 b:25", Security::starttls},
      {"host = a\nsecurity = tls", "a:465", Security::tls},
      {"host = a:465\nsecurity = starttls", "a:465", Security::starttls},
      {"host = [::1]:2525", "::1:2525", Security::starttls},
      {"host = [2001:db8::1]", "2001:db8::1:587", Security::starttls},
      {"host = 192.0.2.1:25", "192.0.2.1:25", Security::starttls},
      {"host = localhost:25\nsecurity = none", "localhost:25", Security::none},
      {"host = 127.0.0.2, [::1]\nsecurity = none", "127.0.0.2:587 ::1:587", Security::none},
      {"host = a\nsecurity = none\nallow_plaintext = yes", "a:587", Security::none},
  };
  for (const auto& row : table) {
    Bed bed;
    CAPTURE(row.lines);
    const auto settings = bed.load(cat("[smarthost]\n", row.lines, "\n"));
    REQUIRE_MESSAGE(settings, settings.error().text);
    const auto& smarthost = settings.value().smarthosts[0];
    std::string hosts;
    for (const auto& host : smarthost.hosts)
      hosts += cat(hosts.empty() ? "" : " ", host.name, ":", host.port);
    CHECK(hosts == row.hosts);
    CHECK(smarthost.security == row.security);
  }
}

TEST_CASE("settings: hosts that are none") {
  Bed bed;
  for (const std::string host : {"a b", "a:", "a:0", "a:65536", "a:x", "a:1:2", "[::1", "[::1]x",
                                 "[::1]:", "[a]", ":25", "user@a", "a/b"}) {
    CAPTURE(host);
    CHECK(bed.mistakes(cat("[smarthost]\nhost = ", host, "\n")) ==
          Lines{cat("2: host = ", host, ": not a host or host:port")});
  }
  CHECK(bed.mistakes("[smarthost]\nhost = srv:x.test\n") ==
        Lines{"2: srv:x.test: SRV look-ups are not part of this version"});
  CHECK(bed.mistakes("[smarthost]\nuser = me\npassword = netrc\n") ==
        Lines{"1: this smarthost has no host"});
  CHECK(bed.mistakes("[smarthost]\nhost = ,\n") == Lines{"2: host = ,: not a host or host:port"});
}

TEST_CASE("settings: no plaintext by accident, and never with a password") {
  Bed bed;
  const std::string refused = "3: security = none: only to loopback, or with allow_plaintext = yes";
  for (const std::string host :
       {"a", "localhost, a", "127.0.0.1.evil.test", "127.evil.test", "localhost.evil"})
    CHECK(bed.mistakes(cat("[smarthost]\nhost = ", host, "\nsecurity = none\n")) == Lines{refused});
  CHECK(bed.in_smarthost("security = none\nallow_plaintext = no\n") == Lines{refused});
  CHECK(bed.in_smarthost("security = none\nallow_plaintext = yes\nuser = me\npassword = netrc\n") ==
        Lines{"5: user: a password never goes over security = none"});
}

TEST_CASE("settings: where a password may come from, and it is in no error") {
  Bed bed;
  const std::string forms =
      "4: password: not keyring, file PATH, command CMD, credential NAME, netrc or text SECRET";
  for (const std::string value :
       {"hunter2", "file", "command", "text", "credential", "netrc hunter2", "keyring hunter2",
        "Text hunter2", "file=/hunter2"}) {
    CAPTURE(value);
    CHECK(bed.in_smarthost(cat("user = me\npassword = ", value, "\n")) == Lines{forms});
  }
  CHECK(bed.in_smarthost("user = me\npassword = keyring\n") ==
        Lines{"4: password: keyring is not part of this version"});
  CHECK(bed.in_smarthost("password = netrc\n") == Lines{"3: password: there is no user = …"});
  CHECK(bed.in_smarthost("user = me\n") == Lines{"3: user: there is no password = …"});
  const auto settings =
      bed.load("[smarthost]\nhost = a\nuser = me\npassword = text  hunter2 ; #x\n");
  REQUIRE(settings);
  CHECK(settings.value().smarthosts[0].password.argument == "hunter2 ; #x");
  for (const unsigned mode : {0640u, 0604u, 0644u})
    CHECK(bed.mistakes("[smarthost]\nhost = a\nuser = me\npassword = text hunter2\n", mode) ==
          Lines{"4: password: text SECRET only in a file of mode 0600"});
}

TEST_CASE("settings: a secret file that others can read is refused before anything is sent") {
  Bed bed;
  const auto path = bed.folder.write("secret", "hunter2", 0640);
  CHECK(bed.in_smarthost(cat("user = me\npassword = file ", path, "\n")) ==
        Lines{cat("4: password: ", path, " can be read by others; chmod 600 it")});
  CHECK(bed.in_smarthost("user = me\npassword = file ~/secret\n") ==
        Lines{cat("4: password: ", path, " can be read by others; chmod 600 it")});
  bed.folder.write(".netrc", "hunter2", 0644);
  CHECK(bed.in_smarthost("user = me\npassword = netrc\n") ==
        Lines{cat("4: password: ", bed.folder / ".netrc", " can be read by others; chmod 600 it")});
  CHECK(bed.in_smarthost("user = me\npassword = file /none/such\n") == Lines{});  // may come yet
}

TEST_CASE("settings: sections not yet filled in are none") {
  Bed bed;
  const auto settings = bed.load("[site]\n[smarthost]\n[smarthost x]\n[local]\n[routes]\n");
  REQUIRE(settings);
  CHECK(settings.value().smarthosts.empty());
}

TEST_CASE("settings: mechanisms") {
  Bed bed;
  const auto settings = bed.load("[smarthost]\nhost = a\nauth = login, plain\n");
  REQUIRE(settings);
  CHECK(settings.value().smarthosts[0].auth == Lines{"login", "plain"});
  CHECK(bed.in_smarthost("auth = scram-sha-256-plus, oauthbearer xoauth2 cram-md5\n").empty());
  CHECK(bed.in_smarthost("auth = Plain\n").size() == 1);
  CHECK(bed.in_smarthost("auth = gssapi\n")[0].starts_with("3: auth: gssapi: not one of: "));
}

TEST_CASE("settings: all that is wrong is told, each with its line") {
  Bed bed;
  CHECK(bed.mistakes("[site]\nbad = 1\n[smarthost]\nhost = a b\nconnect_timeout = x\n[odd]\n"
                     "x = 1\nno value\n[smarthost two]\nsecurity = some\n") ==
        Lines{"2: unknown key 'bad' in [site]", "4: host = a b: not a host or host:port",
              "5: connect_timeout = x: not a duration like 30s, 5m, 4h or 5d",
              "6: unknown section [odd]", "8: neither a section, nor 'key = value', nor a comment",
              "9: this smarthost has no host",
              "10: security = some: not one of: tls starttls none"});
}

TEST_CASE("settings: routes lead to smarthosts by name, to hosts, here, or nowhere") {
  Bed bed;
  const auto settings = bed.load(
      "[smarthost]\nhost = a\n[smarthost two]\nhost = b\n[routes]\none.test = smarthost\n"
      "two.test = smarthost two\n.x.test = smtp:[127.0.0.1]:2525\ny.test = smtp:[127.0.0.1]:2525\n"
      "here.test = local\nno@x.test = error 5.7.0 550 not here\n");
  REQUIRE_MESSAGE(settings, settings.error().text);
  const auto& made = settings.value();
  REQUIRE(made.smarthosts.size() == 3);
  CHECK(made.smarthosts[2].only_routed);
  CHECK(made.smarthosts[2].security == Security::opportunistic);
  CHECK(made.smarthosts[2].hosts[0].port == 2525);
  const auto way = [&](std::string_view address) {
    const auto* found = made.routes.find(rfc::Path::parse(address).value());
    const auto* smarthost = found != nullptr ? std::get_if<spool::ToSmarthost>(found) : nullptr;
    return smarthost != nullptr ? static_cast<int>(smarthost->index) : -1;
  };
  CHECK(way("a@one.test") == 0);
  CHECK(way("a@two.test") == 1);
  CHECK(way("a@sub.x.test") == 2);
  CHECK(way("a@y.test") == 2);
  CHECK(way("a@here.test") == -1);
  CHECK(bed.mistakes("[routes]\na.test = smarthost none\nb@ = local\nc.test = smtp:host\n"
                     "d.test = error 4.7.0 450 later\n") ==
        Lines{"2: there is no [smarthost none]", "3: b@: not a domain, .domain or user@domain",
              "4: c.test = smtp:host: not smarthost NAME, smtp:[HOST]:PORT, local or error 5.X.Y "
              "5XX TEXT",
              "5: d.test = error 4.7.0 450 later: not smarthost NAME, smtp:[HOST]:PORT, local or "
              "error 5.X.Y 5XX TEXT"});
}

TEST_CASE("settings: a rate is messages in a time") {
  Bed bed;
  const auto settings = bed.load("[smarthost]\nhost = a\nrate = 30/1m\nconnections = 7\n");
  REQUIRE_MESSAGE(settings, settings.error().text);
  CHECK(settings.value().smarthosts[0].rate.count == 30);
  CHECK(settings.value().smarthosts[0].rate.period.count() == 60);
  CHECK(settings.value().smarthosts[0].connections == 7);
  for (const std::string bad : {"0", "0/1m", "x/1m", "3/", "3/1", "99999/1m", "3/1m x"})
    CHECK(bed.in_smarthost(cat("rate = ", bad, "\n")) ==
          Lines{cat("3: rate = ", bad,
                    ": not a number of messages a minute, or MESSAGES/TIME as in 2000/1d")});
  CHECK(bed.load("[smarthost]\nhost = a\nrate = 5\n").value().smarthosts[0].rate.period.count() ==
        60);
}

TEST_CASE("settings: who a smarthost takes senders for") {
  using Mode = spool::Rewriting::Mode;
  Bed bed;
  bed.folder.write("generic", "# ours\nroot me@b.c\n");
  const auto settings =
      bed.load(cat("[site]\ndomain = lan.test\nlocal = box.test\n[smarthost]\nhost = a\n"
                   "from = a@b.c\nsenders = @b.c\n[smarthost x]\nhost = a\nfrom = x@b.c\n"
                   "rewrite_from = always\n[smarthost y]\nhost = a\nrewrite_from = never\n"
                   "[local]\ngeneric = ",
                   bed.folder / "generic", "\n"));
  REQUIRE_MESSAGE(settings, settings.error().text);
  const auto& hosts = settings.value().smarthosts;
  REQUIRE(hosts.size() == 3);
  CHECK(hosts[0].rewriting.from.text() == "a@b.c");
  CHECK(hosts[0].rewriting.mode == Mode::foreign);
  CHECK(hosts[0].rewriting.senders == Lines{"@b.c"});
  CHECK(hosts[0].rewriting.domain == "lan.test");
  CHECK(hosts[0].rewriting.is_local("BOX.test"));
  CHECK(hosts[1].rewriting.mode == Mode::always);
  CHECK(hosts[2].rewriting.mode == Mode::never);
  CHECK(hosts[2].rewriting.from.null());
  for (const auto& host : hosts) CHECK_FALSE(host.rewriting.generic.empty());
}

TEST_CASE("settings: mistakes about senders, of tables too") {
  Bed bed;
  CHECK(bed.in_smarthost("rewrite_from = always\n") ==
        Lines{"3: rewrite_from: there is no from = …"});
  CHECK(bed.in_smarthost("from = root\n") ==
        Lines{"3: from = root: an address with a domain is needed"});
  const std::string missing = bed.folder / "missing", table = bed.folder / "table";
  const auto absent = bed.mistakes(cat("[local]\ngeneric = ", missing, "\n"));
  REQUIRE(absent.size() == 1);
  CHECK(absent[0].starts_with(cat("2: generic: ", missing)));
  bed.folder.write("table", "root me@b.c\n\na b c\n");
  const auto settings = bed.load(cat("[local]\ngeneric = ", table, "\nx = y\n"));
  REQUIRE_FALSE(settings);
  CHECK(settings.error().text.ends_with(cat("\n", table, ":3: b c: not user@domain or @domain")));
}

TEST_CASE("settings: numbers, times and paths are taken over") {
  Bed bed;
  const auto settings = bed.load(
      "[smarthost x]\nhost = a\nrecipients_per_transaction = 7\nmessages_per_connection = 8\n"
      "connect_timeout = 9s\nreply_timeout = 10s\ndata_timeout = 11s\ndot_timeout = 12s\n"
      "message_timeout = 13s\nca = ~/ca.pem\ncertificate = /c\nkey = ~/k\nhelo = me.test\n"
      "pin = sha256//A\nproxy = socks5h://p\nsource = eth0\ntls_min = 1.3\n"
      "senders = a@b.c, @d.e\nrecipients = *@f.g\n");
  REQUIRE_MESSAGE(settings, settings.error().text);
  const auto& smarthost = settings.value().smarthosts[0];
  CHECK(smarthost.name == "x");
  CHECK(smarthost.recipients_per_transaction == 7);
  CHECK(smarthost.messages_per_connection == 8);
  CHECK(smarthost.connect_timeout.count() == 9);
  CHECK(smarthost.reply_timeout.count() == 10);
  CHECK(smarthost.data_timeout.count() == 11);
  CHECK(smarthost.dot_timeout.count() == 12);
  CHECK(smarthost.message_timeout.count() == 13);
  CHECK(smarthost.ca == bed.folder / "ca.pem");
  CHECK(smarthost.certificate == "/c");
  CHECK(smarthost.key == bed.folder / "k");
  CHECK(smarthost.helo == "me.test");
  CHECK(smarthost.pin == "sha256//A");
  CHECK(smarthost.proxy == "socks5h://p");
  CHECK(smarthost.source == "eth0");
  CHECK(smarthost.tls_min == "1.3");
  CHECK(smarthost.senders == Lines{"a@b.c", "@d.e"});
  CHECK(smarthost.recipients == Lines{"*@f.g"});
}

TEST_CASE(
    "settings: without a file the defaults count, with one that cannot be read nothing does") {
  store::Place place;
  place.spool = "/x";
  const auto none = spool::load_settings(place);
  REQUIRE(none);
  CHECK(none.value().smarthosts.empty());
  place.config = "/none/such";
  CHECK(spool::load_settings(place).error().kind == base::Kind::config);
  CHECK(spool::load_settings(place).error().text == "/none/such: open: No such file or directory");
}
