#include "lib/store/queue.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "tests/unit/folder.h"

namespace {
using namespace std::string_literals;
using base::cat;
using store::EntryName;
using store::QueueId;

base::Time at(std::int64_t micros) { return base::Time(std::chrono::microseconds(micros)); }
const base::Time noon = at(1'795'175'767'123'456);

struct Bed {
  Folder folder;
  store::Spool spool = store::Spool::create(folder / "spool", ::geteuid()).value();
  std::string path(std::string_view part) const { return cat(spool.path(), "/", part); }
  std::vector<std::string> names(const char* part) const {
    std::vector<std::string> found;
    for (const auto& item : std::filesystem::directory_iterator(path(part)))
      found.push_back(item.path().filename());
    std::sort(found.begin(), found.end());
    return found;
  }
};

store::Envelope envelope(std::size_t recipients = 1) {
  store::Envelope made;
  made.arrival = noon;
  made.uid = 7;
  made.senders.push_back({rfc::Path::parse("jane@lan.example").value(), "", ""});
  for (std::size_t i = 0; i < recipients; ++i)
    made.recipients.push_back(
        {store::RecipientKind::remote, 0, "", "", cat("r", i, "@x.test"), cat("r", i, "@x.test")});
  return made;
}

EntryName stored(const store::Spool& spool, std::string_view text, std::size_t recipients = 1,
                 base::Time time = noon) {
  auto draft = store::Draft::create(spool, time);
  REQUIRE(draft);
  REQUIRE(draft.value().begin(envelope(recipients), text, 0));
  REQUIRE(draft.value().finish(""));
  const auto size = draft.value().size();
  const auto id = draft.value().commit();
  REQUIRE(id);
  return {id.value(), 0, size};
}
}  // namespace

TEST_CASE("queue id: the order of names is the order of time") {
  const std::int64_t times[] = {0,
                                1,
                                31,
                                32,
                                1'000'000,
                                1'795'175'767'123'455,
                                1'795'175'767'123'456,
                                4'102'444'800'000'000,
                                36'028'797'018'963'967};
  for (std::size_t i = 1; i < std::size(times); ++i) {
    CAPTURE(times[i]);
    CHECK(QueueId::draw(at(times[i - 1]), 0xffffffff) < QueueId::draw(at(times[i]), 0));
    CHECK(QueueId::draw(at(times[i - 1]), 0xffffffff).text() <
          QueueId::draw(at(times[i]), 0).text());
  }
  CHECK(QueueId::draw(at(0), 0).text() == "000000000000000");
  CHECK(QueueId::draw(at(33), 1).text() == "000000000111000");
  CHECK(QueueId::draw(at(-5), 0).text() == "000000000000000");  // a clock before 1970
  CHECK(QueueId::draw(noon, 1) != QueueId::draw(noon, 2));
}

TEST_CASE("queue id: one derived is always the same, directly behind its parent") {
  const auto parent = QueueId::draw(noon, 77);
  const auto id = QueueId::derived(parent, "failed 0 0");
  CHECK(id == QueueId::derived(parent, "failed 0 0"));
  CHECK(parent < id);
  CHECK(id < QueueId::draw(noon + std::chrono::microseconds(2), 0));
  CHECK(QueueId::parse(id.text()) == id);
  for (const auto* other : {"failed 0 1", "failed 1 0", "delayed 0", "", "failed 0 0 "})
    CHECK(QueueId::derived(parent, other) != id);
  CHECK(QueueId::derived(QueueId::draw(noon, 78), "failed 0 0") != id);
}

TEST_CASE("queue id: only its own alphabet and length is one") {
  CHECK(QueueId::parse("01MVAH3Q4400V0V")->text() == "01MVAH3Q4400V0V");
  for (const auto& text : {""s, "0"s, "01MVAH3Q4400V0"s, "01MVAH3Q4400V0V0"s, "01MVAH3Q4400V0v"s,
                           "01MVAH3Q4400V0W"s, "01MVAH3Q4400V0/"s, "01MVAH3Q4400V0\0"s}) {
    CAPTURE(text);
    CHECK(!QueueId::parse(text));
  }
}

TEST_CASE("entry name: one spelling for one name") {
  const std::string id = "01MVAH3Q4400V0V";
  for (const auto& tail : {".0-1", ".0-0", ".4294967295-18446744073709551615", ".12-300"}) {
    const auto name = EntryName::parse(id + tail);
    REQUIRE(name);
    CHECK(name->text() == id + tail);
  }
  CHECK(EntryName::parse(id + ".3-77")->generation == 3);
  CHECK(EntryName::parse(id + ".3-77")->size == 77);
  for (const auto* tail : {"", ".", ".0", ".0-", ".-1", ".00-1", ".0-01", ".01-1", ".0-1 ", " .0-1",
                           ".0-1-2", ".+0-1", ".0-+1", ".0x1-1", ".4294967296-1",
                           ".0-18446744073709551616", ".0-1.new", "-0.1", ".a-1"}) {
    CAPTURE(tail);
    CHECK(!EntryName::parse(id + tail));
  }
  CHECK(!EntryName::parse("01mvah3q4400v0v.0-1"));
  CHECK(!EntryName::parse("01MVAH3Q4400V0.0-1"));
}

TEST_CASE("draft: late fields stand behind the top, and every fact is that of the whole message") {
  for (const auto& late : {""s, "X: y\n"s, "M: \xc3\xa9\n"s, std::string(39, 'z') + "\n"}) {
    for (const std::size_t body_size : {std::size_t{10}, std::size_t{200'000}}) {
      Bed bed;
      auto draft = store::Draft::create(bed.spool, noon);
      REQUIRE(draft);
      const std::string top = cat("Received: by x id ", draft.value().id().text(), "\n");
      const std::string rest = cat("Subject: s\n\n.\n", std::string(body_size, 'b'), "\n");
      REQUIRE(draft.value().begin(envelope(), top, 40));
      REQUIRE(draft.value().append(rest));
      REQUIRE(draft.value().finish(late));
      REQUIRE(draft.value().finish(late));  // once more, as after a failure
      const auto id = draft.value().commit();
      REQUIRE(id);
      CHECK(id.value() == draft.value().id());
      const auto names = bed.names("queue");
      REQUIRE(names.size() == 1);
      const auto text = Folder::content(bed.path("queue/" + names[0]));
      const auto name = EntryName::parse(names[0]);
      REQUIRE(name);
      CHECK(name->id == id.value());
      CHECK(name->size == text.size());
      auto entry = store::read_entry(bed.spool, *name);
      REQUIRE_MESSAGE(entry, entry.error().text);
      const std::string message = cat(top, late, rest);
      CHECK(text.substr(entry.value().message_offset) == message);
      store::FactCounter counter;
      counter.append(message);
      CHECK(entry.value().facts == counter.facts());
      CHECK(bed.names("tmp").empty());
    }
  }
}

TEST_CASE("draft: what is not committed leaves nothing") {
  Bed bed;
  {
    auto draft = store::Draft::create(bed.spool, noon);
    REQUIRE(draft);
    CHECK(bed.names("tmp").size() == 1);
    REQUIRE(draft.value().begin(envelope(), "", 10));
    REQUIRE(draft.value().append(std::string(100'000, 'x')));
    CHECK(!draft.value().finish("more than there is room for\n"));
    CHECK(!draft.value().commit());
  }
  CHECK(bed.names("tmp").empty());
  CHECK(bed.names("queue").empty());
}

TEST_CASE("draft: one whose ID is fixed has it, and takes no other one's place") {
  Bed bed;
  const auto id = QueueId::derived(QueueId::draw(noon, 77), "failed 0 0");
  const auto commit = [&](std::string_view text) {
    auto draft = store::Draft::create_as(bed.spool, id);
    REQUIRE(draft);
    REQUIRE(draft.value().begin(envelope(), text, 0));
    REQUIRE(draft.value().finish(""));
    return draft.value().commit();
  };
  CHECK(commit("S: x\n\none\n").value() == id);
  const auto names = bed.names("queue");
  REQUIRE(names.size() == 1);
  CHECK(names[0].starts_with(id.text()));
  const auto before = Folder::content(bed.path("queue/" + names[0]));
  const auto again = commit("S: x\n\ntwo\n");  // equally large
  REQUIRE(!again);
  CHECK(again.error().system_error == EEXIST);
  CHECK(bed.names("queue") == names);
  CHECK(Folder::content(bed.path("queue/" + names[0])) == before);
  CHECK(bed.names("tmp").empty());
}

TEST_CASE("draft: moved to memory it is the same file, wherever it had got to") {
  for (const std::size_t size : {std::size_t{10}, std::size_t{300'000}}) {
    Bed bed;
    auto draft = store::Draft::create(bed.spool, noon);
    REQUIRE(draft);
    REQUIRE(draft.value().begin(envelope(), "T: t\n", 10));
    REQUIRE(draft.value().append(cat("\n", std::string(size, 'x'))));
    REQUIRE(draft.value().move_to_memory());
    CHECK(bed.names("tmp").empty());
    REQUIRE(draft.value().append("tail\n"));
    REQUIRE(draft.value().finish("L: l\n"));
    std::string text(draft.value().size(), '\0');
    CHECK(base::read_at(draft.value().descriptor(), text, 0, "memory").value() == text.size());
    const auto entry = store::parse_entry(text);
    REQUIRE(entry);
    CHECK(text.substr(entry.value().message_offset) ==
          cat("T: t\nL: l\n\n", std::string(size, 'x'), "tail\n"));
    CHECK(entry.value().facts.bytes == size + 16);
    CHECK(!draft.value().commit());  // its place is gone
  }
}

TEST_CASE("listing: in order of arrival, the highest generation, strange names apart") {
  Bed bed;
  const auto touch = [&](const std::string& name) { bed.folder.write("spool/queue/" + name, ""); };
  touch("01MVAH3Q4400002.0-5");
  touch("01MVAH3Q4400001.0-9");
  touch("01MVAH3Q4400001.2-3");
  touch("01MVAH3Q4400001.10-3");
  touch("core");
  touch(".hidden");
  const auto listing = store::list(bed.spool);
  REQUIRE(listing);
  std::vector<std::string> entries, superseded, strange = listing.value().strange;
  for (const auto& name : listing.value().entries) entries.push_back(name.text());
  for (const auto& name : listing.value().superseded) superseded.push_back(name.text());
  std::sort(strange.begin(), strange.end());
  CHECK(entries == std::vector<std::string>{"01MVAH3Q4400001.10-3", "01MVAH3Q4400002.0-5"});
  CHECK(superseded == std::vector<std::string>{"01MVAH3Q4400001.0-9", "01MVAH3Q4400001.2-3"});
  CHECK(strange == std::vector<std::string>{".hidden", "core"});
}

TEST_CASE("lease: one at a time, and it knows when the entry has gone") {
  Bed bed;
  const auto name = stored(bed.spool, "S: x\n\nbody\n");
  CHECK(!store::leased(bed.spool, name));
  {
    auto lease = store::Lease::take(bed.spool, name);
    REQUIRE(lease);
    REQUIRE(lease.value());
    CHECK(store::leased(bed.spool, name));
    auto second = store::Lease::take(bed.spool, name);
    REQUIRE(second);
    CHECK(!second.value());
    std::string buffer;
    CHECK(store::read_snapshot(bed.spool, name, buffer).value().leased);
  }
  CHECK(!store::leased(bed.spool, name));
  auto lease = store::Lease::take(bed.spool, name);
  REQUIRE(lease.value()->remove());
  REQUIRE(lease.value()->remove());  // by whomever
  CHECK(bed.names("queue").empty());
  auto gone = store::Lease::take(bed.spool, name);
  REQUIRE(gone);
  CHECK(!gone.value());
  CHECK(store::read_entry(bed.spool, name).error().kind == base::Kind::unavailable);
}

TEST_CASE("lease: verdicts change status bytes in place and nothing else") {
  Bed bed;
  const auto name = stored(bed.spool, "S: x\n\nbody\n", 6);
  const auto path = bed.path("queue/" + name.text());
  const auto before = Folder::content(path);
  auto lease = store::Lease::take(bed.spool, name);
  REQUIRE(lease.value());
  REQUIRE(lease.value()->record({}, store::delivered));
  REQUIRE(lease.value()->record({4, 1}, store::delivered));
  REQUIRE(lease.value()->record({2}, store::bounced));
  REQUIRE(lease.value()->record({5}, store::handed_over));
  CHECK(!lease.value()->all_done());
  auto expected = before;
  expected.replace(lease.value()->entry().done_offset, 6, ".DB.DX");
  CHECK(Folder::content(path) == expected);
  REQUIRE(lease.value()->set_held(true));
  expected[store::state_offset] = 'h';
  CHECK(Folder::content(path) == expected);
  CHECK(store::read_entry(bed.spool, name).value().held);
  REQUIRE(lease.value()->set_held(false));
  REQUIRE(lease.value()->record({0, 3}, store::delivered));
  CHECK(lease.value()->all_done());
  CHECK(store::read_entry(bed.spool, name).value().done == "DDBDDX");
}

TEST_CASE("lease: that a delay was told of is one byte, whether held or not") {
  Bed bed;
  const auto name = stored(bed.spool, "S: x\n\nbody\n");
  const auto path = bed.path("queue/" + name.text());
  auto expected = Folder::content(path);
  auto lease = store::Lease::take(bed.spool, name);
  CHECK(!lease.value()->entry().delay_notified);
  REQUIRE(lease.value()->set_delay_notified());
  expected[store::state_offset + 1] = 'w';
  CHECK(Folder::content(path) == expected);
  REQUIRE(lease.value()->set_held(true));
  expected[store::state_offset] = 'h';
  CHECK(Folder::content(path) == expected);
  const auto entry = store::read_entry(bed.spool, name).value();
  CHECK(entry.delay_notified);
  CHECK(entry.held);
}

TEST_CASE("lease: the next attempt is the file's time") {
  Bed bed;
  const auto name = stored(bed.spool, "S: x\n\n");
  auto lease = store::Lease::take(bed.spool, name);
  REQUIRE(lease.value()->set_next_attempt(noon + std::chrono::hours(3)));
  std::string buffer;
  CHECK(store::read_snapshot(bed.spool, name, buffer).value().next_attempt ==
        noon + std::chrono::hours(3));
}

TEST_CASE("lease: damage is an error of kind data, whatever it is") {
  const std::string message = "S: x\n\nbody\n";
  const auto refusal = [&](auto&& damage) -> std::string {
    Bed bed;
    auto name = stored(bed.spool, message);
    damage(bed, name);
    const auto lease = store::Lease::take(bed.spool, name);
    const auto entry = store::read_entry(bed.spool, name);
    if (lease || entry) return "taken";
    CHECK(lease.error().kind == base::Kind::data);
    CHECK(lease.error().text == entry.error().text);
    const std::string where = bed.path("queue/" + name.text()) + ": ";
    CHECK(lease.error().text.starts_with(where));
    return lease.error().text.substr(std::min(where.size(), lease.error().text.size()));
  };
  const auto path = [](const Bed& bed, const EntryName& name) {
    return bed.path("queue/" + name.text());
  };
  CHECK(refusal([&](Bed& bed, EntryName& name) {
          CHECK(::truncate(path(bed, name).c_str(), 50) == 0);
        }) == "its size is 50, not that of its name");
  CHECK(refusal([&](Bed& bed, EntryName& name) {
          std::ofstream(path(bed, name), std::ios::app) << "more";
        }).ends_with(", not that of its name"));
  CHECK(refusal([&](Bed& bed, EntryName& name) {
          auto text = Folder::content(path(bed, name));
          const auto old = path(bed, name);
          name.size = 60;
          std::ofstream(path(bed, name)) << text.substr(0, 60);
          ::unlink(old.c_str());
        }) == "the envelope is cut short");
  CHECK(refusal([&](Bed& bed, EntryName& name) {  // facts are not covered by the checksum
          auto text = Folder::content(path(bed, name));
          text[text.find(" lines=") - 1] ^= 1;
          std::ofstream(path(bed, name)) << text;
        }) == "its facts are not those of its message");
  CHECK(refusal([&](Bed& bed, EntryName& name) {
          auto text = Folder::content(path(bed, name));
          text[text.find("jane")] = 'J';
          std::ofstream(path(bed, name)) << text;
        }) == "line 9: the checksum does not fit");
  CHECK(refusal([&](Bed& bed, EntryName& name) {
          ::rename(path(bed, name).c_str(), bed.path("x").c_str());
          CHECK(::symlink(bed.path("x").c_str(), path(bed, name).c_str()) == 0);
        }) == "a symbolic link");
  CHECK(refusal([&](Bed& bed, EntryName& name) {
          ::unlink(path(bed, name).c_str());
          CHECK(::mkfifo(path(bed, name).c_str(), 0600) == 0);
        }) == "not a regular file");
}

TEST_CASE("quarantine: nothing that is in bad/ is overwritten") {
  Bed bed;
  for (int i = 0; i < 3; ++i) {
    bed.folder.write("spool/queue/junk", cat("text ", i));
    CHECK(store::quarantine(bed.spool, "junk").value() == (i == 0 ? "junk" : cat("junk~", i)));
  }
  CHECK(Folder::content(bed.path("bad/junk")) == "text 0");
  CHECK(Folder::content(bed.path("bad/junk~2")) == "text 2");
  CHECK(!store::quarantine(bed.spool, "junk"));
}

TEST_CASE("tmp/: what is old and unlocked goes, all else stays") {
  Bed bed;
  const auto make = [&](const std::string& name, std::int64_t age) {
    const auto path = bed.folder.write("spool/tmp/" + name, "x");
    const timespec times[2] = {{base::seconds(noon) - age, 0}, {base::seconds(noon) - age, 0}};
    CHECK(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    return path;
  };
  make("old", 36 * 3600 + 1);
  make("young", 36 * 3600 - 1);
  make("future", -99999);
  const base::Fd held(::open(make("locked", 99 * 3600).c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(::flock(held.number(), LOCK_EX) == 0);
  CHECK(::mkfifo(bed.path("tmp/fifo").c_str(), 0600) == 0);
  store::clean_tmp(bed.spool, noon);
  CHECK(bed.names("tmp") == std::vector<std::string>{"fifo", "future", "locked", "young"});
}

TEST_CASE("reserve: made once, of 64 KiB") {
  Bed bed;
  store::keep_reserve(bed.spool);
  CHECK(Folder::content(bed.path("run/reserve")) == std::string(65536, '\0'));
  bed.folder.write("spool/run/reserve", "kept");
  store::keep_reserve(bed.spool);
  CHECK(Folder::content(bed.path("run/reserve")) == "kept");
}

TEST_CASE("spool: made with the modes it must have, whatever the umask; not made by open") {
  for (const mode_t mask : {0, 022, 077}) {
    Folder folder;
    const std::string path = folder / "a/b/spool";
    CHECK(store::Spool::open(path, ::geteuid()).error().kind == base::Kind::unavailable);
    const mode_t before = ::umask(mask);
    const auto spool = store::Spool::create(path, ::geteuid());
    ::umask(before);
    CAPTURE(mask);
    REQUIRE_MESSAGE(spool, spool.error().text);
    for (const auto* part : {"", "/tmp", "/queue", "/why", "/run", "/bad", "/..", "/../.."}) {
      struct stat status;
      CHECK(::stat((path + part).c_str(), &status) == 0);
      CAPTURE(part);
      CHECK((status.st_mode & 07777) == 0700);
    }
  }
}

TEST_CASE("spool: one that others may enter is closed, one of somebody else is refused") {
  Bed bed;
  ::chmod(bed.path("queue").c_str(), 0755);
  CHECK(store::Spool::open(bed.spool.path(), ::geteuid()));
  struct stat status;
  CHECK(::stat(bed.path("queue").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0700);
  CHECK(store::Spool::open(bed.spool.path(), ::geteuid() + 1).error().kind ==
        base::Kind::no_permission);
}
