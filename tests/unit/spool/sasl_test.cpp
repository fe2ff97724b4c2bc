#include "spool/sasl.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"
#include "spool/digest.h"

using spool::Binding;
using spool::Password;

namespace {

/// One mechanism, in plain text on both sides.
class Bed {
 public:
  Bed(std::string_view name, std::string user, std::string password, std::string nonce = "",
      Binding binding = Binding::none, spool::ChannelBinding channel = {})
      : password_(std::move(password)) {
    auto made = spool::make_mechanism(name, {.user = std::move(user),
                                             .password = &password_,
                                             .host = "server.example.com",
                                             .port = 587,
                                             .nonce = std::move(nonce),
                                             .binding = binding,
                                             .channel = std::move(channel)});
    if (made) mechanism = std::move(made).value();
    else trouble = made.error().text;
  }

  std::string initial() const {
    auto said = mechanism->initial();
    REQUIRE(said);
    return said.value() ? spool::from_base64(said.value()->text()).value_or("not base64")
                        : "(nothing)";
  }
  std::string respond(std::string_view challenge) const {
    auto said = mechanism->respond(base::base64(challenge));
    if (!said) return "! " + said.error().text;
    return spool::from_base64(said.value().text()).value_or("not base64");
  }

  std::unique_ptr<spool::Mechanism> mechanism;
  std::string trouble;

