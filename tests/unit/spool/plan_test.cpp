#include "spool/plan.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lib/base/text.h"

namespace {
using base::cat;
using Kind = store::RecipientKind;
using Indices = std::vector<std::size_t>;

spool::Settings settings(std::vector<spool::Smarthost> smarthosts) {
  spool::Settings made;
  made.site.domain = "lan.example";
  made.site.local = {"localhost", "box"};
  made.smarthosts = std::move(smarthosts);
  return made;
}

spool::Smarthost smarthost(std::vector<std::string> senders = {},
                           std::vector<std::string> recipients = {}) {
  spool::Smarthost made;
  made.senders = std::move(senders);
  made.recipients = std::move(recipients);
  return made;
}

store::Entry entry(const std::vector<std::pair<Kind, std::string>>& recipients,
                   const std::vector<std::string>& senders = {"jane"}) {
  store::Entry made;
  for (const auto& each : senders)
    made.envelope.senders.push_back({rfc::Path::parse(each).value(), "", ""});
  for (const auto& [kind, address] : recipients)
    made.envelope.recipients.push_back({kind, 0, "", "", address, address});
  made.done = std::string(recipients.size(), store::pending);
  return made;
}
}  // namespace

TEST_CASE("plan: pending recipients only, all in one batch, qualified") {
  auto mail =
      entry({{Kind::address, "a@x.test"}, {Kind::remote, "b"}, {Kind::address, "c@x.test"}});
  mail.done = ".D.";
  auto plan = spool::plan(mail, settings({smarthost()}));
  REQUIRE(plan.batches.size() == 1);
  CHECK(plan.batches[0].recipients == Indices{0, 2});
  CHECK(plan.batches[0].sender.text() == "jane@lan.example");
  CHECK(plan.batches[0].paths[1].text() == "c@x.test");
  CHECK(plan.waiting.empty());
  mail.done = "D.D";
  plan = spool::plan(mail, settings({smarthost()}));
  CHECK(plan.batches[0].paths[0].text() == "b@lan.example");
}

TEST_CASE("plan: what stays on this machine waits for local delivery") {
  const struct {
    Kind kind;
    std::string address;
    bool waits;
  } table[] = {
      {Kind::unqualified, "root", true},       {Kind::address, "root@localhost", true},
      {Kind::address, "root@BOX", true},       {Kind::address, "root@lan.example", false},
      {Kind::local_user, "jane", true},        {Kind::mailbox, "jane", true},
      {Kind::command, "|cat", true},           {Kind::file, "/x", true},
      {Kind::other_user, "tom", true},         {Kind::remote, "root@localhost", false},
      {Kind::address, "not an address", true},
  };
  for (const auto& row : table) {
    const auto plan = spool::plan(entry({{row.kind, row.address}}), settings({smarthost()}));
    CAPTURE(row.address);
    CHECK(plan.waiting.size() == (row.waits ? 1 : 0));
    CHECK(plan.batches.size() == (row.waits ? 0 : 1));
    if (row.waits) CHECK(plan.waiting[0].outcome.kind == rfc::Outcome::Kind::delayed);
  }
}

TEST_CASE("plan: without a smarthost mail waits and says why") {
  const auto mail = entry({{Kind::address, "a@x.test"}});
  CHECK(spool::plan(mail, settings({})).waiting[0].outcome.text == "no smarthost is configured");
  CHECK(spool::plan(mail, settings({smarthost({"other@x.test"})})).waiting[0].outcome.text ==
        "no smarthost is configured for this sender and recipient");
}

TEST_CASE("plan: the null sender stays null") {
  const auto plan =
      spool::plan(entry({{Kind::address, "a@x.test"}}, {""}), settings({smarthost()}));
  CHECK(plan.batches[0].sender.null());
}

TEST_CASE("plan: batches by smarthost, by sender and by size") {
  auto small = smarthost();
  small.recipients_per_transaction = 2;
  auto mail = entry({{Kind::address, "a@x.test"},
                     {Kind::address, "b@y.test"},
                     {Kind::address, "c@x.test"},
                     {Kind::address, "d@x.test"},
                     {Kind::address, "e@x.test"}},
                    {"jane", "owner-list"});
  mail.envelope.recipients[3].sender = 1;
  const auto plan = spool::plan(mail, settings({smarthost({}, {"@y.test"}), small}));
  std::string shown;
  for (const auto& batch : plan.batches) {
    shown += cat(batch.smarthost, ":", batch.sender.local());
    for (const auto i : batch.recipients) shown += cat(" ", i);
    shown += "; ";
  }
  CHECK(shown == "1:jane 0 2; 0:jane 1; 1:owner-list 3; 1:jane 4; ");
}

TEST_CASE("smarthost: the first whose patterns fit, before the general one") {
  const std::vector<spool::Smarthost> list{
      smarthost(), smarthost({"@work.test"}), smarthost({}, {"*@lists.test", "boss@work.test"}),
      smarthost({"jane@home.test"}, {"@home.test"}), smarthost({"?@x.test"})};
  const auto chosen = [&](std::string_view sender, std::string_view recipient) {
    return *spool::choose_smarthost(list, rfc::Path::parse(sender).value(),
                                    rfc::Path::parse(recipient).value());
  };
  CHECK(chosen("a@other.test", "b@other.test") == 0);
  CHECK(chosen("a@work.test", "b@other.test") == 1);
  CHECK(chosen("A@WORK.TEST", "b@other.test") == 1);
  CHECK(chosen("a@sub.work.test", "b@other.test") == 0);
  CHECK(chosen("a@work.test", "b@lists.test") == 1);
  CHECK(chosen("a@other.test", "b@lists.test") == 2);
  CHECK(chosen("a@other.test", "boss@work.test") == 2);
  CHECK(chosen("jane@home.test", "b@home.test") == 3);
  CHECK(chosen("jane@home.test", "b@other.test") == 0);
  CHECK(chosen("a@x.test", "b@other.test") == 4);
  CHECK(chosen("ab@x.test", "b@other.test") == 0);
  CHECK(chosen("<>", "b@other.test") == 0);
}
