#include "mail/append.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/main.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/base/user.h"
#include "lib/rfc/header.h"
#include "lib/store/checksum.h"
#include "lib/store/mail_lock.h"
#include "lib/store/maildir.h"
#include "lib/store/mbox.h"
#include "lib/store/mbox_append.h"
#include "mail/fields.h"
#include "mail/maildir_folder.h"
#include "mail/mbox_status.h"
#include "mail/rewrite.h"
#include "mail/sent_date.h"

namespace reader {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;
using store::LockedFile;

namespace {

using store::StoredMessages;

// A path that has a folder in it, and no link at its end: one of ours leads where it leads, one of
// others leads nowhere.
Result<std::string> resolved(const std::string& path, uid_t uid) {
  const std::string typed = path.find('/') == std::string::npos ? "./" + path : path;
  struct stat status;
  if (::lstat(typed.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return typed;
  if (status.st_uid != uid && status.st_uid != 0)
    return Error{Kind::no_permission, cat(path, ": is somebody else's symbolic link")};
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(typed.c_str(), nullptr), ::free);
  if (real == nullptr) return base::system_error(path, "open", errno);
  return std::string(real.get());
}

bool is_folder(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool exists(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

// A message of an mbox as it was sent, in a file without a name.
Result<Fd> unquoted_file(std::string_view stored) {
  stored.remove_prefix(std::min(stored.size(), stored.find('\n') + 1));
  if (stored.ends_with("\n\n")) stored.remove_suffix(1);
  else if (stored.ends_with("\n\r\n")) stored.remove_suffix(2);
  Fd file(::memfd_create("message", MFD_CLOEXEC));
  if (!file) return base::system_error("message", "create", errno);
  TRY(base::write_all(file.number(), store::mboxrd_unquoted(stored), "message"));
  return file;
}

// One delivery's name among all: the moment, and what is delivered.
std::string delivery_name(const Session& session, const std::string& message, std::size_t number) {
  const auto micros = session.clock().time_since_epoch().count();
  store::Checksum sum;
  sum.add(session.person.host);
  sum.add(message);
  return cat(micros / 1'000'000, ".M", micros % 1'000'000, "Q", number, "C", sum.hex());
}

// When a message arrived, as its From_ line says: local time.
std::optional<std::int64_t> arrival(std::string_view message) {
  std::vector<std::string_view> words;
  for (const auto word : base::split(envelope_date(message.substr(0, message.find('\n'))), ' '))
    if (!base::trim(word).empty()) words.push_back(base::trim(word));
  if (words.size() < 5) return std::nullopt;
  // Mon Jan 2 08:50:01 [zone] 2021
  const auto time = sent_date(cat(words[2], " ", words[1], " ", words.back(), " ", words[3]));
  if (!time) return std::nullopt;
  return *time - base::local_offset(base::Time(std::chrono::seconds(*time)));
}

// What an mbox keeps in Status and X-Status stands in the name in a maildir, and the time of
// arrival is the file's. A message without flags is new.
Result<std::string> deliver(const Session& session, const std::string& path,
                            const std::string& message, std::size_t number) {
  const auto flags = flags_of(message);
  TRY_LET(file, unquoted_file(with_flags(message, 0)));
  struct stat status;
  if (::fstat(file.number(), &status) != 0) return base::system_error(path, "stat", errno);
  const store::MessageText text{file.number(), 0, static_cast<std::uint64_t>(status.st_size)};
  const auto name = delivery_name(session, message, number);
  store::MaildirDelivery delivery{name, "", std::nullopt, arrival(message)};
  if (flags != 0) delivery.flags = maildir_letters(flags);
  TRY(store::deliver_maildir(path, session.person.uid, delivery, text));
  return flags == 0 ? cat("new/", name) : cat("cur/", name, ":2,", *delivery.flags);
}

Result<> interrupted(const std::string& path) {
  if (!base::SignalsHeld::wanted()) return {};
  return Error{Kind::retry, cat(path, ": interrupted"), EINTR};
}

Result<> append_to_maildir(const Session& session, const std::string& path,
                           const StoredMessages& messages) {
  std::vector<std::string> names;
  const auto next = [&]() -> Result<bool> {
    TRY(interrupted(path));
    TRY_LET(message, messages());
    if (message.empty()) return false;
    TRY_LET(name, deliver(session, path, message, names.size()));
    names.push_back(std::move(name));
    return true;
  };
  auto more = next();
  while (more && more.value()) more = next();
  if (more) return {};
  for (const auto& name : names) ::unlink(cat(path, "/", name).c_str());
  return std::move(more).error();
}

Result<> append_to_file(const Session& session, const std::string& path,
                        const StoredMessages& messages) {
  const auto owner = owner_of(session);
  const bool fresh = !exists(path);
  TRY_LET(file, LockedFile::open(path, owner.uid, owner.lock_limit));
  auto appended = store::append_stored(file, messages);
  if (!appended && fresh && file.size() == 0) ::unlink(path.c_str());
  return appended;
}

// Whether it begins with a message, so that others can stand before it.
bool is_mbox(const std::string& path) {
  const auto file = base::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path);
  if (!file) return false;
  char start[4097];
  const auto got = base::read_at(file.value().number(), start, 0, path);
  const std::string_view text(start, got ? got.value() : 0);
  return store::is_from_line(text.substr(0, text.find('\n')));
}

// The messages, and what was there.
NewText before_others(const StoredMessages& messages, const LockedFile& file) {
  return [&messages, &file, ended = false, at = std::uint64_t{0}]() mutable -> Result<std::string> {
    if (!ended) {
      TRY_LET(message, messages());
      ended = message.empty();
      if (!ended) return message;
    }
    std::string piece(1 << 20, '\0');
    TRY_LET(got, base::read_at(file.number(), piece, at, file.path()));
    piece.resize(got);
    at += got;
    return piece;
  };
}

// Fields that are not to be saved, with their continuations.
std::string without_fields(std::string_view text, const FieldList& fields) {
  const auto head = find_head(text, true);
  std::string kept(text.substr(0, head.begin));
  bool shown = true;
  for (auto at = head.begin; at < head.end;) {
    const auto end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const auto line = text.substr(at, end - at);
    if (line[0] != ' ' && line[0] != '\t')
      shown = fields.shows(base::lowered(line.substr(0, rfc::field_name_length(line))));
    if (shown) kept += line;
    at = end;
  }
  return kept.append(text.substr(head.end));
}

// HOME is somebody else's where sudo left it: what root made there would not be theirs.
std::string home_for_journals(const Person& person) {
  struct stat status;
  if (::stat(person.home.c_str(), &status) == 0 && status.st_uid == person.uid) return person.home;
  const auto user = base::find_user(person.uid);
  return user ? base::own_home(*user).value_or("") : "";
}

// Whoever counts what is taken counts what nobody keeps, too.
Result<> read_all(const StoredMessages& messages) {
  while (true) {
    TRY_LET(message, messages());
    if (message.empty()) return {};
  }
}

}  // namespace

Owner owner_of(const Session& session) {
  Owner owner;
  owner.uid = session.person.uid;
  const auto home = home_for_journals(session.person);
  if (!home.empty()) owner.journals = cat(home, "/.local/state/postbag/mail");
  return owner;
}

Flags flags_now(const Session& session, std::size_t index) {
  const auto marks = session.marks[index];
  Flags flags = session.folder->flags(index) & ~(seen | old);
  const auto set = [&](int mark, int flag) {
    if ((marks & mark) != 0) flags = static_cast<Flags>(flags | flag);
  };
  flags |= old;
  set(Mark::is_read, seen);
  set(Mark::replied, answered);
  set(Mark::flag_mark, flagged);
  if ((marks & Mark::flag_taken) != 0) flags = static_cast<Flags>(flags & ~flagged);
  return flags;
}

Result<std::string> stored_copy(const Session& session, std::size_t index) {
  TRY_LET(text, session.folder->stored(index));
  text = with_flags(text, flags_now(session, index));
  const auto& fields = session.stored;
  if (fields.ignored.empty() && fields.retained.empty()) return text;
  return without_fields(text, fields);
}

Result<Appended> append_each(const Session& session, const std::string& path,
                             const StoredMessages& messages) {
  if (path == "/dev/null") {
    TRY(read_all(messages));
    return Appended::to_existing;
  }
  const base::SignalsHeld held;
  TRY_LET(place, resolved(path, session.person.uid));
  const bool maildir = place.ends_with('/') || is_maildir(place);
  if (is_folder(place) && !maildir)
    return Error{Kind::no_permission, cat(path, ": ", ::strerror(EISDIR)), EISDIR};
  const auto mailbox = store::mailbox_at(place);
  const auto how = exists(mailbox.place) ? Appended::to_existing : Appended::to_new;
  if (maildir) TRY(append_to_maildir(session, mailbox.place, messages));
  else TRY(append_to_file(session, mailbox.place, messages));
  return how;
}

StoredMessages one_by_one(const std::vector<std::string>& messages) {
  return [&messages, next = std::size_t{0}]() mutable -> Result<std::string> {
    return next < messages.size() ? messages[next++] : std::string();
  };
}

Result<Appended> append_messages(const Session& session, const std::string& path,
                                 const std::vector<std::string>& messages) {
  return append_each(session, path, one_by_one(messages));
}

Result<> prepend_each(const Session& session, const std::string& path,
                      const StoredMessages& messages) {
  const auto owner = owner_of(session);
  TRY_LET(typed, resolved(path, owner.uid));
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(typed.c_str(), nullptr), ::free);
  if (real == nullptr || is_folder(typed) || owner.journals.empty() || !is_mbox(typed)) {
    TRY(append_each(session, path, messages));
    return {};
  }
  const base::SignalsHeld held;
  TRY_LET(remark, finish_rewrite(real.get(), owner));
  if (!remark.empty()) base::complain(base::printable(remark));
  TRY_LET(file, LockedFile::open(real.get(), owner.uid, owner.lock_limit));
  return rewrite(file, {0, before_others(messages, file), Announce::nothing, {}}, owner);
}

bool same_place(const std::string& one, const std::string& other) {
  struct stat first, second;
  return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace reader
