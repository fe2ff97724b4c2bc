#include "lib/store/aliases.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/store/alias_database.h"
#include "newaliases/compile.h"
#include "tests/unit/folder.h"

using base::cat;
using store::Aliases;

namespace {

void compile(const std::string& path) {
  const auto compiled = newaliases::compile(path, base::now);
  REQUIRE_MESSAGE(compiled, compiled.error().text);
  REQUIRE(compiled.value().mistakes.empty());
}

// The right-hand side that counts now, "-" where there is none, or the Error's text.
std::string looked_up(const std::string& path, std::string_view name) {
  const auto aliases = Aliases::open(path, ::geteuid());
  if (!aliases) return aliases.error().text;
  const auto targets = aliases.value().text_of(name);
  if (!targets) return targets.error().text;
  return targets.value().value_or("-");
}

std::vector<std::string> remarks(const std::string& path) {
  const auto aliases = Aliases::open(path, ::geteuid());
  REQUIRE_MESSAGE(aliases, aliases.error().text);
  return aliases.value().remarks();
}

// Another text with the size, inode and mtime of the one before: nobody can see the difference.
void replace_unseen(const std::string& path, const std::string& content) {
  struct stat before;
  REQUIRE(::stat(path.c_str(), &before) == 0);
  REQUIRE(content.size() == static_cast<std::size_t>(before.st_size));
  std::ofstream(path, std::ios::binary) << content;
  const timespec times[2] = {before.st_mtim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("aliases: looked up by name, in a text and in its database alike") {
  Folder folder;
  const auto path = folder.write(
      "aliases", "Root: jane, \\joe\n\"Weird Name\": /dev/null\nlist: :include:/etc/list\n");
  for (const bool compiled : {false, true}) {
    CAPTURE(compiled);
    if (compiled) compile(path);
    const auto aliases = Aliases::open(path, ::geteuid());
    REQUIRE(aliases);
    CHECK(aliases.value().remarks().empty());
    for (const char* name : {"root", "ROOT", "\"root\""}) {
      const auto found = aliases.value().find(name);
      REQUIRE(found);
      REQUIRE(found.value());
      CHECK(*found.value() == std::vector<store::Target>{{store::Target::Kind::address, "jane"},
                                                         {store::Target::Kind::user, "joe"}});
    }
    CHECK(aliases.value().text_of("\"weird name\"").value() == "/dev/null");
    for (const char* name : {"", "nobody", "roo", "root ", "\npostbag aliases 1"})
      CHECK_FALSE(aliases.value().find(name).value());
    std::string names;
    for (std::uint64_t position = 0; const auto entry = aliases.value().next(position).value();)
      names += entry->first + ";";
    CHECK(names == "root;weird name;list;");
  }
}

TEST_CASE("aliases: no file means no aliases") {
  Folder folder;
  CHECK(looked_up(folder / "aliases", "root") == "-");
  CHECK(remarks(folder / "aliases").empty());
}

TEST_CASE("aliases: the database counts, and the text is not read, while it fits") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\n");
  compile(path);
  replace_unseen(path, "root: dave\n");
  CHECK(looked_up(path, "root") == "jane");
  CHECK(remarks(path).empty());
}

TEST_CASE("aliases: a changed text counts at once") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\n");
  compile(path);
  SUBCASE("of another size") { folder.write("aliases", "root: someone\n"); }
  SUBCASE("of the same size") { folder.write("aliases", "root: dave\n"); }
  SUBCASE("another file of the same size and time") {
    folder.write("other", "root: dave\n");
    struct stat before;
    REQUIRE(::stat(path.c_str(), &before) == 0);
    const timespec times[2] = {before.st_mtim, before.st_mtim};
    REQUIRE(::utimensat(AT_FDCWD, (folder / "other").c_str(), times, 0) == 0);
    std::filesystem::rename(folder / "other", path);
  }
  CHECK(looked_up(path, "root") != "jane");
  CHECK(looked_up(path, "root") != "-");
  CHECK(remarks(path).empty());
}

TEST_CASE("aliases: a text so young that a change might not show is waited for") {
  // In memory, where syncing takes no time that could pass for the wait.
  char folder[] = "/dev/shm/postbag-unit-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const auto path = cat(folder, "/aliases");
  std::ofstream(path) << "root: jane\n";
  const timespec written[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), written, 0) == 0);
  const auto took = [&](base::Time (*clock)()) {
    const auto start = std::chrono::steady_clock::now();
    const auto compiled = newaliases::compile(path, clock);
    REQUIRE(compiled);
    return std::chrono::steady_clock::now() - start;
  };
  // File systems tell times by ticks of up to 10 ms.
  CHECK(took([] { return base::Time(std::chrono::seconds(1'000'000'000)); }) >=
        std::chrono::milliseconds(20));
  CHECK(looked_up(path, "root") == "jane");
  std::filesystem::remove_all(folder);
}

TEST_CASE("aliases: a changed text with mistakes leaves the last good database") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\n");
  compile(path);
  folder.write("aliases", "root: jane\nroot dave\nx y: z\n");
  CHECK(looked_up(path, "root") == "jane");
  CHECK(remarks(path) ==
        std::vector<std::string>{cat(path, ":2: missing ':'"),
                                 cat(path, ":3: x y: a name with white space needs quotes"),
                                 cat(path, ": the database of before is used")});
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "oops\n";
  folder.write("aliases", many);
  CHECK(remarks(path).size() == 12);
  CHECK(remarks(path)[10] == cat(path, ": 990 more mistakes; newaliases tells all"));
}

TEST_CASE("aliases: a text that is being written leaves the last good database") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\n");
  compile(path);
  for (const char* part : {"", "root: da"}) {
    folder.write("aliases", part);
    CHECK(looked_up(path, "root") == "jane");
    CHECK(remarks(path)[0] == cat(path, ": is being written just now"));
    folder.age("aliases");
    CHECK(looked_up(path, "root") == (*part == '\0' ? "-" : "da"));
  }
  std::filesystem::remove(path + ".cdb");
  folder.write("aliases", "");
  CHECK(Aliases::open(path, ::geteuid()).error().kind == base::Kind::config);
}

TEST_CASE("aliases: mistakes and no database are an error of the configuration") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\nroot dave\n");
  const auto aliases = Aliases::open(path, ::geteuid());
  REQUIRE_FALSE(aliases);
  CHECK(aliases.error().kind == base::Kind::config);
  CHECK(aliases.error().text == cat(path, ":2: missing ':'"));
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  REQUIRE_FALSE(Aliases::open(path, ::geteuid()));
  CHECK(Aliases::open(path, ::geteuid()).error().kind == base::Kind::config);
}

