// Replies that do not belong to the command they seem to answer.
#include "tests/unit/spool/transaction_bed.h"

TEST_CASE("transaction: replies out of step decide about nobody") {
  const struct {
    std::string_view command, reply;
  } table[] = {
      {"MAIL", "354 go on"},
      {"RCPT TO:<ok", "354 go on"},
      {"DATA", "250 2.0.0 what"},
      {"MAIL", "250 fine\r\n250 and more"},
      {"MAIL", "250 fine\r\n550 5.1.1 no"},
      {"RCPT TO:<ok", "250 fine\r\n250 and more"},
      {"RCPT TO:<ok", "250 fine\r\n550 5.1.1 no"},
      {"RCPT TO:<last", "550 5.1.1 no\r\n550 5.1.1 no"},
  };
  for (const std::string_view ehlo : {everything, std::string_view("250 x")})
    for (const auto& row : table) {
      Bed bed(ehlo);
      bed.server.replies["RCPT TO:<bad"] = "550 5.1.1 no such user";
      bed.server.replies[std::string(row.command)] = row.reply;
      bed.greet();
      Message message(text, {"ok@x.test", "bad@x.test", "last@x.test"});
      const auto verdict = bed.session.transact(message.job);
      CAPTURE(row.command);
      CAPTURE(row.reply);
      for (const auto& outcome : verdict.outcomes) CHECK(outcome.kind == Kind::delayed);
      CHECK(!verdict.session_usable);
      CHECK(!verdict.in_doubt);
      CHECK(bed.server.messages.empty());
      CHECK(bed.finishing == 0);
    }
}

TEST_CASE("transaction: what is said before the final dot is not the reply to it") {
  const struct {
    std::string_view unasked;
    std::string expected;
  } table[] = {
      {"250 2.0.0 taken", "delayed 4.4.2"},
      {"354 go on", "delayed 4.0.0"},
      {"452 4.3.1 full", "delayed 4.3.1"},
      {"552 5.3.4 too large", "failed 5.3.4"},
  };
  for (const auto& row : table) {
    Bed bed;
    bed.server.replies["DATA"] = cat("354 go\r\n", row.unasked);
    bed.greet();
    Message message(text);
    const auto verdict = bed.session.transact(message.job);
    CAPTURE(row.unasked);
    CHECK(shown(verdict) == Lines{row.expected, row.expected});
    CHECK(!verdict.session_usable);
    CHECK(!verdict.in_doubt);
    CHECK(bed.server.messages.empty());
    CHECK(bed.finishing == 0);
  }
}

TEST_CASE("transaction: 354 to the final dot leaves open whether the message was taken") {
  Bed bed;
  bed.server.replies["."] = "354 go on";
  bed.greet();
  Message message(text);
  const auto verdict = bed.session.transact(message.job);
  CHECK(shown(verdict) == Lines{"delayed 4.4.2", "delayed 4.4.2"});
  CHECK(verdict.in_doubt);
  CHECK(!verdict.session_usable);
}

TEST_CASE("transaction: a connection that ended before the final dot leaves no doubt") {
  Bed bed;
  bed.server.replies["DATA"] = "354 go close";
  bed.greet();
  Message message(text);
  const auto verdict = bed.session.transact(message.job);
  CHECK(shown(verdict) == Lines{"delayed 4.4.2", "delayed 4.4.2"});
  CHECK(!verdict.in_doubt);
  CHECK(bed.finishing == 0);
}

TEST_CASE("transaction: what a session is told between two messages is not about the second") {
  Bed bed;
  bed.server.replies["."] = "250 2.0.0 taken\r\n550 5.7.1 and away with you";
  bed.greet();
  Message first(text), second(text, {"c@x.test"});
  CHECK(shown(bed.session.transact(first.job)) == Lines{"delivered 2.0.0", "delivered 2.0.0"});
  const auto verdict = bed.session.transact(second.job);
  CHECK(shown(verdict) == Lines{"delayed 4.4.2"});
  CHECK(!verdict.begun);  // another session may take it at once
  CHECK(!verdict.session_usable);
}

TEST_CASE("transaction: nothing is said behind commands that are under way") {
  Bed bed;
  bed.greet();
  Message first(text), second(text, {"c@x.test"});
  bed.next = &second.job;
  CHECK(shown(bed.session.transact(first.job)) == Lines{"delivered 2.0.0", "delivered 2.0.0"});
  CHECK(bed.server.commands.back() == "DATA");
  bed.session.quit();
  CHECK(bed.server.commands.back() == "DATA");
  CHECK(bed.server.messages == Lines{wire});
}
