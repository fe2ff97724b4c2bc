#include "lib/store/mbox_append.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/store/checksum.h"
#include "lib/store/mbox.h"

namespace store {

using base::cat;
using base::Fd;
using base::Result;

namespace {

constexpr const char* attribute = "user.postbag";
constexpr std::string_view begun = "begun", ended = "ended";

// What is noted of an append, "begun INODE SIZE DELIVERY". A device has another number after the
// next start, so it is not told.
struct Note {
  bool open = true;
  std::uint64_t inode = 0, size = 0;
  std::string delivery;
};

std::string note_text(const Note& note) {
  return cat(note.open ? begun : ended, " ", note.inode, " ", note.size, " ", note.delivery);
}

std::optional<Note> parse_note(std::string_view text) {
  Note note;
  const auto state = base::take(text, ' ');
  note.open = state == begun;
  if (!note.open && state != ended) return std::nullopt;
  for (auto* number : {&note.inode, &note.size}) {
    const auto value = base::to_number<std::uint64_t>(base::take(text, ' '));
    if (!value) return std::nullopt;
    *number = *value;
  }
  note.delivery = text;
  return note;
}

// Whether an attribute of a file reaches the disk no later than a length that it gets afterwards.
bool in_order(int file) {
  struct statfs system;
  return ::fstatfs(file, &system) == 0 &&
         (system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC ||
          system.f_type == BTRFS_SUPER_MAGIC);
}

// The journal of one mailbox.
class Notes {
 public:
  Notes(int folder, const LockedFile& file) : folder_(folder), file_(file.number()) {
    Checksum path;
    path.add(file.path());
    name_ = cat("append.", path.hex());
    in_file_ = in_order(file_);
  }

  // What is noted of this delivery: in the attribute, and where that could not be written, beside
  // it. A note that cannot be read is none: what there is of the message stays beside it.
  std::vector<Note> of(std::string_view delivery) const {
    char text[PATH_MAX];
    std::vector<Note> notes;
    const auto add = [&](ssize_t length) {
      if (length < 0) return;
      auto note = parse_note({text, static_cast<std::size_t>(length)});
      if (note && note->delivery == delivery) notes.push_back(std::move(*note));
    };
    if (in_file_) add(::fgetxattr(file_, attribute, text, sizeof text));
    add(::readlinkat(folder_, name_.c_str(), text, sizeof text));
    return notes;
  }

  // When this returns, nothing that is appended reaches the disk without the note.
  Result<> begin(const Note& note) {
    const std::string text = note_text(note);
    if (in_file_ && set(text)) return {};
    in_file_ = false;
    TRY(replace(text));
    return base::sync(folder_, name_);
  }

  // Not synced: a note that comes back is compared with the mailbox, which holds the whole message.
  void end(Note note) const {
    note.open = false;
    const std::string text = note_text(note);
    if (!in_file_ || !set(text)) (void)replace(text);
  }

 private:
  // The attribute counts from now on, and no link of before.
  bool set(const std::string& text) const {
    if (::fsetxattr(file_, attribute, text.data(), text.size(), 0) != 0) return false;
    ::unlinkat(folder_, name_.c_str(), 0);
    return true;
  }

  // A link is made at once and whole.
  Result<> replace(const std::string& text) const {
    const std::string beside = name_ + ".new";
    ::unlinkat(folder_, beside.c_str(), 0);
    if (::symlinkat(text.c_str(), folder_, beside.c_str()) != 0)
      return base::system_error(name_, "create", errno);
    if (::renameat(folder_, beside.c_str(), folder_, name_.c_str()) != 0)
      return base::system_error(name_, "rename", errno);
    return {};
  }

