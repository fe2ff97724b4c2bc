#include "mail/reply.h"

#include <doctest/doctest.h>

using reader::Addresses;
using reader::Answerer;
using reader::AnswerTo;
using reader::make_answer;

namespace {
const Answerer jane{.user = "jane",
                    .host = "box",
                    .domain = "lan.example",
                    .alternates = {"j.doe@work.example", "jd"}};
constexpr std::string_view from_line = "From alice@example.org Mon Mar  4 10:11:12 2024\n";
constexpr std::string_view header =
    "From: Alice Example <alice@example.org>\n"
    "To: jane@box, Bob <bob@example.net>\n"
    "Cc: carol@example.com, J.Doe@work.example\n"
    "Subject: report\n"
    "Message-ID: <mp1@example.org>\n";
}  // namespace

TEST_CASE("reply: to all, to the sender") {
  const auto all = make_answer(header, from_line, jane, AnswerTo::all);
  CHECK(all.to == Addresses{"alice@example.org", "bob@example.net"});
  CHECK(all.cc == Addresses{"carol@example.com"});
  CHECK(all.subject == "Re: report");
  CHECK(all.in_reply_to == "<mp1@example.org>");
  CHECK(all.references == "<mp1@example.org>");
  const auto sender = make_answer(header, from_line, jane, AnswerTo::sender);
  CHECK(sender.to == Addresses{"alice@example.org"});
  CHECK(sender.cc.empty());
  Answerer metoo = jane;
  metoo.metoo = true;
  CHECK(make_answer(header, from_line, metoo, AnswerTo::all).to ==
        Addresses{"alice@example.org", "jane@box", "bob@example.net"});
}

TEST_CASE("reply: Reply-To, the From_ line, Mail-Followup-To and List-Post") {
  const std::string base(header);
  CHECK(make_answer(base + "Reply-To: desk@x\n", from_line, jane, AnswerTo::sender).to ==
        Addresses{"desk@x"});
  CHECK(make_answer("Subject: x\n", from_line, jane, AnswerTo::all).to ==
        Addresses{"alice@example.org"});
  const auto followup =
      make_answer(base + "Mail-Followup-To: list@x\n", from_line, jane, AnswerTo::all);
  CHECK(followup.to == Addresses{"list@x"});
  CHECK(followup.cc.empty());
  CHECK(make_answer(base + "Mail-Followup-To: list@x\n", from_line, jane, AnswerTo::sender).to ==
        Addresses{"alice@example.org"});
  CHECK(make_answer(base + "List-Post: <mailto:l@x?subject=y> (all)\n", from_line, jane,
                    AnswerTo::list)
            .to == Addresses{"l@x"});
  CHECK(make_answer(base, from_line, jane, AnswerTo::list).to ==
        Addresses{"alice@example.org", "bob@example.net"});
}

TEST_CASE("reply: who writes to themselves answers themselves") {
  constexpr std::string_view own = "From: jane@box\nTo: jane\nSubject: re: note\n";
  const auto answer = make_answer(own, "From jane Mon\n", jane, AnswerTo::all);
  CHECK(answer.to == Addresses{"jane@box"});
  CHECK(answer.subject == "re: note");
  const auto sent = make_answer("From: jane@box\nTo: bob@x\n", "", jane, AnswerTo::all);
  CHECK(sent.to == Addresses{"bob@x"});
}

TEST_CASE("reply: own addresses, by host, domain and alternates") {
  for (const char* own :
       {"jane", "JANE@Box", "jane@lan.example", "jane@localhost", "jd@box", "j.doe@work.example"})
    CHECK(jane.is(own));
  for (const char* other : {"jane@example.org", "bob", "jd@example.org"})
    CHECK_FALSE(jane.is(other));
  Answerer everywhere = jane;
  everywhere.same_login = true;
  CHECK(everywhere.is("jane@example.org"));
}

TEST_CASE("reply: addresses of others are never files, commands or options") {
  constexpr std::string_view evil =
      "From: \"x\" <|touch@x>\nReply-To: /tmp/x, -oQ/tmp@x, +f, ./y, ok@x\nTo: a b <\n";
  CHECK(make_answer(evil, from_line, jane, AnswerTo::all).to == Addresses{"ok@x"});
}

