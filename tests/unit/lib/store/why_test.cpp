#include "lib/store/why.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "tests/unit/folder.h"

namespace {
using store::Reason;
using store::Why;
}  // namespace

TEST_CASE("why: what is written is read again, equal reasons on one line") {
  Why why;
  why.attempts = 3;
  why.last_attempt = 1795175767;
  for (std::size_t i = 0; i < 3; ++i) why.set(i, {"4.4.1", "connection refused"});
  why.set(5, {"4.2.1", "busy"});
  CHECK(why_text(why) ==
        "postbag why 1\nattempts 3 1795175767\n0-2 4.4.1 connection refused\n5 4.2.1 busy\n");
  const Why again = store::parse_why(why_text(why), 6);
  CHECK(again.attempts == 3);
  CHECK(again.last_attempt == 1795175767);
  CHECK(again.reasons == why.reasons);
  CHECK(again.find(3) == nullptr);
  CHECK(*again.find(5) == Reason{"4.2.1", "busy"});
  CHECK(again.find(6) == nullptr);
}

TEST_CASE("why: no reason can make a line of its own") {
  Why why;
  why.set(0, {"4.0.0", "a\nattempts 99 1\n\x1b[2J"});
  CHECK(store::parse_why(why_text(why), 1).attempts == 0);
  CHECK(store::parse_why(why_text(why), 1).find(0)->text == "a?attempts 99 1??[2J");
}

TEST_CASE("why: of a damaged file what can be read counts") {
  const struct {
    std::string_view text;
    unsigned attempts;
    bool first_known;
  } table[] = {
      {"", 0, false},
      {"postbag why 2\nattempts 3 5\n0 4.0.0 x\n", 0, false},
      {"postbag why 1\nattempts x 5\n0 4.0.0 x\n", 0, true},
      {"postbag why 1\n\n \nattempts 3 5\nnonsense\n0 4.0.0 x", 3, true},
      {"postbag why 1\nattempts 3\n0,1 4.0.0 x\n", 3, true},
      {"postbag why 1\nattempts 99999999999 5\n3-1 4.0.0 x\n7 4.0.0 x\n", 0, false},
      {"postbag why 1\nattempts 3 5\n0-18446744073709551615 4.0.0 x\n", 3, true},
      {"postbag why 1\nattempts 3 5\n-1 4.0.0 x\n-- 4.0.0 x\n", 3, false},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    const Why why = store::parse_why(row.text, 2);
    CHECK(why.attempts == row.attempts);
    CHECK((why.find(0) != nullptr) == row.first_known);
    CHECK(why.reasons.size() <= 2);
  }
}

TEST_CASE("why: saved and loaded; none is an empty one, and a link or a FIFO is none") {
  Folder folder;
  const auto spool = store::Spool::create(folder / "spool", ::geteuid());
  REQUIRE(spool);
  const auto id = *store::QueueId::parse("01MVAH3Q4400V0V");
  CHECK(store::load_why(spool.value(), id, 1).attempts == 0);
  Why why;
  why.attempts = 2;
  why.set(0, {"4.4.1", "refused"});
  REQUIRE(store::save_why(spool.value(), id, why));
  CHECK(store::load_why(spool.value(), id, 1).find(0)->text == "refused");
  const auto path = folder / "spool/why/01MVAH3Q4400V0V";
  CHECK(::rename(path.c_str(), (folder / "elsewhere").c_str()) == 0);
  CHECK(::symlink((folder / "elsewhere").c_str(), path.c_str()) == 0);
  CHECK(store::load_why(spool.value(), id, 1).attempts == 0);
  ::unlink(path.c_str());
  CHECK(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(store::load_why(spool.value(), id, 1).attempts == 0);
}
