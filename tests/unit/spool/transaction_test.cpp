#include "spool/transaction.h"

#include "tests/unit/spool/transaction_bed.h"

TEST_CASE("transaction: pipelined, in one flight before the text") {
  Bed bed;
  bed.greet();
  Message message(text);
  const auto verdict = bed.session.transact(message.job);
  CHECK(shown(verdict) == Lines{"delivered 2.0.0", "delivered 2.0.0"});
  CHECK(verdict.outcomes[0].text == "250 2.0.0 fine");
  CHECK(verdict.session_usable);
  CHECK(verdict.begun);
  CHECK(!verdict.in_doubt);
  CHECK(bed.server.sends == Lines{"MAIL FROM:<jane@lan.example> SIZE=26\r\nRCPT TO:<a@x.test>\r\n"
                                  "RCPT TO:<b@x.test>\r\nDATA\r\n"});
  CHECK(bed.server.messages == Lines{wire});
  CHECK(bed.server.commands.back() == ".");
  CHECK(bed.finishing == 1);
  CHECK(bed.server.patience == std::vector<bool>{true, false});
  CHECK(bed.session.transact(message.job).outcomes[1].kind == Kind::delivered);
  bed.session.quit();
  CHECK(bed.server.commands.back() == "QUIT");
}

TEST_CASE("transaction: one command at a time where pipelining is not offered") {
  Bed bed(plain_ehlo);
  bed.server.piece = 1;
  bed.greet();
  Message message(text);
  CHECK(shown(bed.session.transact(message.job)) == Lines{"delivered 2.0.0", "delivered 2.0.0"});
  CHECK(bed.server.sends == Lines{"MAIL FROM:<jane@lan.example>\r\n", "RCPT TO:<a@x.test>\r\n",
                                  "RCPT TO:<b@x.test>\r\n", "DATA\r\n"});
  CHECK(bed.server.messages == Lines{wire});
}

TEST_CASE("transaction: parameters only where offered and needed") {
  const struct {
    std::string_view ehlo, text, recipient;
    std::string expected;
  } table[] = {
      {everything, "a\n\nb\n", "b@x.test", " SIZE=8"},
      {everything, "a\n\n\xc3\xa9\n", "b@x.test", " SIZE=9 BODY=8BITMIME"},
      {everything, "S: \xc3\xa9\n\n", "b@x.test", " SIZE=9 BODY=8BITMIME SMTPUTF8"},
      {everything, "a\n\n", "\xc3\xa9@x.test", " SIZE=5 SMTPUTF8"},
      {"250-x\r\n250 SIZE", "a\n\n", "b@x.test", " SIZE=5"},
      {"250-x\r\n250 size 0", "a\n\n", "b@x.test", " SIZE=5"},
      {plain_ehlo, "S: \xc3\xa9\n\n", "b@x.test", ""},
      {plain_ehlo, "a\n\n\xc3\xa9\n", "b@x.test", ""},
  };
  for (const auto& row : table) {
    Bed bed(row.ehlo);
    bed.greet();
    Message message(row.text, {std::string(row.recipient)});
    CAPTURE(row.expected);
    CHECK(bed.session.transact(message.job).outcomes[0].kind == Kind::delivered);
    CHECK(bed.server.commands[0] == cat("MAIL FROM:<jane@lan.example>", row.expected));
  }
}

TEST_CASE("transaction: eight-bit text becomes quoted-printable where it must") {
  Bed bed(plain_ehlo);
  bed.greet();
  Message message("A: b\n\n\xc3\xa9\n", {"b@x.test"});
  CHECK(bed.session.transact(message.job).outcomes[0].kind == Kind::delivered);
  REQUIRE(bed.server.messages.size() == 1);
  CHECK(bed.server.messages[0].ends_with("\r\n\r\n=C3=A9\r\n"));
  CHECK(bed.server.messages[0].find("Content-Transfer-Encoding: quoted-printable\r\n") !=
        std::string::npos);
}

