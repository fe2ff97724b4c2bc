#include "lib/base/user.h"

#include <doctest/doctest.h>
#include <nss.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/folder.h"

namespace {

// What a process says of a user that it does not know: 'n' none, 'r' an error of kind retry. Its
// passwd is asked of files alone, below this root.
char unknown_below(const std::string& root) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const bool rooted = ::geteuid() == 0 || ::unshare(CLONE_NEWUSER) == 0;
    ::__nss_configure_lookup("passwd", "files");
    if (!rooted || ::chroot(root.c_str()) != 0) ::_exit('?');
    const auto found = base::find_user("postbag-nobody");
    if (found) ::_exit(found.value() ? 'f' : 'n');
    ::_exit(found.error().kind == base::Kind::retry ? 'r' : 'e');
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return static_cast<char>(WEXITSTATUS(status));
}

}  // namespace

TEST_CASE("user: somebody does not exist where passwd says so, not where it is away") {
  const Folder root;
  REQUIRE(::mkdir((root / "etc").c_str(), 0755) == 0);
  CHECK(unknown_below(root.path()) == 'r');
  root.write("etc/passwd", "root:x:0:0::/:/bin/sh\n", 0644);
  CHECK(unknown_below(root.path()) == 'n');
  CHECK(!base::find_user("postbag-nobody").value());
}
