#include "mail/leave.h"

#include <algorithm>
#include <utility>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/append.h"
#include "mail/walk.h"

namespace reader {

using base::cat;
using base::Result;

namespace {

std::string messages_text(std::size_t count) {
  return cat(count, count == 1 ? " message" : " messages");
}

// What becomes of a message of the system mailbox (POSIX mailx, "Receive Mode").
enum class Fate { stays, to_mbox, goes };

Fate fate_of(const Session& session, Marks marks) {
  if ((marks & Mark::preserved) != 0) return Fate::stays;
  if ((marks & Mark::deleted) != 0) return Fate::goes;
  if ((marks & Mark::to_mbox) != 0) return Fate::to_mbox;
  if ((marks & Mark::saved) != 0 && !session.variables.is_set("keepsave")) return Fate::goes;
  if ((marks & Mark::used) == 0) return Fate::stays;
  return session.variables.is_set("hold") ? Fate::stays : Fate::to_mbox;
}

std::vector<Fate> fates_of(const Session& session) {
  std::vector<Fate> fates;
  for (const auto marks : session.marks) {
    const bool goes = (marks & Mark::deleted) != 0;
    const auto elsewhere = goes ? Fate::goes : Fate::stays;
    fates.push_back(session.is_system_mailbox ? fate_of(session, marks) : elsewhere);
  }
  return fates;
}

// Messages that are to be in mbox, one by one. One that another program removed is gone.
store::StoredMessages moved_messages(const Session& session, const std::vector<Fate>& fates,
                                     std::size_t& count) {
  return [&session, &fates, &count, next = std::size_t{0}]() mutable -> Result<std::string> {
    while (next < fates.size()) {
      const auto index = next++;
      if (fates[index] != Fate::to_mbox) continue;
      auto message = stored_copy(session, index);
      if (!message && message.error().kind == base::Kind::no_input) continue;
      if (message) ++count;
      return message;
    }
    return std::string();
  };
}

Result<> move_to_mbox(Session& session, const std::string& mbox, const std::vector<Fate>& fates,
                      std::size_t& count) {
  const auto messages = moved_messages(session, fates, count);
  if (!session.variables.is_set("append")) return prepend_each(session, mbox, messages);
  TRY(append_each(session, mbox, messages));
  return {};
}

Result<Folder::Left> commit(Session& session, const std::vector<Fate>& fates, const Ready& ready) {
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < fates.size(); ++i)
    verdicts.push_back({fates[i] != Fate::stays, flags_now(session, i)});
  // Whoever delivers to the system mailbox need not be able to make it.
  const bool keep = session.is_system_mailbox || session.variables.is_set("keep");
  return session.folder->commit_when(
      verdicts, keep ? Folder::WhenEmpty::keep : Folder::WhenEmpty::remove, ready);
}

void close_folder(Session& session) {
  session.folder.reset();
  session.marks.clear();
  session.order.clear();
  session.depth.clear();
  session.found.clear();
  session.sorted_by.clear();
  session.announced.reset();
  session.dot = session.screen = 0;
}

/// What goes from the system mailbox to mbox: put there while the system mailbox is locked and its
/// new text is ready, so that nothing gets there that stays here as well.
class Move {
 public:
  Move(Session& session, std::vector<Fate>& fates, std::string mbox)
      : session_(session), fates_(fates), mbox_(std::move(mbox)) {}

  Ready act() {
    if (std::count(fates_.begin(), fates_.end(), Fate::to_mbox) == 0) return {};
    return [this] {
      std::size_t count = 0;
      auto moved = move_to_mbox(session_, mbox_, fates_, count);
      if (moved) count_ = count;
      return moved;
    };
  }
  // They are in mbox, and need not get there again when this is tried once more.
  void forget() const {
    for (std::size_t i = 0; i < fates_.size(); ++i)
      if (count_ > 0 && fates_[i] == Fate::to_mbox) session_.marks[i] |= Mark::deleted;
  }
  void tell() const {
    if (count_ > 0)
      base::print(cat("Saved ", messages_text(count_), " in ", base::printable(mbox_), "\n"));
  }

