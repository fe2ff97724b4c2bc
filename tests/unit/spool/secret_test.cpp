#include "spool/secret.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>

#include "lib/base/text.h"
#include "lib/base/user.h"
#include "tests/unit/folder.h"

namespace {
using base::cat;
using spool::Secret;
using Source = Secret::Source;

/// The password, or "KIND: error".
std::string fetched(Source source, const std::string& argument, const std::string& home = "/none",
                    std::size_t host = 0) {
  spool::Smarthost smarthost;
  smarthost.user = "me";
  smarthost.hosts = {{"mail.test", 587}, {"backup.test", 587}};
  smarthost.password = {source, argument};
  const auto password = spool::fetch_password(smarthost, smarthost.hosts[host], home, ::geteuid());
  if (password) return password.value().text();
  return cat(static_cast<int>(password.error().kind), ": ", password.error().text);
}
}  // namespace

TEST_CASE("netrc: the entry for the host and the user") {
  const std::string netrc =
      "machine other.test login me password wrong\n"
      "machine mail.test\n\tlogin you\n\tpassword yours\n"
      "machine MAIL.test login me account x password mine\n"
      "machine any.test password anybodys\n"
      "machine login login password password login\n"
      "default login me password default\n";
  const auto found = [&](std::string_view host, std::string_view user) {
    return spool::netrc_password(netrc, host, user).value_or("(none)");
  };
  CHECK(found("mail.test", "me") == "mine");
  CHECK(found("mail.test", "you") == "yours");
  CHECK(found("any.test", "whoever") == "anybodys");
  CHECK(found("login", "password") == "login");
  CHECK(found("elsewhere.test", "me") == "default");
  CHECK(found("elsewhere.test", "you") == "(none)");
  CHECK(!spool::netrc_password("", "mail.test", "me"));
  CHECK(!spool::netrc_password("machine mail.test login me password", "mail.test", "me")
             .value_or("")
             .size());
  CHECK(!spool::netrc_password("machine", "mail.test", "me"));
}

TEST_CASE("secret: a file's first line, kept from others") {
  Folder folder;
  const auto path = folder.write("secret", "pass word \r\nmore\n");
  CHECK(fetched(Source::file, path) == "pass word ");
  folder.write("secret", "no end");
  CHECK(fetched(Source::file, path) == "no end");
  folder.write("secret", "");
  CHECK(fetched(Source::file, path) == "78: the password is empty");
  folder.write("secret", std::string("a\0b", 3));
  CHECK(fetched(Source::file, path) == "78: the password holds a NUL byte");
  folder.write("secret", std::string(65537, 'x'));
  CHECK(fetched(Source::file, path) == cat("78: ", path, ": too large for a password"));
  for (const unsigned mode : {0640u, 0604u, 0660u}) {
    folder.write("secret", "hunter2", mode);
    CHECK(fetched(Source::file, path) ==
          cat("78: ", path, ": a password that others can read; chmod 600 it"));
  }
  CHECK(fetched(Source::file, folder.path()) == cat("78: ", folder.path(), ": not a regular file"));
  CHECK(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(fetched(Source::file, folder / "fifo") ==
        cat("78: ", folder / "fifo", ": not a regular file"));
  CHECK(fetched(Source::file, folder / "none") ==
        cat("75: ", folder / "none", ": open: No such file or directory"));
  if (::geteuid() != 0) return;
  folder.write("secret", "hunter2");
  CHECK(::chown(path.c_str(), 12345, 0) == 0);
  CHECK(fetched(Source::file, path) == cat("78: ", path, ": belongs to uid 12345"));
}

TEST_CASE("secret: what a command says, and no more than its first line") {
  CHECK(fetched(Source::command, "echo first; echo second") == "first");
  CHECK(fetched(Source::command, "printf '%s' \"$HOME\"", "/home/jane") == "/home/jane");
  CHECK(fetched(Source::command, "echo \"$LOGNAME\"") == base::find_user(::geteuid())->name);
  CHECK(fetched(Source::command, "printf hunter2; exit 3") ==
        "75: password command: failed with status 3");
  CHECK(fetched(Source::command, "kill -9 $$") == "75: password command: failed with status 137");
  CHECK(fetched(Source::command, "true") == "78: the password is empty");
  CHECK(fetched(Source::command, "/none/such 2>&-") ==
        "75: password command: failed with status 127");
}

TEST_CASE("secret: a child of the command that lives on does not hold up the mail") {
  const auto start = std::chrono::steady_clock::now();
  CHECK(fetched(Source::command, "sleep 20 2>&- & echo pw") == "pw");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("secret: a command that never stops talking is ended") {
  CHECK(fetched(Source::command, "yes").starts_with("75: password command: "));
}

TEST_CASE("secret: a service manager's credential") {
  Folder folder;
  folder.write("smtp", "from systemd\n");
  ::setenv("CREDENTIALS_DIRECTORY", folder.path().c_str(), 1);
  CHECK(fetched(Source::credential, "smtp") == "from systemd");
  CHECK(fetched(Source::credential, "../smtp") ==
        "78: credential ../smtp: not given to this service (LoadCredential=)");
  ::unsetenv("CREDENTIALS_DIRECTORY");
  CHECK(fetched(Source::credential, "smtp") ==
        "78: credential smtp: not given to this service (LoadCredential=)");
}

TEST_CASE("secret: .netrc, for the host that is connected to and no other") {
  Folder folder;
  folder.write(".netrc", "machine backup.test login me password two\n");
  CHECK(fetched(Source::netrc, "", folder.path(), 1) == "two");
  CHECK(fetched(Source::netrc, "", folder.path()) ==
        cat("78: ", folder.path(), "/.netrc: nothing for user me at mail.test"));
  folder.write(".netrc", "machine backup.test login you password hunter2\n");
  CHECK(fetched(Source::netrc, "", folder.path(), 1) ==
        cat("78: ", folder.path(), "/.netrc: nothing for user me at backup.test"));
  folder.write(".netrc", "machine backup.test login me password hunter2\n", 0644);
  CHECK(fetched(Source::netrc, "", folder.path()) ==
        cat("78: ", folder.path(), "/.netrc: a password that others can read; chmod 600 it"));
}

TEST_CASE("secret: text as it stands, none and keyring are none") {
  CHECK(fetched(Source::text, "a ;#b") == "a ;#b");
  CHECK(fetched(Source::none, "") == "78: no password is configured");
  CHECK(fetched(Source::keyring, "") == "78: no password is configured");
}
