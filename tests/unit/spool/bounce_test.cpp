#include "spool/bounce.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/unit/folder.h"

namespace {
using namespace std::chrono_literals;
using spool::Notice;

const base::Time noon(1'795'175'767s);

struct Bed {
  Bed() {
    settings.site.domain = settings.site.host_name = "box.lan.example";
    settings.site.local = {"localhost"};
    settings.smarthosts.resize(1);
    who.uid = ::geteuid();
  }
  store::EntryName stored(std::string_view text, const std::string& sender = "jane@sender.test") {
    store::Envelope envelope;
    envelope.arrival = noon;
    envelope.senders.push_back({rfc::Path::parse(sender).value(), "", ""});
    for (const auto* address : {"a@x.test", "b@x.test"})
      envelope.recipients.push_back({store::RecipientKind::address, 0, "", "", address, address});
    auto draft = store::Draft::create(spool, noon).value();
    REQUIRE(draft.begin(envelope, text, 0));
    REQUIRE(draft.finish(""));
    const auto size = draft.size();
    return {draft.commit().value(), 0, size};
  }
  store::Entry read(const store::QueueId& id) const {
    const auto listing = store::list(spool).value();
    for (const auto& name : listing.entries)
      if (name.id == id) return store::read_entry(spool, name).value();
    FAIL("no such entry");
    return {};
  }
  std::size_t count() const { return store::list(spool).value().entries.size(); }

  Folder folder;
  store::Spool spool = store::Spool::create(folder / "spool", ::geteuid()).value();
  spool::Settings settings;
  base::Identity who;
};

std::vector<spool::Judged> judged(const std::vector<std::size_t>& recipients) {
  std::vector<spool::Judged> made;
  for (const auto i : recipients)
    made.push_back({i, {rfc::Outcome::Kind::failed, {5, 1, 1}, "550 5.1.1 no"}});
  return made;
}

base::Result<store::QueueId> told(spool::Bouncer& bouncer, const store::Lease& lease,
                                  const std::vector<spool::Judged>& recipients,
                                  Notice::Kind kind = Notice::Kind::failed) {
  return bouncer.commit({lease, kind, 0, recipients, noon + 60s, noon + 120h});
}
}  // namespace

TEST_CASE("bounce: an entry without a sender, for the sender, that names its parent") {
  Bed bed;
  const auto name = bed.stored("Subject: x\nMessage-ID: <1@x>\n\nbody\n");
  const auto lease = store::Lease::take(bed.spool, name).value();
  spool::Bouncer bouncer(bed.spool, bed.settings, bed.who);
  const auto id = told(bouncer, *lease, judged({1}));
  REQUIRE(id);
  const auto entry = bed.read(id.value());
  CHECK(spool::parent_of(entry.envelope) == name.id);
  CHECK(!spool::parent_of(lease->entry().envelope));
  REQUIRE(entry.envelope.recipients.size() == 1);
  CHECK(entry.envelope.recipients[0].address == "jane@sender.test");
  CHECK(entry.envelope.recipients[0].kind == store::RecipientKind::address);
}

TEST_CASE("bounce: one that is there already is found, and one for others is another") {
  Bed bed;
  const auto name = bed.stored("Subject: x\n\nbody\n");
  const auto lease = store::Lease::take(bed.spool, name).value();
  spool::Bouncer first(bed.spool, bed.settings, bed.who);
  const auto id = told(first, *lease, judged({1})).value();
  spool::Bouncer second(bed.spool, bed.settings, bed.who);
  second.know(store::list(bed.spool).value().entries);
  CHECK(told(second, *lease, judged({1})).value() == id);
  CHECK(bed.count() == 2);
  CHECK(told(second, *lease, judged({0})).value() != id);
  CHECK(told(second, *lease, judged({1}), Notice::Kind::delivered).value() != id);
  CHECK(bed.count() == 4);
}

TEST_CASE("bounce: a delay is told of once, whomever it concerns") {
  Bed bed;
  const auto name = bed.stored("Subject: x\n\nbody\n");
  const auto lease = store::Lease::take(bed.spool, name).value();
  spool::Bouncer bouncer(bed.spool, bed.settings, bed.who);
  const auto id = told(bouncer, *lease, judged({0, 1}), Notice::Kind::delayed).value();
  bouncer.know(store::list(bed.spool).value().entries);
  CHECK(told(bouncer, *lease, judged({1}), Notice::Kind::delayed).value() == id);
  CHECK(bed.count() == 2);
}

TEST_CASE("bounce: what cannot take its way goes to the owner of the spool") {
  Bed bed;
  const auto name = bed.stored("Subject: x\n\nbody\n");
  const auto lease = store::Lease::take(bed.spool, name).value();
  spool::Bouncer bouncer(bed.spool, bed.settings, bed.who);
  CHECK(bouncer.way_to(rfc::Path::parse("jane@sender.test").value()) == 0);
  CHECK(!bouncer.way_to(rfc::Path::parse("jane").value()));
  auto recipients = judged({0});
  recipients[0].failing_smarthost = 1;  // another one
  auto id = told(bouncer, *lease, recipients).value();
  CHECK(bed.read(id).envelope.recipients[0].address == "jane@sender.test");
  recipients = judged({1});
  recipients[0].failing_smarthost = 0;
  id = told(bouncer, *lease, recipients).value();
  CHECK(bed.read(id).envelope.recipients[0].address == bed.who.login());
  CHECK(bed.read(id).envelope.recipients[0].kind == store::RecipientKind::mailbox);
}

TEST_CASE("bounce: the header of an entry, and how often it was passed on") {
  Bed bed;
  const auto header = [&](std::string_view text, std::size_t limit) {
    const auto name = bed.stored(text);
    const auto lease = store::Lease::take(bed.spool, name).value();
    return spool::header_of(lease->descriptor(), lease->entry(), limit);
  };
  CHECK(header("A: 1\nB: 2\n\nbody\n\n", 1000) == "A: 1\nB: 2\n");
  CHECK(header("A: 1\nB: 2\n", 1000) == "A: 1\nB: 2\n");
  CHECK(header("A: 1\nB: 2\n\nbody\n", 7) == "A: 1\n");
  CHECK(header("\nA: 1\n\n", 1000).empty());
  CHECK(spool::hops("") == 0);
  CHECK(spool::hops("Received: a\n\tReceived: b\nRECEIVED : c\nX-Received: d\nreceived: e\n") == 3);
}
