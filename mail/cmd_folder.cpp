// Mailboxes are opened, looked at anew and left.
#include <array>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/append.h"
#include "mail/command.h"
#include "mail/leave.h"
#include "mail/run.h"
#include "mail/screen.h"
#include "mail/walk.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

Result<> list_headers(Session& session) {
  base::print(summary(session));
  if (message_count(session) == 0 || !session.variables.is_set("header")) return {};
  return list_page(session, session.dot);
}

// The one at hand is left only when the other can be opened. It may be the same one, changed.
Result<Next> file(Session& session, const Call& call) {
  const auto name = base::trim(call.text);
  if (name.empty()) {
    if (!session.folder) return Error{Kind::usage, "No mailbox is open"};
    base::print(summary(session));
    return Next::go_on;
  }
  // It answers a message of this mailbox, or quotes some.
  if (session.letters > 0) return Error{Kind::usage, "Not while a letter is written"};
  TRY_LET(path, expand_name(session, name));
  const bool system = name == "%";
  std::string remark;  // what was mended as it was opened first is told by nobody later
  if (path != session.folder_name) {
    TRY_LET(folder, open_folder(store::mailbox_at(path), owner_of(session)));
    remark = folder->remark();
  }
  auto entered = leave(session);
  if (entered) entered = enter(session, path, system);
  const bool told = entered && session.folder->remark() == remark;
  if (!told && !remark.empty()) base::complain(base::printable(remark));
  TRY(entered);
  TRY(list_headers(session));
  return Next::go_on;
}

// A word for a shell.
std::string quoted(std::string_view word) {
  std::string text = "'";
  for (const char c : word) {
    if (c == '\'') text += "'\\''";
    else text.push_back(c);
  }
  return text + "'";
}

Result<Next> folders(Session& session, const Call& /*call*/) {
  if (session.variables.text("folder").empty())
    return Error{Kind::usage, "No value set for \"folder\""};
  TRY_LET(folder, expand_name(session, "+"));
  TRY(run_shell(session, cat(session.variables.text("LISTER", "ls"), " ", quoted(folder))));
  return Next::go_on;
}

Result<Next> inc(Session& session, const Call& /*call*/) {
  if (!session.folder) return Error{Kind::usage, "No mailbox is open"};
  const auto first = session.announced.value_or(message_count(session));
  TRY(session.folder->update());
  mark_arrivals(session);
  session.announced.reset();
  if (first == message_count(session)) {
    base::print("No new mail.\n");
    return Next::go_on;
  }
  session.dot = first;
  while (session.dot + 1 < message_count(session) && !has_mark(session, session.dot, Mark::is_new))
    ++session.dot;
  if (!has_mark(session, session.dot, Mark::is_new)) session.dot = first;
  base::print(summary(session));
  return Next::go_on;
}

Result<Next> quit(Session& /*session*/, const Call& /*call*/) { return Next::quit; }
Result<Next> leave_unchanged(Session& /*session*/, const Call& /*call*/) { return Next::exit; }

constexpr std::array commands_here = {
    Command{"file", 2, Takes::text, false, file, "[name]  leave this mailbox and open another"},
    Command{"folder", 4, Takes::text, false, file, "[name]  the same"},
    Command{"folders", 7, Takes::nothing, false, folders, "  list the mailboxes in the folder"},
    Command{"inc", 3, Takes::nothing, false, inc, "  look for mail that came meanwhile"},
    Command{"newmail", 4, Takes::nothing, false, inc, "  the same"},
    Command{"quit", 1, Takes::nothing, true, quit, "  leave, and carry out what was asked"},
    Command{"exit", 2, Takes::nothing, true, leave_unchanged, "  leave the mailbox as it was"},
    Command{"xit", 1, Takes::nothing, true, leave_unchanged, "  the same"},
};

}  // namespace

std::span<const Command> folder_commands() { return commands_here; }

}  // namespace reader