 private:
  Session& session_;
  std::vector<Fate>& fates_;
  std::string mbox_;
  std::size_t count_ = 0;
};

Result<> leave_system_mailbox(Session& session) {
  auto fates = fates_of(session);
  std::string mbox;
  if (std::count(fates.begin(), fates.end(), Fate::to_mbox) > 0) {
    TRY_LET(path, expand_name(session, "&"));
    if (same_place(path, session.folder_name))
      std::replace(fates.begin(), fates.end(), Fate::to_mbox, Fate::stays);
    mbox = std::move(path);
  }
  Move move(session, fates, std::move(mbox));
  auto left = commit(session, fates, move.act());
  move.tell();
  if (!left) {
    move.forget();
    return std::move(left).error();
  }
  const auto held = std::count(fates.begin(), fates.end(), Fate::stays);
  if (left.value().arrived > 0) base::print("New mail has arrived.\n");
  if (held > 0)
    base::print(cat("Held ", messages_text(static_cast<std::size_t>(held)), " in ",
                    base::printable(session.folder_name), "\n"));
  return {};
}

// Of any other file nothing is said unless it changes.
Result<> leave_file(Session& session) {
  const auto fates = fates_of(session);
  bool changes = false;
  for (std::size_t i = 0; i < fates.size(); ++i)
    changes =
        changes || fates[i] == Fate::goes || flags_now(session, i) != session.folder->flags(i);
  TRY_LET(left, commit(session, fates, {}));
  if (!changes) return {};
  const char* what = left.removed ? "removed" : left.messages == 0 ? "truncated" : "complete";
  base::print(cat("\"", base::printable(session.folder_name), "\" ", what, "\n"));
  return {};
}

std::size_t first_of_interest(const Session& session) {
  const auto find = [&](auto wanted) {
    const auto found = std::find_if(session.marks.begin(), session.marks.end(), wanted);
    return static_cast<std::size_t>(found - session.marks.begin());
  };
  auto index = find([](Marks marks) { return (marks & Mark::is_new) != 0; });
  if (index == session.marks.size())
    index = find([](Marks marks) { return (marks & Mark::is_read) == 0; });
  return index == session.marks.size() ? 0 : index;
}

// `+name` where the file lies in `folder`.
std::string shown_name(const Session& session) {
  if (!session.variables.text("folder").empty()) {
    const auto inside = expand_name(session, "+x");
    if (inside && inside.value().ends_with('x')) {
      const std::string_view folder(inside.value().data(), inside.value().size() - 1);
      if (session.folder_name.starts_with(folder))
        return cat("+", session.folder_name.substr(folder.size()));
    }
  }
  return session.folder_name;
}

}  // namespace

Result<> enter(Session& session, const std::string& name, bool system_mailbox) {
  TRY_LET(folder, open_folder(store::mailbox_at(name), owner_of(session)));
  close_folder(session);
  if (const auto remark = folder->remark(); !remark.empty())
    base::complain(base::printable(remark));
  session.folder = std::move(folder);
  if (!session.folder_name.empty()) session.previous_folder = session.folder_name;
  session.folder_name = name;
  session.is_system_mailbox = system_mailbox;
  mark_arrivals(session);
  session.dot = first_of_interest(session);
  return {};
}

std::string summary(const Session& session) {
  const auto count = [&](int wanted, int value) {
    return std::count_if(session.marks.begin(), session.marks.end(),
                         [=](Marks marks) { return (marks & wanted) == value; });
  };
  const auto fresh = count(Mark::is_new, Mark::is_new), unread = count(Mark::is_read, 0);
  const auto deleted = count(Mark::deleted, Mark::deleted);
  const auto saved = count(Mark::saved, Mark::saved);
  std::string text =
      cat("\"", base::printable(shown_name(session)), "\": ", messages_text(session.marks.size()));
  if (fresh > 0) text += cat(" ", fresh, " new");
  if (unread > fresh) text += cat(" ", unread, " unread");
  if (deleted > 0) text += cat(" ", deleted, " deleted");
  if (saved > 0) text += cat(" ", saved, " saved");
  if (session.read_only || (session.folder && session.folder->read_only())) text += " [Read only]";
  return text + "\n";
}

Result<> leave(Session& session) {
  if (!session.folder) return {};
  if (!session.read_only && !session.folder->read_only()) {
    TRY(session.is_system_mailbox ? leave_system_mailbox(session) : leave_file(session));
  }
  close_folder(session);
  return {};
}

}  // namespace reader
