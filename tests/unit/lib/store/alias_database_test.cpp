#include "lib/store/alias_database.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/store/aliases.h"
#include "newaliases/compile.h"
#include "tests/unit/folder.h"

using base::cat;
using store::AliasDatabase;

namespace {

constexpr int names = 40;

std::string target_of(int i) { return cat("target", i, "@example.com"); }

/// Every name's right-hand side, or nothing where a look-up is an error or finds nothing.
struct Seen {
  bool opened = false;
  int right = 0, missing = 0, errors = 0, wrong = 0;
};

// Looks everything up, and walks all of it, in a database of these bytes.
Seen look(const Folder& folder, const std::string& bytes) {
  folder.write("aliases.cdb", bytes);
  Seen seen;
  const auto database = AliasDatabase::open(folder / "aliases");
  if (!database) return seen;
  seen.opened = true;
  for (int i = 0; i < names; ++i) {
    const auto value = database.value().find(cat("name", i));
    if (!value) ++seen.errors;
    else if (!value.value()) ++seen.missing;
    else ++(*value.value() == target_of(i) ? seen.right : seen.wrong);
  }
  (void)database.value().find("nobody");
  std::uint64_t position = AliasDatabase::first;
  for (int i = 0; i <= names; ++i) {
    const auto record = database.value().next(position);
    if (!record) ++seen.errors;
    if (!record || !record.value()) break;
  }
  return seen;
}

std::string made(const Folder& folder) {
  std::string text;
  for (int i = 0; i < names; ++i) text += cat("name", i, ": ", target_of(i), "\n");
  const auto path = folder.write("aliases", text);
  REQUIRE(newaliases::compile(path, base::now));
  return Folder::content(folder / "aliases.cdb");
}

}  // namespace

TEST_CASE("alias database: whole, it holds every name") {
  Folder folder;
  const auto seen = look(folder, made(folder));
  CHECK(seen.opened);
  CHECK(seen.right == names);
  CHECK(seen.errors == 0);
}

TEST_CASE("alias database: cut at any byte or lengthened, it is refused") {
  Folder folder;
  const auto bytes = made(folder);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(look(folder, bytes.substr(0, size)).opened);
  }
  CHECK_FALSE(look(folder, bytes + "x").opened);
  CHECK_FALSE(look(folder, bytes + bytes).opened);
}

TEST_CASE("alias database: no flipped bit crashes it or makes it name another address") {
  Folder folder;
  const auto bytes = made(folder);
  int noticed = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    auto damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    const auto seen = look(folder, damaged);
    CAPTURE(at);
    CHECK(seen.wrong == 0);
    if (!seen.opened || seen.errors > 0) ++noticed;
  }
  CHECK(noticed > static_cast<int>(bytes.size()) / 2);
}

TEST_CASE("alias database: bytes of every kind where the numbers lie") {
  Folder folder;
  const auto bytes = made(folder);
  for (const char value : {'\0', '\x01', '\x7f', '\xff'})
    for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) {
      auto damaged = bytes;
      damaged.replace(at, 4, 4, value);
      CHECK(look(folder, damaged).wrong == 0);
    }
}

TEST_CASE("alias database: a damaged one is no reason not to use a good text") {
  Folder folder;
  auto bytes = made(folder);
  folder.write("aliases.cdb", bytes.substr(0, bytes.size() - 8));
  const auto aliases = store::Aliases::open(folder / "aliases", ::geteuid());
  REQUIRE(aliases);
  CHECK(aliases.value().text_of("name7").value() == target_of(7));
  CHECK(
      aliases.value().remarks() ==
      std::vector<std::string>{cat(folder / "aliases.cdb", ": damaged; newaliases makes it anew")});
}

TEST_CASE("alias database: a file cut while it is open is an error, not a death") {
  Folder folder;
  made(folder);
  const auto database = AliasDatabase::open(folder / "aliases");
  REQUIRE(database);
  std::ofstream(folder / "aliases.cdb", std::ios::trunc).close();
  const auto value = database.value().find("name1");
  REQUIRE_FALSE(value);
  CHECK(value.error().kind == base::Kind::data);
}

TEST_CASE("alias database: one that another program or version made is not misread") {
  Folder folder;
  auto bytes = made(folder);
  const auto at = bytes.find("\npostbag aliases 1");
  REQUIRE(at != std::string::npos);
  bytes[at + 17] = '2';
  folder.write("aliases.cdb", bytes);
  const auto database = AliasDatabase::open(folder / "aliases");
  REQUIRE_FALSE(database);
  CHECK(database.error().kind == base::Kind::data);
  CHECK(database.error().text.find("not of this version") != std::string::npos);
}
