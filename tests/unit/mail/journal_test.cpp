#include "mail/journal.h"

#include <doctest/doctest.h>
#include <fcntl.h>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "tests/unit/folder.h"

using base::cat;
using base::Fd;
using namespace reader;
using State = Finding::State;

namespace {

const std::string start = "From a@b Sat Jan  2 08:50:01 2021\nSubject: kept\n\ntext\n\n";
const std::string late = "From late@b Sat Jan  2 09:00:00 2021\nSubject: late\n\nlate\n\n";

std::string message(int number, std::size_t size) {
  return cat("From m", number, "@b Sat Jan  2 08:50:01 2021\n\n",
             std::string(size, static_cast<char>('a' + number)), "\n\n");
}

// A journal that turns start + before into start + after, and what it says to a mailbox.
class Bed {
 public:
  Bed(std::string before, std::string after)
      : before_(std::move(before)), after_(std::move(after)) {
    JournalFacts facts{"/box", start.size(), start.size() + before_.size(),
                       start.size() + after_.size()};
    const auto old = open(folder_.write("old", start + before_));
    facts.before = sum_before(old.number(), facts.offset).value();
    const auto sectors = list_sectors(old.number(), facts).value();
    Sum text, list;
    text.add(after_);
    list.add(sectors);
    facts.text = text.value();
    facts.sectors = list.value();
    journal_ = folder_.write("journal", cat(journal_header(facts), after_, sectors));
  }

  Finding finding(const std::string& now) const { return finding_of(start + now); }
  Finding finding_of(const std::string& box) const {
    const auto journal = open(journal_), mailbox = open(folder_.write("box", box));
    const auto facts = read_journal(journal.number());
    REQUIRE(facts);
    return examine(mailbox.number(), box.size(), journal.number(), facts.value()).value();
  }
  const std::string& journal() const { return journal_; }
  const Folder& folder() const { return folder_; }
  static Fd open(const std::string& path) {
    auto file = base::open_at(AT_FDCWD, path, O_RDONLY, 0, path);
    REQUIRE(file);
    return std::move(file).value();
  }

 private:
  Folder folder_;
  std::string before_, after_, journal_;
};

Finding unfinished(const std::string& until) {
  return {State::unfinished, start.size() + until.size()};
}

}  // namespace

TEST_CASE("journal: what was written is read, damage is seen") {
  const Bed bed(message(1, 2000), message(2, 3000));
  const auto text = Folder::content(bed.journal());
  REQUIRE(parse_journal_header(text.substr(0, journal_header_size)));
  for (const std::size_t at : {20, 5000, 8190, 8200, 11'200}) {
    CAPTURE(at);
    REQUIRE(at < text.size());
    auto damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CHECK_FALSE(read_journal(Bed::open(bed.folder().write("damaged", damaged)).number()));
  }
  CHECK_FALSE(read_journal(Bed::open(bed.folder().write("cut", text.substr(0, 9000))).number()));
}

TEST_CASE("journal: a mailbox that grows, in all states that a crash leaves") {
  const std::string before = message(1, 2000) + message(2, 2000);
  const std::string after = message(1, 2100) + message(2, 2500);
  const Bed bed(before, after);
  CHECK(bed.finding(before) == unfinished(before));
  CHECK(bed.finding(after) == unfinished(after));
  const auto tail = after.substr(before.size());
  const std::string zeros(tail.size(), '\0');
  CHECK(bed.finding(before + zeros) == unfinished(after));
  CHECK(bed.finding(before + tail) == unfinished(after));
  for (const std::size_t written : {1, 100, 512, 1000, 3000}) {
    CAPTURE(written);
    const auto half = after.substr(0, written) + before.substr(written);
    CHECK(bed.finding(half + tail) == unfinished(after));
    CHECK(bed.finding(half + tail + late) == unfinished(after));
  }
  // Sectors reach the disk in any order. The mailbox's begin at multiples of 512.
  auto mixed = before;
  const std::size_t sector = 1024 - start.size();
  mixed.replace(sector, 512, after.substr(sector, 512));
  CHECK(bed.finding(mixed + tail) == unfinished(after));
  CHECK(bed.finding(mixed) == unfinished(before));
}

TEST_CASE("journal: mail that came while a mailbox was half grown is found") {
  const std::string before = message(1, 2000), after = message(1, 2000) + message(2, 500);
  const Bed bed(before, after);
  CHECK(bed.finding(before + late) == unfinished(before));
  CHECK(bed.finding(before + late + late) == unfinished(before));
  CHECK(bed.finding(before + late + std::string(2000, 'x')) == unfinished(before));
  const auto tail = after.substr(before.size());
  for (const std::size_t written : {1, 4, 20, 40, 300}) {
    CAPTURE(written);
    for (const auto& torn : {tail.substr(0, written), std::string(written, '\0')})
      CHECK(bed.finding(before + torn + "\n\n" + late) == unfinished(before + torn + "\n\n"));
  }
}

TEST_CASE("journal: a mailbox that shrinks, in all states that a crash leaves") {
  const std::string before = message(1, 2000) + message(2, 2000) + message(3, 10);
  const std::string after = message(2, 2000) + message(3, 10);
  const Bed bed(before, after);
  const Finding done{State::done, start.size() + after.size()};
  CHECK(bed.finding(before) == unfinished(before));
  CHECK(bed.finding(before + late) == unfinished(before));
  for (const std::size_t written : {1, 511, 512, 1500}) {
    CAPTURE(written);
    const auto half = after.substr(0, written) + before.substr(written);
    CHECK(bed.finding(half) == unfinished(before));
    CHECK(bed.finding(half + late) == unfinished(before));
  }
  CHECK(bed.finding(after + before.substr(after.size())) == unfinished(before));
  CHECK(bed.finding(after) == done);
  CHECK(bed.finding(after + late).state == State::done);
  CHECK(bed.finding(after + late + std::string(5000, 'x')).state == State::done);
}

TEST_CASE("journal: what others changed is left alone") {
  const std::string before = message(1, 2000) + message(2, 2000), after = message(2, 2000);
  const Bed shrinks(before, after), grows(after, before);
  for (const auto* bed : {&shrinks, &grows}) {
    CHECK(bed->finding_of("") == Finding{});
    CHECK(bed->finding_of(start.substr(1) + before) == Finding{});
    CHECK(bed->finding("") == Finding{});
    CHECK(bed->finding(message(7, 2000) + message(8, 2000)) == Finding{});
    CHECK(bed->finding(message(7, 5000)) == Finding{});
  }
  CHECK(shrinks.finding(before.substr(0, before.size() - 1)) == Finding{});
  CHECK(shrinks.finding(before + "prose\n") == Finding{});
  CHECK(shrinks.finding(after + "prose\n") == Finding{});
  CHECK(grows.finding(before + "prose\n") == Finding{});
  CHECK(grows.finding(before.substr(0, 3000) + "\n\nprose\n") == Finding{});
}
