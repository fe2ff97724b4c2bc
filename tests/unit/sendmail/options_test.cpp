#include "sendmail/options.h"

#include <doctest/doctest.h>

namespace {
using submit::Invocation;
using Words = std::vector<std::string>;

Invocation parsed(const Words& words) {
  auto options = submit::parse_options(words);
  REQUIRE(options);
  return std::move(options).value();
}
base::Kind refused(const Words& words) {
  const auto options = submit::parse_options(words);
  REQUIRE_FALSE(options);
  return options.error().kind;
}
}  // namespace

TEST_CASE("options: letters take the rest of their word, or the next") {
  for (const Words& words : {Words{"-fa@b", "c"}, Words{"-f", "a@b", "c"}, Words{"-r", "a@b", "c"},
                             Words{"-tif", "a@b", "--", "c"}, Words{"-f", "x", "-ra@b", "c"}}) {
    const auto invocation = parsed(words);
    CHECK(invocation.sender == "a@b");
    CHECK(invocation.recipients == Words{"c"});
  }
  CHECK(parsed({"-ti"}).recipients_from_header);
  CHECK(parsed({"-ti"}).ignore_dots);
  CHECK_FALSE(parsed({"-odq"}).ignore_dots);
  for (const char letter : std::string("BCFfhLNOopRrVXAMQ"))
    CHECK(refused({std::string{'-', letter}}) == base::Kind::usage);
}

TEST_CASE("options: an empty or null sender is one") {
  CHECK(parsed({"-f", "", "x"}).sender == "");
  CHECK(parsed({"-f<>", "x"}).sender == "<>");
  CHECK(parsed({"x"}).sender == std::nullopt);
}

TEST_CASE("options: unknown letters are ignored with their word, unknown modes refused") {
  CHECK(parsed({"-Zt", "x"}).recipients == Words{"x"});
  CHECK_FALSE(parsed({"-Zt", "x"}).recipients_from_header);
  for (const auto* word : {"-bd", "-bD", "-bz", "-b", "-bmm"})
    CHECK(refused({word, "x"}) == base::Kind::usage);
}

TEST_CASE("options: behind the first recipient nothing is an option") {
  CHECK(refused({"x", "-t"}) == base::Kind::usage);
  CHECK(refused({"--", "-t"}) == base::Kind::usage);
  CHECK(refused({"-", "x"}) == base::Kind::usage);
}