TEST_CASE("aliases: a text that is gone leaves the last good database, with a remark") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\n");
  compile(path);
  std::filesystem::remove(path);
  CHECK(looked_up(path, "root") == "jane");
  CHECK(remarks(path).size() == 2);
}

TEST_CASE("aliases: a database that others could have written is not used") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\n");
  compile(path);
  const auto database = path + ".cdb";
  replace_unseen(path, "root: dave\n");
  for (const unsigned mode : {0620u, 0602u, 0666u}) {
    REQUIRE(::chmod(database.c_str(), mode) == 0);
    CHECK(looked_up(path, "root") == "dave");
    REQUIRE(remarks(path).size() == 1);
    CHECK(remarks(path)[0] == cat(database, ": is not used, since it can be written by others"));
  }
  REQUIRE(::chmod(database.c_str(), 0644) == 0);
  CHECK(looked_up(path, "root") == "jane");
  if (::geteuid() != 0) return;
  REQUIRE(::chown(database.c_str(), 12345, 12345) == 0);
  CHECK(looked_up(path, "root") == "dave");
  CHECK(remarks(path)[0] == cat(database, ": is not used, since it belongs to uid 12345"));
  // The text's owner's is as good as the text, but not as the reader's own.
  REQUIRE(::chown(path.c_str(), 12345, 12345) == 0);
  CHECK(looked_up(path, "root") == "dave");
  CHECK(Aliases::open(path, 12345).value().text_of("root").value() == "jane");
}

TEST_CASE("aliases: who could have written what is read, as it was opened") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\n", 0664);
  const auto text = Aliases::open(path, ::geteuid());
  CHECK(text.value().used() == path);
  CHECK((text.value().status().st_mode & 07777) == 0664);
  compile(path);
  const auto compiled = Aliases::open(path, ::geteuid());
  CHECK(compiled.value().used() == path + ".cdb");
  CHECK((compiled.value().status().st_mode & 07777) == 0644);
}

TEST_CASE("aliases: the database may be read by whom the text may be read by") {
  Folder folder;
  struct {
    unsigned text, database;
  } const modes[] = {{0600, 0600}, {0640, 0640}, {0644, 0644}, {0666, 0644}, {0400, 0600}};
  for (const auto& [text, expected] : modes) {
    const auto path = folder.write("aliases", "root: jane\n", 0600);
    REQUIRE(::chmod(path.c_str(), text) == 0);
    compile(path);
    struct stat status;
    REQUIRE(::stat((path + ".cdb").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == expected);
    std::filesystem::remove(path);
  }
}

TEST_CASE("aliases: mistakes leave no draft and the old database to the byte") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\n");
  compile(path);
  const auto before = Folder::content(path + ".cdb");
  folder.write("aliases", "root: jane\nroot: dave\n");
  const auto compiled = newaliases::compile(path, base::now);
  REQUIRE(compiled);
  CHECK(compiled.value().mistakes ==
        std::vector<std::string>{cat(path, ":2: root: given twice, first in line 1")});
  CHECK(Folder::content(path + ".cdb") == before);
  CHECK_FALSE(std::filesystem::exists(path + ".cdb.new"));
}

TEST_CASE("aliases: a draft that a killed newaliases left is written anew") {
  Folder folder;
  const auto path = folder.write("aliases", "root: jane\n");
  folder.write("aliases.cdb.new", std::string(100'000, 'x'));
  compile(path);
  CHECK(looked_up(path, "root") == "jane");
  CHECK(std::filesystem::file_size(path + ".cdb") < 4096);
  CHECK_FALSE(std::filesystem::exists(path + ".cdb.new"));
  // A name of somebody's is never written through.
  const auto precious = folder.write("precious", "do not touch");
  std::filesystem::create_hard_link(precious, path + ".cdb.new");
  CHECK_FALSE(newaliases::compile(path, base::now));
  std::filesystem::remove(path + ".cdb.new");
  std::filesystem::create_symlink(precious, path + ".cdb.new");
  CHECK_FALSE(newaliases::compile(path, base::now));
  CHECK(Folder::content(precious) == "do not touch");
}
