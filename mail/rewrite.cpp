#include "mail/rewrite.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/store/checksum.h"
#include "mail/journal.h"
#include "mail/mbox_file.h"

namespace reader {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;
using store::LockedFile;

namespace {

constexpr std::size_t piece = 1 << 20;

Result<> interrupted(const std::string& path) {
  if (!base::SignalsHeld::wanted()) return {};
  return Error{Kind::retry, cat(path, ": interrupted"), EINTR};
}

// Where the journals of a user lie, and the name of one mailbox's.
struct Journals {
  Fd folder;
  std::string path, name;
  std::string draft() const { return name + ".new"; }
};

std::string name_for(const std::string& mailbox) {
  store::Checksum sum;
  sum.add(mailbox);
  return cat("rewrite.", sum.hex());
}

Result<Journals> open_journals(const Owner& owner, const std::string& mailbox) {
  if (owner.journals.empty())
    return Error{Kind::config, cat(mailbox, ": there is no folder to keep a journal in")};
  TRY(base::make_directories(owner.journals));
  TRY_LET(folder, base::open_directory(owner.journals));
  struct stat status;
  if (::fstat(folder.number(), &status) != 0)
    return base::system_error(owner.journals, "stat", errno);
  if (status.st_uid != owner.uid || (status.st_mode & 022) != 0)
    return Error{Kind::no_permission, cat(owner.journals, ": others may write there")};
  return Journals{std::move(folder), owner.journals, name_for(mailbox)};
}

struct Journal {
  Fd file;
  JournalFacts facts;
};

// Text that comes in pieces of any size is written in large ones.
Result<> write_text(int file, const NewText& text, JournalFacts& facts, const std::string& what) {
  Sum sum;
  std::string buffer;
  std::uint64_t at = journal_header_size;
  for (bool ended = false; !ended;) {
    TRY_LET(next, text());
    ended = next.empty();
    buffer += next;
    if (!ended && buffer.size() < piece) continue;
    sum.add(buffer);
    TRY(base::write_all_at(file, buffer, at, what));
    at += buffer.size();
    buffer.clear();
    TRY(interrupted(facts.path));
  }
  facts.new_size = facts.offset + (at - journal_header_size);
  facts.text = sum.value();
  return {};
}

Result<> write_draft(Journal& journal, const LockedFile& mailbox, const NewText& text,
                     const std::string& what) {
  auto& facts = journal.facts;
  const int file = journal.file.number();
  TRY(write_text(file, text, facts, what));
  if (facts.text_size() == 0) return {};
  TRY_LET(before, sum_before(mailbox.number(), facts.offset));
  facts.before = before;
  TRY_LET(sectors, list_sectors(mailbox.number(), facts));
  Sum sum;
  sum.add(sectors);
  facts.sectors = sum.value();
  TRY(base::write_all_at(file, sectors, journal_header_size + facts.text_size(), what));
  TRY(base::write_all_at(file, journal_header(facts), 0, what));
  return base::sync(file, what);
}

// The journal under a name that does not count yet.
Result<Journal> write_journal(const Journals& journals, const LockedFile& mailbox,
                              std::uint64_t offset, const NewText& text) {
  const std::string what = cat(journals.path, "/", journals.draft());
  if (mailbox.path().size() > journal_header_size / 2)
    return Error{Kind::no_permission, cat(mailbox.path(), ": its name is too long")};
  ::unlinkat(journals.folder.number(), journals.draft().c_str(), 0);  // of one who was killed
  constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;
  TRY_LET(file, base::open_at(journals.folder.number(), journals.draft(), flags, 0600, what));
  Journal journal{std::move(file), {mailbox.path(), offset, mailbox.size()}};
  auto written = write_draft(journal, mailbox, text, what);
  if (written) return journal;
  ::unlinkat(journals.folder.number(), journals.draft().c_str(), 0);
  return std::move(written).error();
}

// The commit point.
Result<> publish(const Journals& journals) {
  const int folder = journals.folder.number();
  const std::string what = cat(journals.path, "/", journals.name);
  if (::renameat(folder, journals.draft().c_str(), folder, journals.name.c_str()) != 0)
    return base::system_error(what, "rename", errno);
  return base::sync(folder, what);
}

// The name has to be gone for good: the mailbox will change, and it would not fit then.
void remove_journal(const Journals& journals, const std::string& name) {
  ::unlinkat(journals.folder.number(), name.c_str(), 0);
  (void)base::sync(journals.folder.number(), journals.path);
}

Result<> cut(const LockedFile& mailbox, std::uint64_t size) {
  while (::ftruncate(mailbox.number(), static_cast<off_t>(size)) != 0)
    if (errno != EINTR) return base::system_error(mailbox.path(), "truncate", errno);
  return {};
}

// Bytes of the mailbox from the journal. What only needs room may be given up.
enum class Copy { room, to_the_end };
Result<> copy(const LockedFile& mailbox, const Journal& journal, std::uint64_t from,
              std::uint64_t to, Copy how) {
  std::string buffer(piece, '\0');
  while (from < to) {
    if (how == Copy::room) TRY(interrupted(mailbox.path()));
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(to - from, piece));
    const auto at = journal_header_size + (from - journal.facts.offset);
    TRY_LET(got, base::read_at(journal.file.number(), {buffer.data(), size}, at, "journal"));
    if (got < size) return Error{Kind::io, "journal: shorter than it was"};
    TRY(base::write_all_at(mailbox.number(), std::string_view(buffer).substr(0, size), from,
                           mailbox.path()));
    from += size;
  }
  return {};
}

void set_times(const LockedFile& mailbox, Announce announce) {
  struct stat status;
  if (::fstat(mailbox.number(), &status) != 0) return;
  timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  if (announce == Announce::mail) times[0] = {status.st_mtim.tv_sec - 1, 0};
  ::futimens(mailbox.number(), times);
}

// What needs room, first.
Result<> extend_mailbox(const LockedFile& mailbox, const Journal& journal, Copy how) {
  if (journal.facts.new_size <= mailbox.size()) return {};
  TRY(copy(mailbox, journal, mailbox.size(), journal.facts.new_size, how));
  return base::sync_data(mailbox.number(), mailbox.path());
}

Result<> overwrite(const LockedFile& mailbox, const Journal& journal, Announce announce) {
  const auto end = journal.facts.new_size;
  TRY(copy(mailbox, journal, journal.facts.offset, std::min(mailbox.size(), end),
           Copy::to_the_end));
  if (end < mailbox.size()) {
    TRY(base::sync_data(mailbox.number(), mailbox.path()));
    TRY(cut(mailbox, end));
  }
  set_times(mailbox, announce);
  return base::sync(mailbox.number(), mailbox.path());
}

Error to_be_finished(Error error) {
  error.text += " (the next start will finish this)";
  return error;
}

// What remains was there before: no journal is needed. If the disk has not heard of it when the
// power fails, what was deleted is there again, which is no loss; so that is not made an error.
Result<> cut_and_keep(const LockedFile& mailbox, std::uint64_t size, Announce announce) {
  TRY(cut(mailbox, size));
  set_times(mailbox, announce);
  (void)base::sync(mailbox.number(), mailbox.path());
  return {};
}

// What a journal says is put beside it as a mailbox of its own, under a name that is free.
Result<std::string> set_aside(const Journals& journals, const Journal& journal) {
  const int folder = journals.folder.number();
  TRY_LET(file, base::open_at(folder, journals.draft(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW,
                              0600, journals.path));
  std::string buffer(piece, '\0');
  for (std::uint64_t at = 0; at < journal.facts.text_size(); at += buffer.size()) {
    buffer.resize(
        static_cast<std::size_t>(std::min<std::uint64_t>(piece, journal.facts.text_size() - at)));
    TRY(base::read_at(journal.file.number(), buffer, journal_header_size + at, journals.path));
    TRY(base::write_all_at(file.number(), buffer, at, journals.path));
  }
  TRY(base::sync(file.number(), journals.path));
  for (unsigned number = 1;; ++number) {
    const std::string name = cat("recovered.", journals.name.substr(8), ".", number);
    if (::renameat2(folder, journals.draft().c_str(), folder, name.c_str(), RENAME_NOREPLACE) == 0)
      return name;
    if (errno != EEXIST) return base::system_error(journals.path, "rename", errno);
  }
}

Result<std::string> keep_apart(const Journals& journals, const Journal& journal) {
  TRY_LET(name, set_aside(journals, journal));
  TRY(base::sync(journals.folder.number(), journals.path));
  remove_journal(journals, journals.name);
  return cat(
      journal.facts.path,
      ": a crash cut off its rewriting, and it was changed since; what it was to hold is in ",
      journals.path, "/", name);
}

Result<std::string> keep_damaged(const Journals& journals) {
  const int folder = journals.folder.number();
  const std::string name = cat("damaged.", journals.name.substr(8));
  if (::renameat(folder, journals.name.c_str(), folder, name.c_str()) != 0)
    return base::system_error(journals.path, "rename", errno);
  TRY(base::sync(folder, journals.path));
  return cat(journals.path, "/", name, ": is damaged; it held what a mailbox was to hold");
}

// Mail that came late, from its From_ line on: the empty lines before it ended another text.
Result<std::uint64_t> from_line_of(const LockedFile& mailbox, std::uint64_t late) {
  char start[2] = {};
  TRY_LET(got, base::read_at(mailbox.number(), start, late, mailbox.path()));
  const std::string_view text(start, got);
  return late + std::min(text.find_first_not_of('\n'), text.size());
}

// The LFs that the journal's text lacks for mail to begin behind it.
Result<std::string> completion(const Journal& journal, const LockedFile& mailbox) {
  const auto size = journal.facts.text_size();
  char last[2] = {'\n', '\n'};
  TRY(base::read_at(journal.file.number(), {last + 1, 1}, journal_header_size + size - 1,
                    mailbox.path()));
  const auto before = size > 1 ? journal_header_size + size - 2 : journal.facts.offset - 1;
  const int file = size > 1 ? journal.file.number() : mailbox.number();
  if (size > 1 || journal.facts.offset > 0)
    TRY(base::read_at(file, {last, 1}, before, mailbox.path()));
  return std::string(last[1] != '\n' ? 2 : last[0] != '\n' ? 1 : 0, '\n');
}

// The journal's text, and the mail behind it that came since. late: of its From_ line.
NewText with_late_mail(const Journal& journal, const LockedFile& mailbox, std::uint64_t late,
                       std::string gap) {
  return [&journal, &mailbox, late, gap = std::move(gap),
          at = std::uint64_t{0}]() mutable -> Result<std::string> {
    const auto text = journal.facts.text_size(), all = text + (mailbox.size() - late);
    const bool ours = at < text;
    if (!ours && !gap.empty()) return std::exchange(gap, {});
    const auto left = ours ? text - at : all - at;
    std::string buffer(static_cast<std::size_t>(std::min<std::uint64_t>(left, piece)), '\0');
    const int file = ours ? journal.file.number() : mailbox.number();
    const auto offset = ours ? journal_header_size + at : late + (at - text);
    TRY_LET(got, base::read_at(file, buffer, offset, mailbox.path()));
    if (got < buffer.size()) return Error{Kind::io, cat(mailbox.path(), ": cut short")};
    at += got;
    return buffer;
  };
}

Result<> finish(const Journals& journals, const LockedFile& mailbox, Journal journal,
                const Finding& finding) {
  const bool late = finding.late < mailbox.size();
  if (late) {
    TRY_LET(from, from_line_of(mailbox, finding.late));
    TRY_LET(gap, completion(journal, mailbox));
    TRY_LET(both, write_journal(journals, mailbox, journal.facts.offset,
                                with_late_mail(journal, mailbox, from, std::move(gap))));
    TRY(publish(journals));
    journal = std::move(both);
  }
  TRY(extend_mailbox(mailbox, journal, Copy::room));
  TRY(overwrite(mailbox, journal, late ? Announce::mail : Announce::nothing));
  remove_journal(journals, journals.name);
  return {};
}

Result<std::string> look_at(const Journals& journals, const LockedFile* mailbox) {
  auto file = base::open_at(journals.folder.number(), journals.name, O_RDONLY | O_NOFOLLOW, 0,
                            journals.path);
  if (!file && file.error().system_error == ENOENT) return std::string();  // finished meanwhile
  if (!file) return std::move(file).error();
  Journal journal{std::move(file).value(), {}};
  auto facts = read_journal(journal.file.number());
  if (!facts && facts.error().kind == Kind::data) return keep_damaged(journals);
  if (!facts) return std::move(facts).error();
  journal.facts = std::move(facts).value();
  if (mailbox == nullptr) return keep_apart(journals, journal);
  TRY_LET(finding,
          examine(mailbox->number(), mailbox->size(), journal.file.number(), journal.facts));
  switch (finding.state) {
    case Finding::State::foreign: return keep_apart(journals, journal);
    case Finding::State::unfinished: {
      TRY(finish(journals, *mailbox, std::move(journal), finding));
      break;
    }
    case Finding::State::done: {
      TRY(base::sync(mailbox->number(), mailbox->path()));
      remove_journal(journals, journals.name);
      break;
    }
  }
  return std::string();
}

bool exists(int folder, const std::string& name) {
  struct stat status;
  return ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

bool unfinished(const Owner& owner, const std::string& mailbox) {
  return !owner.journals.empty() && exists(AT_FDCWD, cat(owner.journals, "/", name_for(mailbox)));
}

// A piece that was read already, and those behind it.
NewText behind(std::string first, const NewText& rest) {
  return [first = std::move(first), &rest]() mutable -> Result<std::string> {
    return first.empty() ? rest() : std::exchange(first, {});
  };
}

}  // namespace

Result<> rewrite(LockedFile& mailbox, const Replacement& replacement, const Owner& owner) {
  if (unfinished(owner, mailbox.path())) return changed_by_others(mailbox.path());
  TRY_LET(first, replacement.text());
  if (first.empty()) {
    // Whoever has no home has no journal, and needs none to cut the end off.
    TRY(interrupted(mailbox.path()));
    if (replacement.ready) TRY(replacement.ready());
    return cut_and_keep(mailbox, replacement.offset, replacement.announce);
  }
  TRY_LET(journals, open_journals(owner, mailbox.path()));
  TRY_LET(journal, write_journal(journals, mailbox, replacement.offset,
                                 behind(std::move(first), replacement.text)));
  auto started = replacement.ready ? replacement.ready() : Result<>();
  if (!started) {
    ::unlinkat(journals.folder.number(), journals.draft().c_str(), 0);
    return started;
  }
  started = publish(journals);
  if (started) {
    // Once others were told that it is ready, giving up would have them have done it in vain.
    started = extend_mailbox(mailbox, journal, replacement.ready ? Copy::to_the_end : Copy::room);
    if (!started && !cut(mailbox, mailbox.size()))
      return to_be_finished(std::move(started).error());
  }
  if (!started) {
    ::unlinkat(journals.folder.number(), journals.draft().c_str(), 0);
    remove_journal(journals, journals.name);
    return started;
  }
  auto written = overwrite(mailbox, journal, replacement.announce);
  if (!written) return to_be_finished(std::move(written).error());
  remove_journal(journals, journals.name);
  return {};
}

Result<LockedFile> lock_mailbox(const std::string& path, const Owner& owner) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return base::system_error(path, "open", errno);
  const bool may_write = ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
  return LockedFile::open(path, may_write ? status.st_uid : owner.uid, owner.lock_limit);
}

Result<std::string> finish_rewrite(const std::string& path, const Owner& owner) {
  if (!unfinished(owner, path)) return std::string();
  const base::SignalsHeld held;
  TRY_LET(journals, open_journals(owner, path));
  if (!exists(AT_FDCWD, path)) return look_at(journals, nullptr);
  TRY_LET(mailbox, lock_mailbox(path, owner));
  return look_at(journals, &mailbox);
}

}  // namespace reader
