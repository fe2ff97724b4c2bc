#include "spool/credentials.h"

#include <doctest/doctest.h>

#include "tests/unit/spool/scripted_server.h"

namespace {

using Lines = std::vector<std::string>;

/// What one login says, and how it ends.
struct Bed {
  ScriptedServer server;
  spool::Smarthost smarthost;
  spool::ChannelBindings bindings;
  std::string password = "sesame";

  std::string log_in(const std::string& offered) {
    smarthost.user = "me";
    server.replies["EHLO"] = "250-host\r\n250 AUTH " + offered;
    const std::chrono::seconds limit(1);
    const auto fine = [] { return base::Result<>(); };
    spool::Session session(server, "host", {limit, limit, limit}, {fine, fine, {}});
    REQUIRE(session.greet("client.test"));
    const spool::Password secret(password);
    const auto done =
        spool::authenticate(session, smarthost, secret, {{"host.test", 587}, bindings, "nonce"});
    server.commands.erase(server.commands.begin());
    return done ? "in" : done.error().text;
  }
};

std::string chosen(const Lines& offered, const Lines& wanted,
                   const spool::ChannelBindings& bindings) {
  std::string text;
  for (const auto& candidate : spool::candidates(offered, wanted, bindings)) {
    const char* mark = candidate.binding == spool::Binding::bound         ? "p="
                       : candidate.binding == spool::Binding::not_offered ? "y"
                                                                          : "n";
    text +=
        base::cat(text.empty() ? "" : " ", candidate.mechanism, "/", mark, candidate.channel.type);
  }
  return text;
}

TEST_CASE("credentials: the best that is offered comes first, and tokens only where asked for") {
  const spool::ChannelBindings both{{"tls-exporter", "x"}, {"tls-server-end-point", "y"}};
  CHECK(chosen({"login", "plain", "xoauth2", "oauthbearer", "gssapi", "cram-md5", "scram-sha-1",
                "scram-sha-256"},
               {}, {}) == "scram-sha-256/n scram-sha-1/n cram-md5/n plain/n login/n");
  CHECK(chosen({"plain", "xoauth2", "login"}, {"xoauth2", "login", "cram-md5"}, {}) ==
        "xoauth2/n login/n");
  CHECK(chosen({"scram-sha-256"}, {}, both) == "scram-sha-256/y");
  CHECK(chosen({"scram-sha-256", "scram-sha-256-plus"}, {}, both) ==
        "scram-sha-256-plus/p=tls-exporter scram-sha-256-plus/p=tls-server-end-point "
        "scram-sha-256/n");
  CHECK(chosen({"scram-sha-256", "scram-sha-256-plus"}, {}, {}) == "scram-sha-256/n");
  CHECK(chosen({"plain"}, {"scram-sha-256-plus"}, both).empty());
}

TEST_CASE("credentials: a refusal is the mechanism's or the user's") {
  for (const auto& [code, text] : {std::pair{504, "5.5.4 no"},
                                   {504, ""},
                                   {534, "5.7.9 too weak"},
                                   {538, "5.7.11 encrypt"},
                                   {432, "4.7.12 change"},
                                   {535, "5.7.9 weak"},
                                   {501, "5.5.4 what"},
                                   {500, "5.5.6 long"},
                                   {535, "5.7.4 not here"}}) {
    CAPTURE(code);
    CHECK(spool::mechanism_refused({code, text}));
  }
  for (const auto& [code, text] : {std::pair{535, "5.7.8 wrong"},
                                   {535, ""},
                                   {454, "4.7.0 later"},
                                   {454, "4.7.4 later"},
                                   {550, "5.7.1 banned"},
                                   {421, "4.3.2 bye"},
                                   {530, "5.7.0 STARTTLS"},
                                   {501, "5.5.2 base64"},
                                   {250, "2.0.0"},
                                   {503, "5.5.1 order"},
                                   {500, "5.5.1 what"}}) {
    CAPTURE(code);
    CHECK(!spool::mechanism_refused({code, text}));
  }
}

TEST_CASE("credentials: only 235 is success") {
  for (const char* reply : {"235 2.7.0 welcome", "235"}) {
    Bed bed;
    bed.server.replies["AUTH"] = reply;
    CHECK(bed.log_in("PLAIN") == "in");
    CHECK(bed.server.commands == Lines{"AUTH PLAIN AG1lAHNlc2FtZQ=="});
  }
  for (const std::string reply : {"250 fine", "220 hello", "251 x", "354 go", "300 x", "535 no"}) {
    Bed bed;
    bed.server.replies["AUTH"] = reply;
    CHECK(bed.log_in("PLAIN LOGIN") ==
          base::cat("authentication of me by plain failed: it said: ", reply));
    CHECK(bed.server.commands.size() == 1);
  }
}

TEST_CASE("credentials: a mechanism that is refused as such is followed by the next") {
  Bed bed;
  bed.server.replies = {{"AUTH CRAM-MD5", "504 5.5.4 no"},
                        {"AUTH PLAIN", "534 5.7.9 weak"},
                        {"AUTH LOGIN", "334 VXNlcm5hbWU6"},
                        {"bWU=", "334 UGFzc3dvcmQ6"},
                        {"c2VzYW1l", "235 2.7.0 in"}};
  CHECK(bed.log_in("LOGIN PLAIN CRAM-MD5") == "in");
  CHECK(bed.server.commands ==
        Lines{"AUTH CRAM-MD5", "AUTH PLAIN AG1lAHNlc2FtZQ==", "AUTH LOGIN", "bWU=", "c2VzYW1l"});
  Bed none;
  none.server.replies = {{"AUTH", "504 5.5.4 no"}};
  CHECK(none.log_in("PLAIN LOGIN") ==
        "authentication of me by login failed: it said: 504 5.5.4 no");
}

TEST_CASE("credentials: SCRAM without the server's signature is no success and tries no other") {
  Bed bed;
  bed.server.replies["AUTH"] = "235 2.7.0 welcome";
  CHECK(bed.log_in("SCRAM-SHA-256 PLAIN") ==
        "authentication of me by scram-sha-256 failed: SCRAM: the server takes us in without "
        "showing that it knows the password");
  CHECK(bed.server.commands.size() == 1);
}

TEST_CASE("credentials: nonsense is cancelled and challenges end") {
  Bed bed;
  bed.server.replies = {{"AUTH", "334 !!!"}, {"*", "501 5.7.0 cancelled"}};
  CHECK(bed.log_in("SCRAM-SHA-256 PLAIN") ==
        "authentication of me by scram-sha-256 failed: SCRAM: a challenge that is not base64");
  CHECK(bed.server.commands.back() == "*");
  Bed endless;
  endless.server.replies[""] = "334 ";
  CHECK(endless.log_in("LOGIN") ==
        "authentication of me by login failed: a challenge that nobody expects");
  CHECK(endless.server.commands == Lines{"AUTH LOGIN", "bWU=", "c2VzYW1l", "*"});
}

TEST_CASE("credentials: what the server says in the exchange is shown, printable") {
  Bed bed;
  bed.smarthost.auth = {"xoauth2"};
  bed.server.replies = {{"AUTH", "334 " + base::base64("{\"status\":\"4\x1b[1\"}")},
                        {"", "535 5.7.8 no"}};
  CHECK(bed.log_in("XOAUTH2 PLAIN") ==
        "authentication of me by xoauth2 failed: it said: 535 5.7.8 no ({\"status\":\"4?[1\"})");
  CHECK(bed.server.commands.size() == 2);
}

TEST_CASE("credentials: a long secret is sent after an empty challenge, and one too long never") {
  Bed bed;
  bed.password = std::string(2000, 'x');
  bed.server.replies = {{"AUTH PLAIN", "334 "}, {"AG1l", "235 2.7.0 in"}};
  CHECK(bed.log_in("PLAIN") == "in");
  CHECK(bed.server.commands[0] == "AUTH PLAIN");
  CHECK(bed.server.commands[1].size() > 2000);
  Bed over;
  over.password = std::string(10000, 'x');
  over.server.replies = {{"AUTH PLAIN", "334 "}};
  CHECK(over.log_in("PLAIN") == "the password is too long for AUTH");
  CHECK(over.server.commands == Lines{"AUTH PLAIN"});
  Bed at_the_limit;  // AUTH PLAIN and 500 octets of base64: 511 without CRLF
  at_the_limit.password = std::string(375 - 4, 'x');
  at_the_limit.server.replies = {{"AUTH PLAIN", "334 "}, {"AG1l", "235 2.7.0 in"}};
  CHECK(at_the_limit.log_in("PLAIN") == "in");
  CHECK(at_the_limit.server.commands[0] == "AUTH PLAIN");
  Bed below;
  below.password = std::string(372 - 4, 'x');
  below.server.replies = {{"AUTH PLAIN", "235 2.7.0 in"}};
  CHECK(below.log_in("PLAIN") == "in");
  CHECK(below.server.commands.size() == 1);
}

TEST_CASE("credentials: a server that repeats the secret puts it into no error") {
  for (const char* reply : {"500 5.5.1 what is AUTH PLAIN AG1lAHNlc2FtZQ==", "535 sesame is wrong",
                            "535-sesame sesame\r\n535 sesame"}) {
    Bed bed;
    bed.server.replies["AUTH"] = reply;
    const auto error = bed.log_in("PLAIN");
    CAPTURE(error);
    CHECK(error.find("(secret)") != std::string::npos);
    CHECK(error.find("sesame") == std::string::npos);
    CHECK(error.find("AG1l") == std::string::npos);
  }
  Bed same;
  same.password = "secret";
  same.server.replies["AUTH"] = "535 secret";
  CHECK(same.log_in("PLAIN").ends_with("it said: 535 (secret)"));
}

}  // namespace