TEST_CASE("transaction: each recipient has its own result") {
  for (const std::string_view ehlo : {everything, plain_ehlo}) {
    Bed bed(ehlo);
    bed.server.replies["RCPT TO:<tmp"] = "450-4.2.1 first\r\n450 4.2.1 busy";
    bed.server.replies["RCPT TO:<bad"] = "550 5.1.1 no such user";
    bed.server.replies["RCPT TO:<many"] = "552 5.5.3 too many recipients";
    bed.greet();
    Message message(text, {"ok@x.test", "tmp@x.test", "bad@x.test", "many@x.test", "ok2@x.test"});
    const auto verdict = bed.session.transact(message.job);
    CHECK(shown(verdict) == Lines{"delivered 2.0.0", "delayed 4.2.1", "failed 5.1.1",
                                  "delayed 4.5.3", "delivered 2.0.0"});
    CHECK(verdict.outcomes[1].text ==
          "host peer[1.2.3.4]:25 said: 450 4.2.1 first 4.2.1 busy (in reply to RCPT TO command)");
    CHECK(verdict.session_usable);
    CHECK(bed.server.messages.size() == 1);
  }
}

TEST_CASE("transaction: what a refusal does to the recipients, and the session goes on") {
  const struct {
    std::string_view command, reply;
    std::string expected, step;
  } table[] = {
      {"MAIL", "451 4.3.0 later", "delayed 4.3.0", "MAIL FROM"},
      {"MAIL", "550 5.7.1 go away", "failed 5.7.1", "MAIL FROM"},
      {"MAIL", "552 5.2.3 too large", "failed 5.2.3", "MAIL FROM"},
      {"RCPT", "450 later", "delayed 4.0.0", "RCPT TO"},
      {"RCPT", "550 no", "failed 5.0.0", "RCPT TO"},
      {"DATA", "451 4.3.0 later", "delayed 4.3.0", "DATA"},
      {"DATA", "554 5.6.0 no", "failed 5.6.0", "DATA"},
      {".", "452 4.3.1 full", "delayed 4.3.1", "end of DATA"},
      {".", "554 5.7.1 spam", "failed 5.7.1", "end of DATA"},
  };
  for (const std::string_view ehlo : {everything, plain_ehlo})
    for (const auto& row : table) {
      Bed bed(ehlo);
      bed.server.replies[std::string(row.command)] = row.reply;
      bed.greet();
      Message message(text);
      auto verdict = bed.session.transact(message.job);
      CAPTURE(row.command);
      CAPTURE(row.reply);
      CHECK(shown(verdict) == Lines{row.expected, row.expected});
      CHECK(verdict.outcomes[1].text.ends_with(cat("(in reply to ", row.step, " command)")));
      CHECK(!verdict.in_doubt);
      CHECK(verdict.begun);
      CHECK(verdict.session_usable);
      // The server is outside of any transaction, and the next message goes.
      const bool emptied = row.command == "RCPT" && ehlo == everything;
      CHECK(bed.server.commands.back() == (row.command == "." || emptied ? "." : "RSET"));
      bed.server.replies.erase(std::string(row.command));
      CHECK(bed.session.transact(message.job).outcomes[0].kind == Kind::delivered);
      CHECK(bed.server.messages.back() == wire);
    }
}

TEST_CASE("transaction: a server that waits for text nobody may get is given none") {
  Bed bed;
  bed.server.replies["RCPT"] = "550 5.1.1 no";
  bed.greet();
  Message message(text);
  CHECK(shown(bed.session.transact(message.job)) == Lines{"failed 5.1.1", "failed 5.1.1"});
  CHECK(bed.server.messages == Lines{""});
  CHECK(bed.finishing == 0);
}

