#include "sendmail/recipients.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

namespace {
using base::Kind;
using submit::Recipients;
using Source = Recipients::Source;

/// The recipients of a list, "kind:address" each, or the kind of error as a number.
std::string taken(std::string_view list, Source source) {
  Recipients recipients("");
  if (const auto added = recipients.add_list(list, source); !added)
    return base::cat("error ", static_cast<int>(added.error().kind));
  std::string shown;
  for (const auto& each : recipients.take())
    shown += base::cat(shown.empty() ? "" : " ", std::string(1, static_cast<char>(each.kind)), ":",
                       each.address);
  return shown;
}
}  // namespace

TEST_CASE("recipients: a word of the command line and a header field are read as lists") {
  const struct {
    std::string list, command_line, header;
  } table[] = {
      {"a@b", "a:a@b", "a:a@b"},
      {"root", "u:root", "u:root"},
      {"root (Cron Daemon)", "u:root", "u:root"},
      {"a@b, c@d", "a:a@b a:c@d", "a:a@b a:c@d"},
      {"a@b c@d", "a:a@b a:c@d", "a:a@b a:c@d"},
      {"a b", "u:a u:b", "error 65"},
      {"us: a, b@c;", "u:a a:b@c", "u:a a:b@c"},
      {"us:;", "", ""},
      {"", "", ""},
      {" , ,", "", ""},
      {"\\root", "m:root", "error 65"},
      {"a@b,\n c@d", "error 65", "a:a@b a:c@d"},
      {"Bob <b@c>", "a:b@c", "a:b@c"},
      {"-f@b", "error 64", "error 64"},
      {"|x", "error 65", "error 65"},
      {"\"|x\"", "error 65", "error 65"},
      {"\"\\|x\"", "error 65", "error 65"},
      {"/x", "error 65", "error 65"},
      {"/x@y", "a:/x@y", "a:/x@y"},
      {":include:/x", "error 65", "error 65"},
      {"a@b, \"c", "error 65", "error 65"},
  };
  for (const auto& row : table) {
    CAPTURE(row.list);
    CHECK(taken(row.list, Source::command_line) == row.command_line);
    CHECK(taken(row.list, Source::header) == row.header);
  }
}

TEST_CASE("recipients: each is kept once, in order of first mention, its domain in any case") {
  Recipients recipients("failure");
  for (const auto* list : {"b@x, a@X, B@x", "a@x, b@X", "\\a, a, \\a"})
    REQUIRE(recipients.add_list(list, Source::command_line));
  std::string shown;
  for (const auto& each : recipients.take()) {
    CHECK(each.notify == "failure");
    CHECK(base::trim(each.original).substr(each.original.starts_with('\\')) == each.address);
    shown += base::cat(each.address, static_cast<char>(each.kind) == 'm' ? "! " : " ");
  }
  CHECK(shown == "b@x a@X B@x a! a ");
  CHECK(recipients.empty());
}

TEST_CASE("recipients: a sender is an address, nothing, or an address with a name") {
  const struct {
    std::string text, expected;
  } table[] = {{"a@b", "a@b"},  {"<a@b>", "a@b"}, {"Ann <a@b>", "a@b"},  {"", ""},
               {"<>", ""},      {" <> ", ""},     {"ann", "ann"},        {"a@b, c@d", "?"},
               {"a b", "?"},    {"a@b\n", "?"},   {"|x", "?"},           {"\"|x\"", "?"},
               {"x <|y>", "?"}, {"/x", "?"},      {"us: a@b, c@d;", "?"}};
  for (const auto& row : table) {
    CAPTURE(row.text);
    const auto sender = submit::parse_sender(row.text);
    CHECK((sender ? sender.value().text() : "?") == row.expected);
    if (!sender) CHECK(sender.error().kind == Kind::data);
  }
}

TEST_CASE("recipients: every login is a sender") {
  const struct {
    std::string login, expected;
  } table[] = {{"jane", "jane"},
               {"jane.doe", "jane.doe"},
               {"jane@corp.test", "jane@corp.test"},
               {"LAN\\jane", "\"LAN\\\\jane\""},
               {"jane doe", "\"jane doe\""},
               {"a\"b", "\"a\\\"b\""}};
  for (const auto& row : table) {
    const auto sender = submit::login_sender(row.login);
    REQUIRE(sender);
    CHECK(sender.value().text() == row.expected);
  }
}
