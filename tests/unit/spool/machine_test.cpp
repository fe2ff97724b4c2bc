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

TEST_CASE("machine: who may name commands in an aliases file, or put another in its place") {
  const Folder folder;
  std::filesystem::create_directory(folder / "etc");
  const auto path = folder.write("etc/aliases", "list: |cmd\n");
  CHECK(alias(rules(path), "list").empty());
  REQUIRE(::chmod(path.c_str(), 0620) == 0);
  CHECK(alias(rules(path), "list") == path + " can be written by group or others");
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  REQUIRE(::chmod((folder / "etc").c_str(), 0770) == 0);
  CHECK(alias(rules(path), "list") == folder / "etc: can be written by others");
  // The judgement is about what was read, not about what lies there afterwards.
  REQUIRE(::chmod((folder / "etc").c_str(), 0700) == 0);
  REQUIRE(::chmod(path.c_str(), 0620) == 0);
  const auto rule = rules(path);
  spool::MachineLookups lookups(rule);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  CHECK(lookups.alias("list").value()->untrusted == path + " can be written by group or others");
}