TEST_CASE("transaction: 421, an end, silence or nonsense at any step loses nothing") {
  const std::string_view faults[] = {"421 4.3.2 bye", "421 4.3.2 bye close", "close", "silence",
                                     "nonsense",      "250-no end\r\n550 x"};
  for (const std::string_view ehlo : {everything, plain_ehlo})
    for (const std::string step : {"MAIL", "RCPT TO:<a", "RCPT TO:<b", "DATA", "."})
      for (const auto fault : faults) {
        Bed bed(ehlo);
        bed.greet();
        bed.server.replies[step] = fault;
        Message message(text);
        const auto verdict = bed.session.transact(message.job);
        CAPTURE(step);
        CAPTURE(fault);
        for (const auto& outcome : verdict.outcomes) {
          CHECK(outcome.kind == Kind::delayed);
          CHECK(outcome.status.category == 4);
        }
        CHECK(!verdict.session_usable);
        const bool farewell = fault.starts_with("421");
        CHECK(verdict.in_doubt == (step == "." && !farewell));
        CHECK(verdict.begun == (step != "MAIL"));
        const auto sent = bed.server.commands.size();
        bed.session.quit();  // nothing is said to a session that is dead
        CHECK(bed.server.commands.size() == sent);
        if (step == "RCPT TO:<a" && farewell)
          CHECK(verdict.outcomes[0].text ==
                "host peer[1.2.3.4]:25 said: 421 4.3.2 bye (in reply to RCPT TO command)");
        if (verdict.in_doubt)
          CHECK(verdict.outcomes[0].text.find(
                    "after the final dot: it is not known whether the message was taken") !=
                std::string::npos);
      }
}

TEST_CASE("transaction: what was decided before a connection is lost stays decided") {
  Bed bed(plain_ehlo);
  bed.greet();
  bed.server.replies["RCPT TO:<bad"] = "550 5.1.1 no such user";
  bed.server.replies["DATA"] = "close";
  Message message(text, {"ok@x.test", "bad@x.test"});
  CHECK(shown(bed.session.transact(message.job)) == Lines{"delayed 4.4.2", "failed 5.1.1"});
}

