#include "mail/append.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "mail/leave.h"
#include "tests/unit/folder.h"

using namespace reader;
using Box = ::Folder;

namespace {

const std::string one = "From a@b Sat Jan  2 08:50:01 2021\n\none\n\n";

Session session_at(const Box& home) {
  Session session;
  session.person.uid = ::geteuid();
  session.person.home = home.path();
  session.clock = base::now;
  return session;
}

}  // namespace

TEST_CASE("append: journals lie in a home of one's own") {
  const Box home;
  auto session = session_at(home);
  CHECK(owner_of(session).journals == home / ".local/state/postbag/mail");
  session.person.uid = ::geteuid() + 4711;  // as sudo leaves HOME
  CHECK(!owner_of(session).journals.starts_with(home.path()));
  session.person.home.clear();
  CHECK(owner_of(session).journals.empty());
}

TEST_CASE("append: where a message cannot be read, those before it are taken back") {
  const Box home;
  const auto session = session_at(home);
  const auto box = home.write("box", one);
  std::filesystem::create_directories(home / "dir/cur");
  std::filesystem::create_directories(home / "dir/new");
  std::filesystem::create_directories(home / "dir/tmp");
  for (const auto& path : {box, home / "dir", home / "fresh", home / "made/"}) {
    int calls = 0;
    const auto appended = append_each(session, path, [&]() -> base::Result<std::string> {
      if (++calls < 3) return one;
      return base::Error{base::Kind::io, "worn out"};
    });
    REQUIRE_FALSE(appended);
    CHECK(appended.error().text == "worn out");
  }
  CHECK(Box::content(box) == one);
  CHECK(!std::filesystem::exists(home / "fresh"));
  for (const char* part : {"dir/cur", "dir/new", "dir/tmp", "made/new", "made/cur"})
    CHECK(std::filesystem::is_empty(home / part));
}

TEST_CASE("append: two paths may be one place") {
  const Box home;
  home.write("box", "");
  home.write("other", "");
  std::filesystem::create_symlink("box", home / "link");
  CHECK(same_place(home / "box", home / "link"));
  CHECK_FALSE(same_place(home / "box", home / "other"));
  CHECK_FALSE(same_place(home / "missing", home / "missing"));
}
