#include "lib/store/mbox_append.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/checksum.h"

namespace store {

using base::cat;
using base::Fd;
using base::Result;

namespace {

constexpr std::string_view magic = "postbag append 1\nstate ";
constexpr std::string_view begun = "begun\n", ended = "ended\n";
constexpr std::string_view prefix = "append.";
constexpr std::size_t block = 4096, largest = 64 << 10;

// What a journal says. A device has another number after the next start, so it is not told. from:
// the From_ line of the attempt, whose date the time zone shifts.
struct Note {
  bool open = false;
  std::uint64_t inode = 0, size = 0;
  std::string delivery, from;
};

std::string note_lines(const Note& note) {
  return cat("file ", note.inode, " ", note.size, "\ndelivery ", note.delivery, "\nline ",
             note.from);
}

std::string note_text(const Note& note) {
  const std::string lines = note_lines(note);
  Checksum check;
  check.add(lines);
  std::string text = cat(magic, begun, lines, "check ", check.hex(), "\n");
  // Whole blocks, so that a later note is written where there are some already.
  text.append((block - text.size() % block) % block, '\n');
  return text;
}

bool skip(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// nullopt: cut short, or none of ours; then nothing was appended after it.
std::optional<Note> parse_note(std::string_view text) {
  if (!skip(text, magic)) return std::nullopt;
  Note note;
  note.open = text.starts_with(begun);
  if (!note.open && !text.starts_with(ended)) return std::nullopt;
  text.remove_prefix(begun.size());
  if (!skip(text, "file ")) return std::nullopt;
  for (auto* number : {&note.inode, &note.size}) {
    const auto word = base::take(text, number == &note.size ? '\n' : ' ');
    const auto value = base::to_number<std::uint64_t>(word);
    if (!value) return std::nullopt;
    *number = *value;
  }
  if (!skip(text, "delivery ")) return std::nullopt;
  note.delivery = base::take(text, '\n');
  if (!skip(text, "line ")) return std::nullopt;
  note.from = cat(base::take(text, '\n'), "\n");
  Checksum check;
  check.add(note_lines(note));
  return text.starts_with(cat("check ", check.hex(), "\n")) ? std::optional(note) : std::nullopt;
}

Result<std::optional<Note>> read_note(int folder, const std::string& name) {
  auto text = base::read_file_at(folder, name, largest, name);
  if (text) return parse_note(text.value());
  if (text.error().system_error == ENOENT) return std::optional<Note>();
  return std::move(text).error();
}

// The journal of one mailbox.
class Notes {
 public:
  Notes(int folder, const std::string& mailbox) : folder_(folder) {
    Checksum path;
    path.add(mailbox);
    name_ = cat(prefix, path.hex());
  }

  Result<std::optional<Note>> read() const { return read_note(folder_, name_); }

  // When this returns, a power cut does not take the note away.
  Result<> begin(const Note& note) const {
    TRY_LET(file, base::open_at(folder_, name_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, name_));
    const std::string text = note_text(note);
    const bool is_new = ::lseek(file.number(), 0, SEEK_END) < static_cast<off_t>(text.size());
    TRY(base::write_all_at(file.number(), text, 0, name_));
    TRY(is_new ? base::sync(file.number(), name_) : base::sync_data(file.number(), name_));
    if (is_new) TRY(base::sync(folder_, name_));
    return file.close(name_);
  }

  // Not synced: a note that comes back is compared with the mailbox, which holds the whole message.
  void end() const {
    const auto file = base::open_at(folder_, name_, O_WRONLY | O_NOFOLLOW, 0, name_);
    if (file) (void)base::write_all_at(file.value().number(), ended, magic.size(), name_);
  }

 private:
  int folder_;
  std::string name_;
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

// What an attempt that was cut off left behind the length that its note tells.
Result<Left> examine(const LockedFile& file, const Note& note, std::string_view head,
                     const MessageText& text) {
  if (file.inode() != note.inode || file.size() <= note.size) return Left::nothing;
  TRY_LET(start, completion(file, note.size));
  Rendering rendering(cat(start, note.from, head.substr(head.find('\n') + 1)), text,
                      Rendering::Form::mbox);
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
  TRY(base::sync_data(file.number(), file.path()));
  // Network file systems tell of a full disk on closing; then it can still be cut back.
  return Fd(::fcntl(file.number(), F_DUPFD_CLOEXEC, 3)).close(file.path());
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
  const Notes notes(journal->folder, file.path());
  std::uint64_t size = file.size();
  TRY_LET(note, notes.read());
  Left left = Left::nothing;
  if (note && note->delivery == journal->delivery) {
    TRY_LET(found, examine(file, *note, head, text));
    left = found;
  }
  if (left == Left::whole) {
    TRY(base::sync_data(file.number(), file.path()));
    notes.end();
    return {};
  }
  if (left == Left::part && note->open) TRY(cut(file, size = note->size));
  TRY(notes.begin({true, file.inode(), size, journal->delivery,
                   std::string(head.substr(0, head.find('\n') + 1))}));
  auto written = write_message(file, size, head, text);
  if (!written) TRY(cut(file, size));  // where that fails too, the note stays open
  notes.end();
  return written;
}

Result<std::vector<std::string>> unfinished_appends(int folder) {
  TRY_LET(own, base::open_at(folder, ".", O_RDONLY | O_DIRECTORY, 0, "journals"));
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(own.number()), ::closedir);
  if (!list) return base::system_error("journals", "list", errno);
  own.release();
  std::vector<std::string> deliveries;
  for (errno = 0; const dirent* entry = ::readdir(list.get()); errno = 0) {
    if (!std::string_view(entry->d_name).starts_with(prefix)) continue;
    TRY_LET(note, read_note(folder, entry->d_name));
    if (note && note->open) deliveries.push_back(note->delivery);
  }
  if (errno != 0) return base::system_error("journals", "list", errno);
  return deliveries;
}

}  // namespace store