TEST_CASE("transaction: a server that has enough of the text is heard") {
  const std::string large = "S: x\n\n" + std::string(300'000, 'x') + "\n";
  const struct {
    std::string_view reply;
    std::string expected;
  } table[] = {
      {"552 5.3.4 too large\r\n", "failed 5.3.4"},
      {"452 4.3.1 full\r\n", "delayed 4.3.1"},
      {"421 4.3.2 bye\r\n", "delayed 4.3.2"},
      {"250 2.0.0 taken\r\n", "delayed 4.4.2"},  // nothing was sent that it could have taken
      {"nonsense\r\n", "delayed 4.4.2"},
      {"", "delayed 4.4.2"},
  };
  for (const auto& row : table) {
    Bed bed;
    bed.greet();
    bed.server.body_limit = 100'000;
    bed.server.body_reply = row.reply;
    Message message(large);
    const auto verdict = bed.session.transact(message.job);
    CAPTURE(row.reply);
    CHECK(shown(verdict) == Lines{row.expected, row.expected});
    CHECK(!verdict.in_doubt);
    CHECK(!verdict.session_usable);
    CHECK(bed.finishing == 0);
  }
}

TEST_CASE("transaction: a connection lost while the final dot is sent is in doubt") {
  Bed bed;
  bed.greet();
  bed.server.body_limit = 5;
  Message message(text);
  const auto verdict = bed.session.transact(message.job);
  CHECK(shown(verdict) == Lines{"delayed 4.4.2", "delayed 4.4.2"});
  CHECK(verdict.in_doubt);
  CHECK(bed.finishing == 1);
}

TEST_CASE("transaction: an entry that cannot be planned is delayed and troubles no server") {
  Bed bed;
  bed.greet();
  Message message(cat("S: x\n\n", std::string(2000, 'x'), "\n"));  // to be recoded
  REQUIRE(::ftruncate(message.job.descriptor, 15) == 0);
  const auto verdict = bed.session.transact(message.job);
  CHECK(verdict.outcomes[0].kind == Kind::delayed);
  CHECK(verdict.outcomes[0].text == "entry ID: shorter than it was");
  CHECK(verdict.session_usable);
  CHECK(bed.server.messages.empty());
}

TEST_CASE("transaction: an entry that is shorter than it was never gets its final dot") {
  for (const std::size_t size : {std::size_t{10}, std::size_t{200'000}}) {
    Bed bed;
    bed.greet();
    std::string lines;
    while (lines.size() < size) lines += "xxxxx\n";
    Message message(cat("S: x\n\n", lines));
    REQUIRE(::ftruncate(message.job.descriptor, 15) == 0);
    const auto verdict = bed.session.transact(message.job);
    CHECK(verdict.outcomes[0].kind == Kind::delayed);
    CHECK(verdict.outcomes[0].text == "entry ID: shorter than it was with peer[1.2.3.4]:25");
    CHECK(!verdict.session_usable);
    CHECK(!verdict.in_doubt);
    CHECK(bed.server.messages.empty());
    CHECK(bed.finishing == 0);
  }
}

TEST_CASE("transaction: what is about our own set-up never fails a recipient") {
  const std::string_view replies[] = {"500 x",       "501 x",       "502 x",       "503 x",
                                      "504 x",       "530 5.7.0 x", "534 5.7.9 x", "535 5.7.8 x",
                                      "538 5.7.1 x", "555 5.5.4 x", "550 5.7.8 x", "550 5.7.9 x",
                                      "554 5.7.11 x"};
  for (const auto reply : replies)
    for (const std::string step : {"MAIL", "RCPT", "DATA", "."}) {
      Bed bed;
      bed.server.replies[step] = reply;
      bed.greet();
      Message message(text);
      const auto verdict = bed.session.transact(message.job);
      CAPTURE(reply);
      CAPTURE(step);
      for (const auto& outcome : verdict.outcomes) {
        CHECK(outcome.kind == Kind::delayed);
        CHECK(outcome.status.category == 4);
      }
    }
}

TEST_CASE("transaction: a message over the offered size fails without a word to the server") {
  const struct {
    std::string_view offer;
    bool fails;
  } table[] = {{"SIZE 26", false},
               {"SIZE 25", true},
               {"SIZE 0", false},
               {"SIZE", false},
               {"SIZE many", false}};
  for (const auto& row : table) {
    Bed bed(cat("250-x\r\n250 ", row.offer));
    bed.greet();
    Message message(text);
    const auto verdict = bed.session.transact(message.job);
    CAPTURE(row.offer);
    CHECK(shown(verdict)[0] == (row.fails ? "failed 5.3.4" : "delivered 2.0.0"));
    CHECK(bed.server.commands.empty() == row.fails);
    CHECK(verdict.begun);
    CHECK(verdict.session_usable);
  }
}

TEST_CASE("transaction: addresses that need SMTPUTF8 fail where it is not offered, others go") {
  Bed bed(plain_ehlo);
  bed.greet();
  Message message(text, {"\xc3\xa9@x.test", "b@x.test"});
  CHECK(shown(bed.session.transact(message.job)) == Lines{"failed 5.6.7", "delivered 2.0.0"});
  CHECK(bed.server.commands ==
        Lines{"MAIL FROM:<jane@lan.example>", "RCPT TO:<b@x.test>", "DATA", "."});
  message.job.sender = rfc::Path::parse("\xc3\xa9@x.test").value();
  bed.server.commands.clear();
  CHECK(shown(bed.session.transact(message.job)) == Lines{"failed 5.6.7", "failed 5.6.7"});
  CHECK(bed.server.commands.empty());
}

TEST_CASE("transaction: at most fifty commands are under way at once") {
  for (const std::size_t count : {std::size_t{48}, std::size_t{49}, std::size_t{120}}) {
    Bed bed;
    bed.greet();
    Lines recipients;
    for (std::size_t i = 0; i < count; ++i) recipients.push_back(cat("r", i, "@x.test"));
    bed.server.replies["RCPT TO:<r7@"] = "550 5.1.1 no";
    Message message(text, recipients);
    const auto verdict = bed.session.transact(message.job);
    CAPTURE(count);
    std::size_t commands = 0;
    for (const auto& sent : bed.server.sends) {
      const auto lines = static_cast<std::size_t>(std::count(sent.begin(), sent.end(), '\n'));
      CHECK(lines <= 50);
      commands += lines;
    }
    CHECK(commands == count + 2);
    for (std::size_t i = 0; i < count; ++i)
      CHECK(shown(verdict.outcomes[i]) == (i == 7 ? "failed 5.1.1" : "delivered 2.0.0"));
    // All refused: no text, whether DATA rode along or not.
    bed.server.replies["RCPT"] = "550 5.1.1 no";
    const auto refused = bed.session.transact(message.job);
    CHECK(shown(refused.outcomes.back()) == "failed 5.1.1");
    CHECK(refused.session_usable);
    CHECK(bed.server.messages.front() == wire);
    // MAIL refused: what follows in later groups is not even asked.
    bed.server.replies.erase("RCPT");
    bed.server.replies["MAIL"] = "550 5.7.1 no";
    bed.server.sends.clear();
    CHECK(shown(bed.session.transact(message.job).outcomes.back()) == "failed 5.7.1");
    CHECK(bed.server.sends.size() == 2);
    CHECK(bed.server.sends.back() == "RSET\r\n");
  }
}

TEST_CASE("session: a refused RSET ends it") {
  Bed bed(plain_ehlo);
  bed.greet();
  bed.server.replies["MAIL"] = "451 later";
  bed.server.replies["RSET"] = "500 what";
  Message message(text);
  CHECK(!bed.session.transact(message.job).session_usable);
}

TEST_CASE("session: a farewell that came while it was idle is no result") {
  Bed bed;
  bed.greet();
  Message message(text);
  CHECK(bed.session.transact(message.job).begun);
  bed.server.replies["MAIL"] = "421 4.4.2 idle too long close";
  const auto verdict = bed.session.transact(message.job);
  CHECK(!verdict.begun);
  CHECK(!verdict.session_usable);
  CHECK(!verdict.in_doubt);
}

TEST_CASE("session: a refused greeting is our trouble, with the server's words") {
  for (const std::string_view reply :
       {"421 4.3.2 busy", "502 what", "554 5.7.1 no\x1b[2J", "close", "silence", "SSH-2.0-x"}) {
    Bed bed(reply);
    const auto greeted = bed.session.greet("me.test");
    CAPTURE(reply);
    REQUIRE(!greeted);
    CHECK(greeted.error().kind == base::Kind::retry);
    if (reply.starts_with("554"))
      CHECK(greeted.error().text == "host peer[1.2.3.4]:25 refused EHLO: 554 5.7.1 no?[2J");
  }
  Bed endless;
  endless.server.replies["EHLO"] = "250-" + std::string(100'000, 'x');
  CHECK(endless.session.greet("me.test").error().text == "a reply line without end");
}

TEST_CASE("capabilities: keywords in any case, the first line is none") {
  const auto offered = spool::capabilities(
      {250, "PIPELINING\n8bitMIME\nsize 100 \nAUTH PLAIN login\nAUTH=CRAM-MD5\nX-SMTPUTF8"});
  CHECK(!offered.pipelining);
  CHECK(offered.eight_bit);
  CHECK(!offered.utf8);
  CHECK(offered.size);
  CHECK(offered.size_limit == 100);
  CHECK(offered.auth == Lines{"plain", "login", "cram-md5"});
  CHECK(spool::capabilities({250, "x\nPipelining\nSmtpUtf8"}).utf8);
}