  int folder_, file_;
  std::string name_;
  bool in_file_ = false;
};

// What completes the last message of a mailbox, so that the next one begins behind an empty line.
Result<std::string> completion(const LockedFile& file, std::uint64_t size) {
  char last[2] = {};
  const std::size_t wanted = std::min<std::uint64_t>(size, sizeof last);
  TRY_LET(got, base::read_at(file.number(), {last, wanted}, size - wanted, file.path()));
  const std::string_view tail(last, got);
  if (tail.empty() || tail == "\n\n" || (size == 1 && tail == "\n")) return std::string();
  return std::string(tail.back() == '\n' ? "\n" : "\n\n");
}

enum class Left { nothing, part, whole };

// How the bytes of the file at `offset` compare with a piece of what was written there: all the
// same; nothing else but what did not arrive; or other things.
Result<Left> compare(const LockedFile& file, std::uint64_t offset, std::string_view piece) {
  std::string there(piece.size(), '\0');
  TRY_LET(got, base::read_at(file.number(), there, offset, file.path()));
  const auto fits = [](char found, char wanted) { return found == wanted || found == '\0'; };
  const auto end = there.begin() + static_cast<std::ptrdiff_t>(got);
  if (!std::equal(there.begin(), end, piece.begin(), fits)) return Left::nothing;
  return std::string_view(there).substr(0, got) == piece ? Left::whole : Left::part;
}

// The head as an attempt wrote it at `offset`: the time zone may have shifted its date since. Of
// the date as much as arrived is taken.
Result<std::string> head_then(const LockedFile& file, std::uint64_t offset, std::string_view head) {
  constexpr std::size_t date_size = 24;
  std::string line(head.substr(0, head.find('\n')));
  const std::size_t start = line.size() - std::min(line.size(), date_size);
  char date[date_size] = {};
  TRY_LET(got, base::read_at(file.number(), date, offset + start, file.path()));
  for (std::size_t i = 0; i < got && start + i < line.size(); ++i)
    if (date[i] != '\0') line[start + i] = date[i];
  return is_from_line(line) ? cat(line, head.substr(line.size())) : std::string(head);
}

// What an attempt that was cut off left behind the length that its note tells.
Result<Left> examine(const LockedFile& file, const Note& note, std::string_view head,
                     const MessageText& text) {
  if (file.inode() != note.inode || file.size() <= note.size) return Left::nothing;
  TRY_LET(start, completion(file, note.size));
  TRY_LET(then, head_then(file, note.size + start.size(), head));
  Rendering rendering(cat(start, then), text, Rendering::Form::mbox);
  Left left = Left::whole;
  std::uint64_t offset = note.size;
  for (;;) {
    TRY_LET(piece, rendering.next());
    if (piece.empty()) break;
    TRY_LET(found, compare(file, offset, piece));
    if (found == Left::nothing) return found;
    if (found == Left::part) left = found;
    offset += piece.size();
  }
  // Behind a part there is nothing of anybody else's.
  return left == Left::part && file.size() > offset ? Left::nothing : left;
}

// Network file systems tell of a full disk on closing; then what was written can still be cut off.
Result<> sync_written(const LockedFile& file) {
  TRY(base::sync_data(file.number(), file.path()));
  return Fd(::fcntl(file.number(), F_DUPFD_CLOEXEC, 3)).close(file.path());
}

Result<> write_message(const LockedFile& file, std::uint64_t offset, std::string_view head,
                       const MessageText& text) {
  TRY_LET(start, completion(file, offset));
  Rendering rendering(cat(start, head), text, Rendering::Form::mbox);
  for (;;) {
    TRY_LET(piece, rendering.next());
    if (piece.empty()) break;
    TRY(base::write_all_at(file.number(), piece, offset, file.path()));
    offset += piece.size();
  }
  return sync_written(file);
}

Result<> interrupted(const std::string& path) {
  if (!base::SignalsHeld::wanted()) return {};
  return base::Error{base::Kind::retry, cat(path, ": interrupted"), EINTR};
}

Result<> write_stored(const LockedFile& file, const StoredMessages& messages) {
  std::uint64_t offset = file.size();
  TRY_LET(text, completion(file, offset));
  for (bool first = true; first || !text.empty(); first = false) {
    TRY(base::write_all_at(file.number(), text, offset, file.path()));
    TRY(interrupted(file.path()));
    offset += text.size();
    TRY_LET(next, messages());
    text = std::move(next);
  }
  return sync_written(file);
}

Result<> cut(const LockedFile& file, std::uint64_t size) {
  while (::ftruncate(file.number(), static_cast<off_t>(size)) != 0)
    if (errno != EINTR) return base::system_error(file.path(), "truncate", errno);
  return {};
}

Result<> write_or_cut(const LockedFile& file, std::uint64_t size, std::string_view head,
                      const MessageText& text) {
  auto written = write_message(file, size, head, text);
  if (!written) TRY(cut(file, size));
  return written;
}

}  // namespace

Result<> append_mbox(LockedFile& file, std::string_view head, const MessageText& text,
                     const Journal* journal) {
  if (journal == nullptr) return write_or_cut(file, file.size(), head, text);
  Notes notes(journal->folder, file);
  Note now{true, file.inode(), file.size(), journal->delivery};
  for (const auto& note : notes.of(journal->delivery)) {
    TRY_LET(left, examine(file, note, head, text));
    if (left == Left::whole) {
      TRY(base::sync_data(file.number(), file.path()));
      notes.end(note);
      return {};
    }
    if (left != Left::part || !note.open) continue;
    TRY(cut(file, now.size = note.size));
    break;
  }
  TRY(notes.begin(now));
  auto written = write_message(file, now.size, head, text);
  if (!written) TRY(cut(file, now.size));  // where that fails too, the note stays open
  notes.end(now);
  return written;
}

Result<> append_stored(LockedFile& file, const StoredMessages& messages) {
  auto written = write_stored(file, messages);
  if (!written) TRY(cut(file, file.size()));
  return written;
}

}  // namespace store