 private:
  Password password_;
};

struct Vector {
  const char *name, *nonce, *first, *challenge, *final, *signature;
};
const Vector rfc5802{
    "scram-sha-1",
    "fyko+d2lbbFgONRv9qkxdawL",
    "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="};
const Vector rfc7677{
    "scram-sha-256",
    "rOprNGfwEbeRWgbNEkqO",
    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+"
    "Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="};

TEST_CASE("sasl: SCRAM says what RFC 5802 and RFC 7677 show") {
  for (const auto& vector : {rfc5802, rfc7677}) {
    const Bed bed(vector.name, "user", "pencil", vector.nonce);
    CHECK(bed.initial() == vector.first);
    CHECK(bed.respond(vector.challenge) == vector.final);
    CHECK(!bed.mechanism->accepted());
    CHECK(bed.respond(vector.signature) == "");
    CHECK(bed.mechanism->accepted());
    CHECK(bed.respond(vector.signature) == "! SCRAM: a challenge after the end");
  }
}

TEST_CASE("sasl: CRAM-MD5 says what RFC 2195 shows") {
  const Bed bed("cram-md5", "tim", "tanstaaftanstaaf");
  CHECK(bed.initial() == "(nothing)");
  CHECK(bed.respond("<1896.697170952@postoffice.reston.mci.net>") ==
        "tim b913a602c7eda7a495b4e6e7334d3890");
  CHECK(bed.respond("<1@x>") == "! a challenge that nobody expects");
}

TEST_CASE("sasl: PLAIN says what RFC 4616 shows, and nothing more") {
  const Bed bed("plain", "tim", "tanstaaftanstaaf");
  CHECK(bed.initial() == std::string("\0tim\0tanstaaftanstaaf", 21));
  CHECK(bed.respond("") == "! a challenge that nobody expects");
}

TEST_CASE("sasl: LOGIN says user and password, whatever the prompts are") {
  const Bed bed("login", "tim", "tanstaaf");
  CHECK(bed.initial() == "(nothing)");
  auto first = bed.mechanism->respond("not base64!");
  REQUIRE(first);
  CHECK(first.value().text() == "dGlt");
  CHECK(bed.respond("Username:") == "tanstaaf");
  CHECK(bed.respond("Password:") == "! a challenge that nobody expects");
}

TEST_CASE("sasl: OAUTHBEARER says what RFC 7628 shows") {
  const Bed bed("oauthbearer", "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
  auto initial = bed.mechanism->initial();
  REQUIRE(initial);
  CHECK(
      initial.value()->text() ==
      "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZ"
      "GOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB");
  CHECK(bed.mechanism->accepted());
  // eyJzd... of section 4.3: an error wants an answer of no meaning.
  CHECK(bed.respond("{\"status\":\"invalid_token\"}") == "\1");
  CHECK(bed.mechanism->reason() == "{\"status\":\"invalid_token\"}");
  CHECK(!bed.mechanism->accepted());
  CHECK(bed.respond("") == "! a challenge that nobody expects");
  CHECK(Bed("oauthbearer", "a,b=c", "t").initial() ==
        "n,a=a=2Cb=3Dc,\1host=server.example.com\1port=587\1auth=Bearer t\1\1");
}

TEST_CASE("sasl: XOAUTH2 says what its description shows") {
  const Bed bed("xoauth2", "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
  auto initial = bed.mechanism->initial();
  REQUIRE(initial);
  CHECK(
      initial.value()->text() ==
      "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJ"
      "oZG1semRHRXVZMjl0Q2cBAQ==");
  CHECK(bed.respond("{\"status\":\"401\"}") == "");
  CHECK(bed.mechanism->reason() == "{\"status\":\"401\"}");
  CHECK(!bed.mechanism->accepted());
}

TEST_CASE("sasl: SCRAM names its channel binding and takes it into the proof") {
  struct Case {
    Binding binding;
    const char *header, *channel;
  };
  for (const auto& [binding, header, channel] :
       {Case{Binding::none, "n,,", ""}, Case{Binding::not_offered, "y,,", ""},
        Case{Binding::bound, "p=tls-exporter,,", "secret of the session"}}) {
    const Bed bed("scram-sha-256-plus", "a,b=c", "pencil", "nonce", binding,
                  {"tls-exporter", "secret of the session"});
    CHECK(bed.initial() == base::cat(header, "n=a=2Cb=3Dc,r=nonce"));
    const auto answer = bed.respond("r=nonceX,s=QSXCR+Q6sek8bf92,i=1");
    CHECK(answer.starts_with(
        base::cat("c=", base::base64(base::cat(header, channel)), ",r=nonceX,p=")));
  }
}

TEST_CASE("sasl: SCRAM takes no challenge that is not one") {
  struct Case {
    std::string challenge;
    const char* trouble;
  };
  const std::string long_salt(1400, 'A'), long_nonce(1100, 'x');
  for (const auto& [challenge, trouble] :
       {Case{"", "not a challenge"},
        Case{"r=nonceX", "not a challenge"},
        Case{"r=nonceX,s=QSXC", "not a challenge"},
        Case{"s=QSXC,r=nonceX,i=4096", "not a challenge"},
        Case{"m=ext,r=nonceX,s=QSXC,i=4096", "demands extensions"},
        Case{"r=nonce,s=QSXC,i=4096", "nonce"},
        Case{"r=other,s=QSXC,i=4096", "nonce"},
        Case{"r=Xnonce,s=QSXC,i=4096", "nonce"},
        Case{"r=nonce X,s=QSXC,i=4096", "nonce"},
        Case{"r=nonce\r\nX,s=QSXC,i=4096", "nonce"},
        Case{std::string("r=nonce\0X,s=QSXC,i=4096", 23), "nonce"},
        Case{"r=nonce\xc3\xa9,s=QSXC,i=4096", "nonce"},
        Case{"r=nonce" + long_nonce + ",s=QSXC,i=4096", "nonce"},
        Case{"r=nonceX,s=,i=4096", "salt"},
        Case{"r=nonceX,s=QSX,i=4096", "salt"},
        Case{"r=nonceX,s=QSX-,i=4096", "salt"},
        Case{"r=nonceX,s=QS==QSXC,i=4096", "salt"},
        Case{"r=nonceX,s=" + long_salt + ",i=4096", "salt"},
        Case{"r=nonceX,s=QSXC,i=", "iteration"},
        Case{"r=nonceX,s=QSXC,i=0", "iteration"},
        Case{"r=nonceX,s=QSXC,i=-1", "iteration"},
        Case{"r=nonceX,s=QSXC,i=+1", "iteration"},
        Case{"r=nonceX,s=QSXC,i=01", "iteration"},
        Case{"r=nonceX,s=QSXC,i=4096x", "iteration"},
        Case{"r=nonceX,s=QSXC,i=10000001", "iteration"},
        Case{"r=nonceX,s=QSXC,i=99999999999999999999", "iteration"}}) {
    const Bed bed("scram-sha-256", "user", "pencil", "nonce");
    bed.initial();
    const auto said = bed.respond(challenge);
    CAPTURE(challenge);
    CHECK(said.starts_with("! SCRAM: "));
    CHECK(said.find(trouble) != std::string::npos);
    CHECK(!bed.mechanism->accepted());
  }
}

TEST_CASE("sasl: SCRAM takes no signature but the right one") {
  for (const std::string signature :
       {"", "v=", "v=AAAA", "v=rmF9pqV8S7suAoZWja4dJRkFsKR=", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ",
        "x=rmF9pqV8S7suAoZWja4dJRkFsKQ=", " v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        "r=fyko+d2lbbFgONRv9qkxdawL3,s=QSXC,i=1"}) {
    const Bed bed(rfc5802.name, "user", "pencil", rfc5802.nonce);
    bed.initial();
    bed.respond(rfc5802.challenge);
    CAPTURE(signature);
    CHECK(bed.respond(signature) == "! SCRAM: the server does not show that it knows the password");
    CHECK(!bed.mechanism->accepted());
  }
  // Nor one that comes before the challenge, when there is none to compare with.
  for (const std::string early : {"v=", "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="}) {
    const Bed bed(rfc5802.name, "user", "pencil", rfc5802.nonce);
    bed.initial();
    CHECK(bed.respond(early).starts_with("! "));
    CHECK(!bed.mechanism->accepted());
  }
}

TEST_CASE("sasl: an error of SCRAM's is kept, and only some mean another mechanism") {
  struct Case {
    const char* error;
    bool unsuitable;
  };
  for (const auto& [error, unsuitable] :
       {Case{"e=invalid-proof", false}, Case{"e=channel-bindings-dont-match", false},
        Case{"e=server-does-support-channel-binding", false},
        Case{"e=unsupported-channel-binding-type", true},
        Case{"e=channel-binding-not-supported,x=y", true}}) {
    for (const bool early : {true, false}) {
      const Bed bed(rfc5802.name, "user", "pencil", rfc5802.nonce);
      bed.initial();
      if (!early) bed.respond(rfc5802.challenge);
      CHECK(bed.respond(error) == "! SCRAM: the server refuses");
      CHECK(base::cat("e=", bed.mechanism->reason()) ==
            std::string(error).substr(0, std::string(error).find(',')));
      CHECK(bed.mechanism->unsuitable() == unsuitable);
      CHECK(!bed.mechanism->accepted());
    }
  }
}

TEST_CASE("sasl: what a mechanism's grammar cannot hold is refused") {
  const std::string nul("a\0b", 3);
  CHECK(Bed("plain", nul, "x").trouble != "");
  CHECK(Bed("plain", "", "x").trouble != "");
  CHECK(Bed("plain", "me", nul).trouble != "");
  CHECK(Bed("xoauth2", "me\1auth=Bearer x", "t").trouble != "");
  CHECK(Bed("xoauth2", "me", "a\1b").trouble != "");
  CHECK(Bed("oauthbearer", "me", "two words").trouble != "");
  CHECK(Bed("plain", "me", "two words").trouble == "");
}

TEST_CASE("sasl: base64 is strict and the inverse of ours") {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    CHECK(spool::from_base64(base::base64(text)) == text);
    text.push_back(static_cast<char>(i * 7));
  }
  for (const char* bad : {"A", "AA", "AAA", "A===", "====", "AA=A", "AAB=", "AB==", "AA==AAAA",
                          "AAA ", "AA\r\n", "AAA-", "AAA_", "=AAA"}) {
    CAPTURE(bad);
    CHECK(!spool::from_base64(bad));
  }
}

TEST_CASE("digest: nothing of a text that was wiped or moved is left") {
  std::string text = "sesame";
  const char* where = text.data();
  spool::wipe(text);
  CHECK(text.empty());
  for (int i = 0; i < 6; ++i) CHECK(where[i] == '\0');
  Password first("sesame");
  const char* inside = first.text().data();
  const Password second(std::move(first));
  CHECK(second.text() == "sesame");
  for (int i = 0; i < 6; ++i) CHECK(inside[i] == '\0');
}

TEST_CASE("digest: random text is long and never twice the same") {
  const auto one = spool::random_text(24), two = spool::random_text(24);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one.value().size() == 32);
  CHECK(one.value() != two.value());
}

}  // namespace
