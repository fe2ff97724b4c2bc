#include "mailq/options.h"

#include <doctest/doctest.h>

namespace {

using listing::Action;
using listing::Form;
using Words = std::vector<std::string>;

listing::Options parsed(const Words& words) {
  auto options = listing::parse_options(words);
  REQUIRE(options);
  return std::move(options).value();
}

}  // namespace

TEST_CASE("mailq options: a listing takes nothing, or what other mailers' callers give") {
  for (const auto& words : {Words{},
                            {"-v"},
                            {"-Ac"},
                            {"-A", "c"},
                            {"-C", "/etc/postfix"},
                            {"-vC/etc/postfix"},
                            {"-v", "-v", "--"}}) {
    const auto options = parsed(words);
    CHECK(options.action == Action::list);
    CHECK(options.form == Form::postfix);
    CHECK(!options.config);
  }
  CHECK(parsed({"--json"}).form == Form::json);
  CHECK(parsed({"--count"}).form == Form::count);
  CHECK(parsed({"--format=sendmail"}).form == Form::sendmail);
  CHECK(parsed({"--format", "postfix"}).form == Form::postfix);
  CHECK(parsed({"--config=/a b"}).config == "/a b");
  CHECK(parsed({"--config", "x", "--json"}).config == "x");
}

TEST_CASE("mailq options: an action and its queue IDs") {
  CHECK(parsed({"--delete", "A", "ALL"}).action == Action::remove);
  CHECK(parsed({"--delete", "A", "ALL"}).ids == Words{"A", "ALL"});
  CHECK(parsed({"--hold", "--", "A"}).action == Action::hold);
  CHECK(parsed({"--release", "A"}).action == Action::release);
  CHECK(parsed({"-v", "--retry", "--config=x", "A"}).action == Action::retry);
  CHECK(parsed({"--requeue", "A", "B"}).action == Action::requeue);
  CHECK(parsed({"--show", "--show", "A"}).action == Action::show);
}

TEST_CASE("mailq options: help and version are answered, whatever else is there") {
  CHECK(parsed({"--help"}).action == Action::help);
  CHECK(parsed({"--version", "--delete", "A"}).action == Action::version);
  CHECK(parsed({"--delete", "--help"}).action == Action::help);
}

TEST_CASE("mailq options: what is not understood changes nothing") {
  for (const auto& words : {Words{"A"},
                            {"--", "A"},
                            {"--json", "A"},
                            {"--delete"},
                            {"--delete", "--"},
                            {"--delete", "--hold", "A"},
                            {"--delete", "A", "--hold"},
                            {"--show", "--json", "A"},
                            {"-q"},
                            {"-x"},
                            {"-C"},
                            {"--config"},
                            {"--requeue"},
                            {"--count", "--json"},
                            {"--count", "A"},
                            {"--count", "--retry", "A"},
                            {"--format=exim"},
                            {"--format=sendmail", "--json"},
                            {"--format=postfix", "--json"},
                            {"--count", "--format=postfix"},
                            {"--format=postfix", "--hold", "A"},
                            {"--format=sendmail", "--hold", "A"},
                            {"--json=1"},
                            {"--delete=A"}}) {
    const auto options = listing::parse_options(words);
    CAPTURE(words[0]);
    REQUIRE(!options);
    CHECK(options.error().kind == base::Kind::usage);
  }
}
