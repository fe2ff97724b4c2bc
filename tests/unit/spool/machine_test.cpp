#include "spool/machine.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "newaliases/compile.h"
#include "tests/unit/folder.h"

namespace {

// Rules of one user with these tables.
spool::Rules rules(const std::string& aliases) {
  spool::Rules rules;
  rules.uid = ::geteuid();
  rules.local.aliases = aliases;
  rules.local.aliases_named = true;
  return rules;
}

// "-" no such alias, "" or why what it names is not used, or "!reason".
std::string alias(const spool::Rules& rules, std::string_view name) {
  spool::MachineLookups lookups(rules);
  const auto found = lookups.alias(name);
  if (!found) return "!" + found.error().text;
  return found.value() ? found.value()->untrusted : "-";
}

}  // namespace

TEST_CASE("machine: an aliases file that is named has to be there, or its database") {
  const Folder folder;
  const auto path = folder / "aliases";
  auto rule = rules(path);
  CHECK(alias(rule, "list") == "!" + path + ": open: No such file or directory");
  rule.local.aliases_named = false;
  CHECK(alias(rule, "list") == "-");
  rule.local.aliases_named = true;
  folder.write("aliases", "list: jane\n");
  CHECK(alias(rule, "list").empty());
  CHECK(alias(rule, "none") == "-");
  REQUIRE(newaliases::compile(path, base::now));
  std::filesystem::remove(path);
  CHECK(alias(rule, "list").empty());
}
