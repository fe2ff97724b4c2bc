#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "lib/store/queue.h"
#include "lib/store/why.h"
#include "tests/unit/folder.h"

namespace {
using base::cat;

const base::Time noon = base::Time(std::chrono::microseconds(1'795'175'767'123'456));
const base::Time later = noon + std::chrono::hours(3);

rfc::Path path(std::string_view text) { return rfc::Path::parse(text).value(); }

store::Envelope envelope(const std::vector<std::string>& recipients) {
  store::Envelope made;
  made.arrival = noon;
  made.uid = 7;
  made.senders.push_back({path("jane@lan.example"), "hdrs", "q"});
  for (const auto& each : recipients)
    made.recipients.push_back({store::RecipientKind::address, 0, "never", "", "root", each});
  return made;
}

struct Bed {
  Folder folder;
  store::Spool spool = store::Spool::create(folder / "spool", ::geteuid()).value();
  std::string text;

  explicit Bed(std::string message) : text(std::move(message)) {
    auto draft = store::Draft::create(spool, noon);
    REQUIRE(draft);
    REQUIRE(draft.value().begin(envelope({"a@x.test"}), text, 20));
    REQUIRE(draft.value().finish(""));
    REQUIRE(draft.value().commit());
  }
  std::vector<std::string> names(const char* part) const {
    std::vector<std::string> found;
    for (const auto& item : std::filesystem::directory_iterator(cat(spool.path(), "/", part)))
      found.push_back(item.path().filename());
    return found;
  }
  store::Lease lease() const {
    const auto listing = store::list(spool);
    REQUIRE((listing && listing.value().entries.size() == 1));
    auto taken = store::Lease::take(spool, listing.value().entries[0]);
    REQUIRE((taken && taken.value()));
    return std::move(*taken.value());
  }
  std::string message(const store::Lease& lease) const {
    std::string found(lease.name().size - lease.entry().message_offset, '\0');
    REQUIRE(::pread(lease.descriptor(), found.data(), found.size(),
                    static_cast<off_t>(lease.entry().message_offset)) ==
            static_cast<ssize_t>(found.size()));
    return found;
  }
};
}  // namespace

TEST_CASE("generation: another envelope, the same message, state and time") {
  for (const auto& text : {std::string("Subject: x\n\nbody\n"), std::string("no end"),
                           cat("X: y\n\n", std::string(200'000, 'z'), "\n")}) {
    const Bed bed(text);
    auto lease = bed.lease();
    REQUIRE(lease.set_held(true));
    REQUIRE(lease.set_next_attempt(later));
    const auto before = lease.name();
    auto next = envelope({"b@y.test", "c@y.test", "d@y.test"});
    next.senders.push_back({path("owner-list@x.test"), "", ""});
    next.recipients[2].sender = 1;
    REQUIRE(lease.replace(next, ".DB"));
    CHECK(lease.name().id == before.id);
    CHECK(lease.name().generation == 1);
    CHECK(bed.names("queue") == std::vector{lease.name().text()});
    CHECK(bed.names("tmp").empty());
    CHECK(bed.message(lease) == text);
    std::string buffer;
    const auto found = store::read_snapshot(bed.spool, lease.name(), buffer);
    REQUIRE(found);
    const auto& entry = found.value().entry;
    CHECK(found.value().leased);
    CHECK(found.value().next_attempt == later);
    CHECK((entry.held && !entry.delay_notified));
    CHECK(entry.done == ".DB");
    CHECK(entry.facts == lease.entry().facts);
    CHECK(entry.envelope.uid == 7);
    CHECK(entry.envelope.arrival == noon);
    CHECK(entry.envelope.senders[0].envid == "q");
    CHECK(entry.envelope.senders[1].path.text() == "owner-list@x.test");
    CHECK(entry.envelope.recipients[2].address == "d@y.test");
    CHECK(entry.envelope.recipients[2].sender == 1);
  }
}

TEST_CASE("generation: the lease goes over to the new file, which is recorded in from then on") {
  const Bed bed("Subject: x\n\n");
  auto lease = bed.lease();
  REQUIRE(lease.replace(envelope({"b@y.test", "c@y.test"}), ".."));
  REQUIRE(lease.record({1}, store::delivered));
  REQUIRE(lease.replace(envelope({"e@y.test"}), "."));
  CHECK(lease.name().generation == 2);
  REQUIRE(lease.record({0}, store::delivered));
  CHECK(lease.all_done());
  CHECK(store::read_entry(bed.spool, lease.name()).value().done == "D");
  REQUIRE(lease.remove());
  CHECK(bed.names("queue").empty());
}

TEST_CASE("generation: reasons are forgotten, since they name recipients by number") {
  const Bed bed("Subject: x\n\n");
  auto lease = bed.lease();
  store::Why why;
  why.set(0, {"4.4.1", "refused"});
  REQUIRE(store::save_why(bed.spool, lease.name().id, why));
  REQUIRE(lease.replace(envelope({"b@y.test"}), "."));
  CHECK(bed.names("why").empty());
}

TEST_CASE("generation: what cannot be written changes nothing") {
  const Bed bed("Subject: x\n\n");
  auto lease = bed.lease();
  const auto before = lease.name();
  for (const auto& [next, statuses] :
       {std::pair(envelope({}), ""), std::pair(envelope({""}), "."),
        std::pair(envelope({"b@y.test"}), ".."), std::pair(envelope({"b@y.test"}), "x")}) {
    const auto replaced = lease.replace(next, statuses);
    REQUIRE_FALSE(replaced);
    CHECK(replaced.error().kind == base::Kind::data);
    CHECK(bed.names("queue") == std::vector{before.text()});
    CHECK(bed.names("tmp").empty());
  }
  REQUIRE(lease.record({0}, store::delivered));
  CHECK(store::read_entry(bed.spool, before).value().done == "D");
}
