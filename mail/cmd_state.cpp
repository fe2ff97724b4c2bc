// What messages are: deleted, kept, read, new.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/command.h"
#include "mail/run.h"
#include "mail/table.h"
#include "mail/walk.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

Result<> writable(const Session& session, const Call& call) {
  if (!session.read_only && !session.folder->read_only()) return {};
  return Error{Kind::usage,
               cat("May not execute \"", call.name, "\" -- message file is read only")};
}

void change(Session& session, std::size_t index, int set, int clear) {
  auto& marks = session.marks[index];
  marks = static_cast<Marks>((marks & ~clear) | set);
}

Result<Next> autoprint(Session& session) {
  if (!session.variables.is_set("autoprint") || has_mark(session, session.dot, Mark::deleted))
    return Next::go_on;
  return print_messages(session, {session.dot});
}

// The current message is then the one behind the last of them; false: none is left.
bool remove(Session& session, const std::vector<std::size_t>& messages) {
  for (const auto index : messages) {
    touch(session, index);
    change(session, index, Mark::deleted | Mark::used,
           Mark::preserved | Mark::saved | Mark::to_mbox);
  }
  session.dot = messages.back();
  const auto next = nearest(session, Among::present);
  session.dot = next.value_or(0);
  return next.has_value();
}

Result<Next> delete_all(Session& session, const Call& call) {
  TRY(writable(session, call));
  remove(session, call.messages);
  return autoprint(session);
}

Result<Next> delete_and_print(Session& session, const Call& call) {
  TRY(writable(session, call));
  const auto before = place_of(session, session.dot);
  if (!remove(session, call.messages)) base::print("No more messages\n");
  else if (place_of(session, session.dot) > before) return print_messages(session, {session.dot});
  else base::print("At EOF\n");
  return Next::go_on;
}

Result<Next> undelete(Session& session, const Call& call) {
  for (const auto index : call.messages) {
    if (!has_mark(session, index, Mark::deleted)) continue;  // a range may hold it
    touch(session, index);
    change(session, index, 0, Mark::deleted);
  }
  session.dot = call.messages.back();
  return autoprint(session);
}

// Sets and clears marks of all, the last of which becomes the current message.
Result<Next> change_all(Session& session, const Call& call, int set, int clear) {
  TRY(writable(session, call));
  for (const auto index : call.messages) change(session, index, set, clear);
  session.dot = call.messages.back();
  return Next::go_on;
}

Result<Next> hold(Session& session, const Call& call) {
  if (!session.is_system_mailbox)
    return Error{Kind::usage, cat("Cannot \"", call.name, "\" in edit mode")};
  return change_all(session, call, Mark::preserved, Mark::to_mbox);
}

Result<Next> touch_all(Session& session, const Call& call) {
  return change_all(session, call, Mark::used, Mark::preserved);
}

Result<Next> unread(Session& session, const Call& call) {
  return change_all(session, call, Mark::changed,
                    Mark::is_read | Mark::used | Mark::saved | Mark::to_mbox);
}

Result<Next> make_new(Session& session, const Call& call) {
  return change_all(session, call, Mark::is_new | Mark::changed,
                    Mark::is_read | Mark::used | Mark::saved | Mark::to_mbox);
}

Result<Next> flag(Session& session, const Call& call) {
  return change_all(session, call, Mark::flag_mark | Mark::changed, Mark::flag_taken);
}

Result<Next> unflag(Session& session, const Call& call) {
  return change_all(session, call, Mark::flag_taken | Mark::changed, Mark::flag_mark);
}

/// A file for an editor, of the user's own; it goes with the object.
class Draft {
 public:
  explicit Draft(const Session& session) : path_(session.environment.tmp + "/mail.XXXXXX") {}
  Draft(const Draft&) = delete;
  ~Draft() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

  Result<> write(std::string_view text) {
    const base::Fd file(::mkostemp(path_.data(), O_CLOEXEC));
    if (!file) return base::system_error(path_, "create", errno);
    return base::write_all(file.number(), text, path_);
  }

 private:
  std::string path_;
};

// POSIX: whatever is done to it, the message stays as it is.
Result<> edit_one(Session& session, std::size_t index, const std::string& editor) {
  TRY_LET(text, session.folder->stored(index));
  Draft draft(session);
  TRY(draft.write(text));
  TRY(run_program(session, {shell_of(session), "-c", editor + " \"$1\"", "mail", draft.path()}));
  touch(session, index);
  session.dot = index;
  return {};
}

Result<Next> edit_all(Session& session, const Call& call, const std::string& editor) {
  for (const auto index : call.messages) TRY(edit_one(session, index, editor));
  return Next::go_on;
}

Result<Next> edit(Session& session, const Call& call) {
  return edit_all(session, call, session.variables.text("EDITOR", "editor"));
}

Result<Next> visual(Session& session, const Call& call) {
  return edit_all(session, call, session.variables.text("VISUAL", "vi"));
}

constexpr auto messages = Takes::messages;

constexpr Command rows[] = {
    {"delete", 1, messages, false, delete_all, "[messages]  delete messages"},
    {"dp", 2, messages, false, delete_and_print, "[messages]  delete messages and print the next"},
    {"dt", 2, messages, false, delete_and_print, "[messages]  the same as dp"},
    {"undelete", 1, Takes::undelete, false, undelete, "[messages]  take back a delete"},
    {"hold", 2, messages, false, hold, "[messages]  keep messages in the system mailbox"},
    {"preserve", 3, messages, false, hold, "[messages]  the same as hold"},
    {"touch", 3, messages, false, touch_all, "[messages]  have messages go to mbox unread"},
    {"unread", 3, messages, false, unread, "[messages]  mark messages as not read"},
    {"Unread", 1, messages, false, unread, "[messages]  the same as unread"},
    {"new", 3, messages, false, make_new, "[messages]  mark messages as new"},
    {"flag", 2, messages, false, flag, "[messages]  mark messages as important"},
    {"mark", 3, messages, false, flag, "[messages]  the same as flag"},
    {"unflag", 4, messages, false, unflag, "[messages]  take back a flag"},
    {"edit", 1, messages, false, edit, "[messages]  look at messages with EDITOR"},
    {"visual", 1, messages, false, visual, "[messages]  look at messages with VISUAL"},
};

}  // namespace

std::span<const Command> state_commands() { return rows; }

}  // namespace reader
