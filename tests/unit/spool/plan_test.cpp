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
  auto job = spool::job_of(mail, {}, plan.batches[0], settings({}).site);
  CHECK(job.sender.text() == "jane@lan.example");
  CHECK(job.recipients[1].text() == "c@x.test");
  CHECK(job.recipient_parameters.empty());
  CHECK(plan.decided.empty());
  mail.done = "D.D";
  plan = spool::plan(mail, settings({smarthost()}));
  job = spool::job_of(mail, {}, plan.batches[0], settings({}).site);
  CHECK(job.recipients[0].text() == "b@lan.example");
}

TEST_CASE("plan: what was expanded goes to an agent one by one, what was not waits") {
  enum Way { smarthost_way, mailboxes, commands, nowhere };
  const struct {
    Kind kind;
    std::string address;
    Way way;
  } table[] = {
      {Kind::unqualified, "root", nowhere},
      {Kind::address, "root@localhost", nowhere},
      {Kind::address, "root@BOX", nowhere},
      {Kind::address, "root@lan.example", smarthost_way},
      {Kind::address, "not an address", nowhere},
      {Kind::local_user, "jane", nowhere},
      {Kind::remote, "root@localhost", smarthost_way},
      {Kind::mailbox, "jane", mailboxes},
      {Kind::file, "/x", mailboxes},
      {Kind::command, "cat", commands},
      {Kind::other_user, "tom", commands},
  };
  for (const auto& row : table) {
    CAPTURE(row.address);
    const auto made = settings({smarthost()});
    const auto plan = spool::plan(entry({{row.kind, row.address}, {row.kind, row.address}}), made);
    if (row.way == nowhere) {
      REQUIRE(plan.decided.size() == 2);
      CHECK(plan.decided[0].outcome.kind == rfc::Outcome::Kind::delayed);
      continue;
    }
    CHECK(plan.decided.empty());
    REQUIRE(plan.batches.size() == (row.way == smarthost_way ? 1 : 2));
    CHECK(plan.batches[0].smarthost == row.way);
  }
}

TEST_CASE("plan: a mailbox that is a command's is the commands' business") {
  auto made = settings({});
  made.local.mailbox = "|procmail";
  const auto plan = spool::plan(entry({{Kind::mailbox, "jane"}}), made);
  REQUIRE(plan.batches.size() == 1);
  CHECK(plan.batches[0].smarthost == made.commands());
}

TEST_CASE("plan: who was decided about is not planned for") {
  const rfc::Outcome waits{rfc::Outcome::Kind::delayed, {4, 0, 0}, "why"};
  const auto plan = spool::plan(entry({{Kind::unqualified, "jane"}, {Kind::address, "a@x.test"}}),
                                settings({smarthost()}), {{0, waits, true}});
  REQUIRE(plan.batches.size() == 1);
  CHECK(plan.batches[0].recipients == Indices{1});
  REQUIRE(plan.decided.size() == 1);
  CHECK(plan.decided[0].outcome.text == "why");
}

TEST_CASE("plan: without a smarthost mail waits and says why") {
  const auto mail = entry({{Kind::address, "a@x.test"}});
  CHECK(spool::plan(mail, settings({})).decided[0].outcome.text == "no smarthost is configured");
  CHECK(spool::plan(mail, settings({smarthost({"other@x.test"})})).decided[0].outcome.text ==
        "no smarthost is configured for this sender and recipient");
}

TEST_CASE("plan: the null sender stays null") {
  const auto plan =
      spool::plan(entry({{Kind::address, "a@x.test"}}, {""}), settings({smarthost()}));
  const auto mail = entry({{Kind::address, "a@x.test"}}, {""});
  CHECK(spool::job_of(mail, {}, plan.batches[0], settings({}).site).sender.null());
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
    shown += cat(batch.smarthost, ":", batch.sender);
    for (const auto i : batch.recipients) shown += cat(" ", i);
    shown += "; ";
  }
  CHECK(shown == "1:0 0 2; 0:0 1; 1:1 3; 1:0 4; ");
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

TEST_CASE("plan: routes come before patterns") {
  auto made = settings({smarthost(), smarthost()});
  made.smarthosts[1].only_routed = true;
  made.routes.add("x.test", spool::ToSmarthost{1});
  made.routes.add("boss@x.test", spool::ToSmarthost{0});
  made.routes.add(".y.test", spool::ToNowhere{{5, 7, 0}, "550 no such department"});
  made.routes.add("here.test", spool::ToThisMachine{});
  const auto mail = entry({{Kind::address, "a@X.test"},
                           {Kind::address, "Boss@x.test"},
                           {Kind::address, "c@sub.y.test"},
                           {Kind::address, "d@here.test"},
                           {Kind::address, "e@y.test"}});
  const auto plan = spool::plan(mail, made);
  REQUIRE(plan.batches.size() == 2);
  CHECK(plan.batches[0].smarthost == 1);
  CHECK(plan.batches[0].recipients == Indices{0});
  CHECK(plan.batches[1].smarthost == 0);
  CHECK(plan.batches[1].recipients == Indices{1, 4});
  REQUIRE(plan.decided.size() == 2);
  CHECK(plan.decided[0].outcome.kind == rfc::Outcome::Kind::failed);
  CHECK(plan.decided[0].outcome.status.text() == "5.7.0");
  CHECK(plan.decided[1].outcome.kind == rfc::Outcome::Kind::delayed);
  // Nobody goes by default where only a route leads.
  made.smarthosts.erase(made.smarthosts.begin());
  made.smarthosts[0].only_routed = true;
  CHECK(!spool::smarthost_for(made, {}, rfc::Path::parse("z@z.test").value()));
}

TEST_CASE("plan: what DSN wants goes along") {
  auto mail = entry({{Kind::address, "a@x.test"}, {Kind::address, "b@x.test"}});
  mail.envelope.senders[0].ret = "hdrs";
  mail.envelope.senders[0].envid = "e+20";
  mail.envelope.recipients[1].notify = "success,failure";
  mail.envelope.recipients[1].orcpt = "rfc822;B@x.test";
  const auto plan = spool::plan(mail, settings({smarthost()}));
  const auto job = spool::job_of(mail, {}, plan.batches[0], settings({}).site);
  CHECK(job.mail_parameters == " RET=HDRS ENVID=e+20");
  CHECK(job.recipient_parameters ==
        std::vector<std::string>{"", " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;B@x.test"});
}
