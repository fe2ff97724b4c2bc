#include <doctest/doctest.h>

#include "mail/leave.h"
#include "tests/unit/folder.h"
#include "tests/unit/mail/fake_folder.h"

namespace {

using reader::Session;

std::string name(const Session& session, std::string_view typed) {
  const auto path = reader::expand_name(session, typed);
  return path ? path.value() : path.error().text;
}

}  // namespace

TEST_CASE("names: what people type for mailboxes and files") {
  auto session = session_of(1);
  session.environment.all = {"HOME=/home/jane", "DIR=/srv", "EMPTY="};
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"%", "/var/mail/jane"},
      {"%bob", "/var/mail/bob"},
      {"%../x", "\"../x\": not a user's name"},
      {"#", "No previous file"},
      {"&", "/home/jane/mbox"},
      {"+x", "+x"},
      {"~", "/home/jane"},
      {"~/a b", "/home/jane/a b"},
      {"~nosuchuser-/x", "~nosuchuser-/x"},
      {"plain", "plain"},
      {"$DIR/x", "/srv/x"},
      {"${DIR}x$EMPTY$NONE", "/srvx"},
      {"a$", "a$"},
      {"${DIR", "${DIR"},
      {"", "No file specified."},
      {"$(touch X)", "\"$(touch X)\": Command substitution not allowed."},
      {"`touch X`", "\"`touch X`\": Command substitution not allowed."},
      {"a;b|c&d", "a;b|c&d"},
  };
  for (const auto& [typed, path] : cases) {
    CAPTURE(typed);
    CHECK(name(session, typed) == path);
  }
  session.variables.set("folder", "Mail");
  session.variables.set("MBOX", "+kept");
  session.previous_folder = "/tmp/before";
  CHECK(name(session, "+x") == "/home/jane/Mail/x");
  CHECK(name(session, "&") == "/home/jane/Mail/kept");
  CHECK(name(session, "#") == "/tmp/before");
  session.variables.set("folder", "~/M");
  CHECK(name(session, "+x") == "/home/jane/M/x");
  session.variables.set("folder", "/srv/mail");
  CHECK(name(session, "+x") == "/srv/mail/x");
}

TEST_CASE("names: a pattern names exactly one file") {
  const Folder folder;
  auto session = session_of(1);
  folder.write("one.mbox", "");
  CHECK(name(session, folder / "*.mbox") == folder / "one.mbox");
  folder.write("two.mbox", "");
  CHECK(name(session, folder / "*.mbox") == "\"" + (folder / "*.mbox") + "\": Ambiguous.");
  CHECK(name(session, folder / "x*") == "\"" + (folder / "x*") + "\": No match.");
  folder.write("x*", "");
  CHECK(name(session, folder / "x*") == folder / "x*");
}
