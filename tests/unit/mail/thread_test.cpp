#include "mail/thread.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "lib/base/text.h"

using reader::Referrer;
using reader::referrer;
using reader::threads_of;

TEST_CASE("thread: answers stand below what they answer, in the order of arrival") {
  const std::vector<Referrer> messages = {
      referrer("<a@x>", "", ""),             // 0
      referrer("<b@x>", "", ""),             // 1
      referrer("<c@x>", "<a@x>", ""),        // 2
      referrer("<d@x>", "<a@x> <c@x>", ""),  // 3
      referrer("<e@x>", "", "Your message of Monday <a@x>"),
      referrer("", "<lost@x> <b@x> <gone@x>", ""),
  };
  const auto threads = threads_of(messages);
  CHECK(threads.order == std::vector<std::uint32_t>{0, 2, 3, 4, 1, 5});
  CHECK(threads.depth == std::vector<std::uint32_t>{0, 0, 1, 2, 1, 1});
}

TEST_CASE("thread: an answer that came before its question stands below it") {
  const auto threads =
      threads_of(std::vector{referrer("<re@x>", "<q@x>", ""), referrer("<q@x>", "", "")});
  CHECK(threads.order == std::vector<std::uint32_t>{1, 0});
}

TEST_CASE("thread: circles, own ids and ids that stand twice lose nobody") {
  const auto threads =
      threads_of(std::vector{referrer("<a@x>", "<b@x>", ""), referrer("<b@x>", "<c@x>", ""),
                             referrer("<c@x>", "<a@x>", ""), referrer("<s@x>", "<s@x>", ""),
                             referrer("<a@x>", "", ""), referrer("<t@x>", "<a@x>", "")});
  auto order = threads.order;
  CHECK(order.size() == 6);
  std::sort(order.begin(), order.end());
  CHECK(order == std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5});
  CHECK(threads.depth[5] == threads.depth[0] + 1);
}

TEST_CASE("thread: a chain of a hundred thousand answers is no deeper a stack") {
  std::vector<Referrer> messages;
  for (int index = 0; index < 100'000; ++index)
    messages.push_back(referrer(base::cat("<", index, ">"), base::cat("<", index - 1, ">"), ""));
  const auto threads = threads_of(messages);
  CHECK(threads.depth.back() == 99'999);
  CHECK(threads.order.back() == 99'999);
}