TEST_CASE("reply: valid addresses that look like files are answered") {
  constexpr std::string_view odd =
      "From: boss@x\nReply-To: +4912345@sms.example\nTo: user/dept@corp, jane@box\n"
      "Cc: ~tilde@x, \"N\" <a/b+c@corp.example>\n";
  const auto answer = make_answer(odd, from_line, jane, AnswerTo::all);
  CHECK(answer.to == Addresses{"+4912345@sms.example", "user/dept@corp"});
  CHECK(answer.cc == Addresses{"~tilde@x", "a/b+c@corp.example"});
  CHECK(answer.left_out.empty());
}

TEST_CASE("reply: who is left out is told") {
  constexpr std::string_view evil =
      "From: ok@x\nReply-To: /etc/x@y\nTo: |cmd@y, A\n <-oQ@y>, ./d/x@y, a/b, +f\nCc: /x, <c@x\n";
  const auto answer = make_answer(evil, from_line, jane, AnswerTo::all);
  CHECK(answer.to == Addresses{"ok@x"});
  CHECK(answer.cc.empty());
  CHECK(answer.left_out ==
        Addresses{"/etc/x@y", "|cmd@y", "A <-oQ@y>", "./d/x@y", "a/b", "+f", "/x", "<c@x"});
  CHECK(make_answer(evil, from_line, jane, AnswerTo::sender).left_out == Addresses{"/etc/x@y"});
  CHECK(make_answer(header, from_line, jane, AnswerTo::all).left_out.empty());
}

TEST_CASE("reply: Re: once, decoded") {
  CHECK(reader::answer_subject("x") == "Re: x");
  CHECK(reader::answer_subject(" RE: x") == "RE: x");
  CHECK(reader::answer_subject("") == "Re:");
  CHECK(make_answer("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n", from_line, jane, AnswerTo::all)
            .subject == "Re: Grüße");
}

TEST_CASE("reply: references are a thread, bounded and clean") {
  using reader::next_references;
  CHECK(next_references("", "", "<b@x>") == "<b@x>");
  CHECK(next_references("<a@x>", "<z@x>", "<b@x>") == "<a@x> <b@x>");
  CHECK(next_references("", "<a@x>", "<b@x>") == "<a@x> <b@x>");
  CHECK(next_references("", "<a@x> <c@x>", "<b@x>") == "<b@x>");
  CHECK(next_references("<a@x> junk <b@x>", "", "<b@x>") == "<a@x> <b@x>");
  CHECK(next_references("<a b@x> <c\n@x>", "", "none") == "");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "<" + std::to_string(i) + "@x> ";
  const auto kept = next_references(many, "", "<last@x>");
  CHECK(kept.starts_with("<0@x> <81@x> "));
  CHECK(kept.ends_with("<99@x> <last@x>"));
}

TEST_CASE("reply: nothing in it drives a terminal") {
  const std::string hostile =
      "From: a\xc2\x9b@x.test, b\xe2\x80\xae@x.test, good@x.test\n"
      "Subject: x\xc2\x9b"
      "2J\xe2\x80\xaey\x1b[1m\n";
  const auto answer = make_answer(hostile, from_line, jane, AnswerTo::all);
  CHECK(answer.to == Addresses{"good@x.test"});
  CHECK(answer.subject ==
        "Re: x\xef\xbf\xbd"
        "2J\xef\xbf\xbdy\xe2\x90\x9b[1m");
}

TEST_CASE("reply: to very many, each once, in no time") {
  std::string many = "From: a@x.test\nTo: ";
  for (int i = 0; i < 40'000; ++i)
    many.append(i == 0 ? "" : ", ")
        .append("p")
        .append(std::to_string(i / 2))
        .append(i % 2 == 0 ? "@x.test" : "@X.test");
  const auto answer = make_answer(many.append("\n"), from_line, jane, AnswerTo::all);
  CHECK(answer.to.size() == 20'001);
}
