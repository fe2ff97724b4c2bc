#include "mailq/requeue.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lib/base/text.h"

namespace {
using Kind = store::RecipientKind;

store::Recipient to(Kind kind, std::string original, std::string address, unsigned sender = 0) {
  return {kind, sender, "never", "rfc822;x", std::move(original), std::move(address)};
}

store::Entry entry(std::vector<store::Recipient> recipients, std::string done) {
  store::Entry made;
  made.envelope.senders.resize(2);
  made.envelope.recipients = std::move(recipients);
  made.done = std::move(done);
  return made;
}

std::string shown(const manage::Requeued& requeued) {
  std::string text;
  for (std::size_t i = 0; i < requeued.statuses.size(); ++i) {
    const auto& each = requeued.envelope.recipients[i];
    text += base::cat(requeued.statuses.substr(i, 1), std::string(1, static_cast<char>(each.kind)),
                      each.sender, " ", each.original, " ", each.address, "\n");
  }
  return text;
}
}  // namespace

TEST_CASE("requeue: what was not expanded stays as it is") {
  CHECK(shown(manage::requeued(
            entry({to(Kind::unqualified, "root", "root"), to(Kind::address, "a@x.test", "a@x.test"),
                   to(Kind::mailbox, "\\jane", "jane")},
                  "..."))) == ".u0 root root\n.a0 a@x.test a@x.test\n.m0 \\jane jane\n");
  CHECK(shown(manage::requeued(
            entry({to(Kind::address, "", "a@x.test"), to(Kind::address, "", "b@x.test")}, ".."))) ==
        ".a0  a@x.test\n.a0  b@x.test\n");
}

TEST_CASE("requeue: the members of a list become the list again, once") {
  CHECK(
      shown(manage::requeued(entry(
          {to(Kind::remote, "root", "a@x.test", 1), to(Kind::mailbox, "root", "jane", 1),
           to(Kind::command, "root", "|cat"), to(Kind::local_user, "bob", "bob"),
           to(Kind::remote, "list@lan.example", "c@x.test", 1), to(Kind::other_user, "bob", "eve")},
          "......"))) == ".u0 root root\n.u0 bob bob\n.a0 list@lan.example list@lan.example\n");
}

TEST_CASE("requeue: what is done stays done, and its list comes back beside it") {
  const auto made = manage::requeued(
      entry({to(Kind::remote, "root", "a@x.test", 1), to(Kind::remote, "root", "b@x.test", 1),
             to(Kind::file, "root", "/tmp/x"), to(Kind::remote, "eve", "eve@x.test")},
            "D.XB"));
  CHECK(shown(made) == "Ds1 root a@x.test\n.u0 root root\nX/0 root /tmp/x\nBs0 eve eve@x.test\n");
  CHECK(made.envelope.senders.size() == 2);
  CHECK(made.envelope.recipients[1].notify == "never");
  CHECK(made.envelope.recipients[1].orcpt == "rfc822;x");
}
