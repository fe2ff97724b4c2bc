#include "mail/send_batches.h"

#include <doctest/doctest.h>

using reader::argument_bytes;
using reader::batches_of;

TEST_CASE("send_batches: all recipients, in their order, as many a call as there is room for") {
  std::vector<std::string> addresses;
  for (int i = 0; i < 1000; ++i) addresses.push_back("p" + std::to_string(i) + "@x.test");
  for (const std::size_t room : {1u, 100u, 1000u, 100'000u}) {
    CAPTURE(room);
    std::vector<std::string> seen;
    for (const auto& batch : batches_of(addresses, room)) {
      CHECK((batch.size() == 1 || argument_bytes(batch) <= room));
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    CHECK(seen == addresses);
  }
  CHECK(batches_of(addresses, 1).size() == 1000);
  CHECK(batches_of(addresses, 100'000).size() == 1);
  CHECK(batches_of({}, 100).empty());
}
