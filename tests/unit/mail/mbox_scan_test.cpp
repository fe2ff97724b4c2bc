#include "mail/mbox_scan.h"

#include <doctest/doctest.h>
#include <string.h>

#include <algorithm>

#include "lib/base/text.h"

using base::cat;
using namespace reader;

namespace {

constexpr std::string_view from = "From a@b Sat Jan  2 08:50:01 2021\n";

MboxIndex index_of(std::string_view box, std::size_t step = 5) {
  MboxIndexer indexer;
  while (!box.empty()) {
    const auto room = indexer.room();
    const auto size = std::min({room.size(), step, box.size()});
    ::memcpy(room.data(), box.data(), size);
    indexer.filled(size);
    box.remove_prefix(size);
  }
  return indexer.finish();
}

}  // namespace

TEST_CASE("mbox scan: a From_ line at the start or behind an empty line begins a message") {
  const struct {
    std::string box;
    std::size_t messages;
  } cases[] = {
      {"", 0},
      {std::string(from), 1},
      {std::string(from.substr(0, from.size() - 1)), 1},
      {cat(from, "\n", from), 2},
      {cat(from, "a\n", from), 1},
      {cat(from, "a\n\n", from), 2},
      {cat(from, "a\r\n\r\n", from), 2},
      {cat(from, "a\n \n", from), 1},
      {cat(from, "a\n\r\r\n", from), 1},
      {cat(from, "a\n\n>", from), 1},
      {cat(from, "a\n\nFrom the beginning we knew that it was\n"), 1},
      {cat(from, "a\n\nFrom a@b\n"), 1},
      {cat(from, "a: b\n\n\n\n", from, "\n", from), 3},
      {cat("prose\n\n", from), 1},
      {cat("\n", from), 1},
      {cat("\r\n", from), 1},
      {cat("x\n", from), 0},
      {cat(from, "Content-Length: 5\n\n12345\n\n", from), 2},
  };
  for (const auto& [box, messages] : cases) {
    CAPTURE(box);
    for (const std::size_t step : {1, 2, 3, 7, 1000}) CHECK(index_of(box, step).size() == messages);
  }
}

TEST_CASE("mbox scan: flags are read in the header only") {
  const auto flags = [](std::string_view text) { return index_of(cat(from, text)).flags.at(0); };
  CHECK(flags("") == 0);
  CHECK(flags("Status: RO\n\n") == (seen | old));
  CHECK(flags("sTATUS : OR\r\nX-Status: AFDTxyz\r\n\r\n") ==
        (seen | old | answered | flagged | trashed | draft));
  CHECK(flags("Subject: x\n\nStatus: RO\n") == 0);
  CHECK(flags("Subject: x\nno field\nStatus: RO\n\n") == 0);
  CHECK(flags("\nStatus: RO\n") == 0);
  CHECK(flags(">From here\nStatus: O\n\n") == old);
  CHECK(flags("X-Statuses: A\nStatus-X: R\nSubject:\n Status: R\n\n") == 0);
  CHECK(flags("Status: O") == old);
  CHECK(flags(cat("X: ", std::string(20'000, 'x'), "\nStatus: R\n\n")) == seen);
}

TEST_CASE("mbox scan: messages far apart and long lines are found at their offsets") {
  std::string box;
  std::vector<std::uint64_t> starts;
  for (int i = 0; i < 5; ++i) {
    starts.push_back(box.size());
    box += cat(from, "Subject: x\n\n", std::string(1'500'000, i % 2 == 0 ? 'F' : 'x'), "\n\n");
  }
  for (const std::size_t step : {100'000, 1 << 20}) CHECK(index_of(box, step).starts == starts);
}
