// What a session saves and passes on: riding commands, recipients left over, DSN.
#include "tests/unit/spool/transaction_bed.h"

TEST_CASE("transaction: the next message's commands ride with the final dot") {
  Bed bed;
  bed.greet();
  Message first(text), second(text, {"c@x.test"});
  bed.next = &second.job;
  CHECK(shown(bed.session.transact(first.job)) == Lines{"delivered 2.0.0", "delivered 2.0.0"});
  const Lines ridden{"MAIL FROM:<jane@lan.example> SIZE=26", "RCPT TO:<c@x.test>", "DATA"};
  REQUIRE(bed.server.commands.size() == 8);
  CHECK(Lines(bed.server.commands.begin() + 5, bed.server.commands.end()) == ridden);
  bed.next = nullptr;
  CHECK(shown(bed.session.transact(second.job)) == Lines{"delivered 2.0.0"});
  CHECK(bed.server.messages == Lines{wire, wire});
  CHECK(bed.server.commands.size() == 9);  // nothing was said twice
  CHECK(bed.server.sends.size() == 2);     // the first group, and the one behind the dot
}

TEST_CASE(
    "transaction: what rides survives the refusal of the message before, and is refused alone") {
  Bed bed;
  bed.greet();
  Message first(text), second(text, {"c@x.test"}), third(text, {"d@x.test"});
  bed.server.replies["."] = "554 5.7.1 spam";
  bed.server.replies["RCPT TO:<c"] = "550 5.1.1 no";
  bed.next = &second.job;
  CHECK(shown(bed.session.transact(first.job)) == Lines{"failed 5.7.1", "failed 5.7.1"});
  bed.server.replies.erase(".");
  bed.next = &third.job;
  auto verdict = bed.session.transact(second.job);
  CHECK(shown(verdict) == Lines{"failed 5.1.1"});
  CHECK(verdict.session_usable);
  bed.next = nullptr;
  CHECK(shown(bed.session.transact(third.job)) == Lines{"delivered 2.0.0"});
  CHECK(bed.server.messages.back() == wire);
}

TEST_CASE("transaction: what rides with a final dot that ends the session was not begun") {
  for (const std::string reply : {"421 4.3.2 bye close", "close"}) {
    Bed bed;
    bed.greet();
    Message first(text), second(text);
    bed.server.replies["."] = reply;
    bed.next = &second.job;
    const auto verdict = bed.session.transact(first.job);
    CHECK(!verdict.session_usable);
    CHECK(verdict.in_doubt == (reply == "close"));
    bed.next = nullptr;
    const auto next = bed.session.transact(second.job);
    CHECK(!next.begun);
    CHECK(!next.in_doubt);
  }
}

TEST_CASE("transaction: no text leaves before the verdict on the message before is recorded") {
  Bed bed;
  bed.greet();
  bed.recordable = false;
  Message message(text);
  const auto verdict = bed.session.transact(message.job);
  CHECK(shown(verdict) == Lines{"delayed 4.4.2", "delayed 4.4.2"});
  CHECK(!verdict.in_doubt);
  CHECK(!verdict.session_usable);
  CHECK(bed.server.messages.empty());
}

TEST_CASE("transaction: nothing rides where pipelining is not offered") {
  Bed bed(plain_ehlo);
  bed.greet();
  Message first(text), second(text);
  bed.next = &second.job;
  CHECK(bed.session.transact(first.job).outcomes[0].kind == Kind::delivered);
  CHECK(bed.server.commands.back() == ".");
}

TEST_CASE("transaction: 452 after accepted recipients leaves the rest over for another one") {
  for (const std::string_view ehlo : {everything, plain_ehlo})
    for (const std::string reply : {"452 4.5.3 too many", "452 too many recipients"}) {
      Bed bed(ehlo);
      bed.greet();
      Lines recipients;
      for (int i = 0; i < 120; ++i) recipients.push_back(cat(i < 60 ? "a" : "b", i, "@x.test"));
      bed.server.replies["RCPT TO:<b"] = reply;
      Message message(text, recipients);
      const auto verdict = bed.session.transact(message.job);
      REQUIRE(verdict.left_over.size() == 60);
      for (std::size_t i = 0; i < 60; ++i) {
        CHECK(shown(verdict.outcomes[i]) == "delivered 2.0.0");
        CHECK(verdict.outcomes[60 + i].kind == Kind::delayed);
      }
      CHECK(bed.server.messages == Lines{wire});
      // Not all were asked in vain.
      CHECK(bed.server.commands.size() < 60 + 60 + 3);
    }
}

TEST_CASE("transaction: 452 is a delay where none was accepted or it is about something else") {
  for (const std::string reply : {"452 4.3.1 no space", "452 4.5.3 too many"}) {
    Bed bed;
    bed.greet();
    bed.server.replies[reply.starts_with("452 4.5.3") ? "RCPT" : "RCPT TO:<b"] = reply;
    Message message(text);
    const auto verdict = bed.session.transact(message.job);
    CHECK(verdict.left_over.empty());
    CHECK(verdict.outcomes[1].kind == Kind::delayed);
  }
}

TEST_CASE("transaction: what is left over is not asked for at once when no text was taken") {
  Bed bed;
  bed.greet();
  bed.server.replies["RCPT TO:<b"] = "452 4.5.3 too many";
  bed.server.replies["DATA"] = "451 4.3.0 later";
  Message message(text);
  const auto verdict = bed.session.transact(message.job);
  CHECK(verdict.left_over.empty());
  CHECK(shown(verdict) == Lines{"delayed 4.3.0", "delayed 4.5.3"});
}

TEST_CASE("transaction: DSN parameters where DSN is offered") {
  Message message(text);
  message.job.mail_parameters = " RET=HDRS ENVID=x1";
  message.job.recipient_parameters = {" NOTIFY=NEVER", ""};
  Bed bed;
  bed.greet();
  CHECK(bed.session.transact(message.job).dsn_offered);
  CHECK(bed.server.sends[0] ==
        "MAIL FROM:<jane@lan.example> SIZE=26 RET=HDRS ENVID=x1\r\n"
        "RCPT TO:<a@x.test> NOTIFY=NEVER\r\nRCPT TO:<b@x.test>\r\nDATA\r\n");
  Bed plain(plain_ehlo);
  plain.greet();
  CHECK(!plain.session.transact(message.job).dsn_offered);
  CHECK(plain.server.sends[0] == "MAIL FROM:<jane@lan.example>\r\n");
}

TEST_CASE("transaction: a refusal of MAIL for our set-up is told apart") {
  const struct {
    std::string command, reply;
    bool setup;
  } table[] = {{"MAIL", "530 5.7.0 log in first", true}, {"MAIL", "550 5.7.1 no", false},
               {"MAIL", "451 4.3.0 later", false},       {"RCPT", "530 5.7.0 log in", false},
               {"DATA", "503 5.5.1 what", true},         {"RCPT", "501 5.1.3 bad address", false}};
  for (const auto& row : table) {
    Bed bed;
    bed.greet();
    bed.server.replies[row.command] = row.reply;
    Message message(text);
    CAPTURE(row.reply);
    CHECK(bed.session.transact(message.job).our_setup == row.setup);
  }
  CHECK(spool::outcome_of({501, "5.1.3 bad address"}, "RCPT TO command", "h").kind ==
        Kind::failed);  // an address that is wrong is not our set-up
}
