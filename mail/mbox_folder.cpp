#include "mail/mbox_folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/store/mail_lock.h"
#include "lib/store/mbox.h"
#include "mail/mbox_file.h"
#include "mail/mbox_status.h"
#include "mail/rewrite.h"

namespace reader {

using base::cat;
using base::Result;
using store::LockedFile;

namespace {

constexpr std::uint64_t piece = 1 << 20;
constexpr std::uint64_t to_the_end = ~std::uint64_t{0};

void drop_cr(std::string& text) {
  std::size_t to = 0;
  for (std::size_t from = 0; from < text.size(); ++from)
    if (text[from] != '\r' || from + 1 == text.size() || text[from + 1] != '\n')
      text[to++] = text[from];
  text.resize(to);
}

// The line of a message that is behind its From_ line.
std::size_t behind_first_line(std::string_view text) {
  const auto end = text.find('\n');
  return end == std::string_view::npos ? text.size() : end + 1;
}

bool has_crlf(std::string_view text) {
  return text.substr(0, behind_first_line(text)).ends_with("\r\n");
}

// The new text of a mailbox from its first change on, given piece by piece.
class Verdicts {
 public:
  Verdicts(const LockedFile& mailbox, const MboxIndex& index, std::span<const Verdict> verdicts,
           std::size_t first)
      : mailbox_(mailbox), index_(index), verdicts_(verdicts), next_(first) {}

  Result<std::string> text() {
    for (;;) {
      if (at_ < until_) return read_range();
      if (next_ >= index_.size()) return std::string();
      TRY_LET(head, message(next_++));
      if (!head.empty()) return head;
    }
  }

 private:
  std::uint64_t end(std::size_t i) const {
    return i + 1 < index_.size() ? index_.starts[i + 1] : mailbox_.size();
  }
  Result<std::string> read(std::uint64_t from, std::uint64_t to) const {
    std::string bytes(static_cast<std::size_t>(to - from), '\0');
    TRY_LET(got, base::read_at(mailbox_.number(), bytes, from, mailbox_.path()));
    if (got < bytes.size()) return changed_by_others(mailbox_.path());
    return bytes;
  }
  Result<std::string> read_range() {
    const auto from = at_;
    at_ = std::min(until_, from + piece);
    return read(from, at_);
  }

  // A message stays as it is (as a range to be read), or begins with what is returned.
  Result<std::string> message(std::size_t i) {
    const auto start = index_.starts[i];
    const bool late = i >= verdicts_.size();  // mail that arrived meanwhile
    const bool edited = !late && verdicts_[i].flags != index_.flags[i];
    const auto size = end(i) - start;
    TRY_LET(text,
            read(start, start + std::min<std::uint64_t>(size, edited ? longest_header : 4097)));
    if (fingerprint(std::string_view(text).substr(0, text.find('\n'))) != index_.prints[i])
      return changed_by_others(mailbox_.path());
    if (!late && verdicts_[i].remove) return std::string();
    at_ = start;
    until_ = end(i);
    const auto head = find_head(text, text.size() == size);
    if (!edited || !head.known) return std::string();
    at_ += text.size();
    return with_flags(text, verdicts_[i].flags);
  }

  const LockedFile& mailbox_;
  const MboxIndex& index_;
  std::span<const Verdict> verdicts_;
  std::size_t next_;
  std::uint64_t at_ = 0, until_ = 0;  // what is to be copied
};

// How a mailbox was found.
struct Opened {
  bool read_only = false;
  std::string remark;
};

class MboxFolder final : public Folder {
 public:
  MboxFolder(MboxFile file, std::string path, const Owner& owner, Opened opened)
      : file_(std::move(file)), path_(std::move(path)), owner_(owner), opened_(std::move(opened)) {}

  std::size_t count() const override { return file_.count(); }
  Flags flags(std::size_t i) const override { return file_.index().flags[i]; }
  std::uint64_t size(std::size_t i) const override { return file_.end(i) - file_.start(i); }
  Result<std::uint64_t> lines(std::size_t i) override { return file_.lines(i); }
  bool read_only() const override { return opened_.read_only; }
  std::string remark() const override { return opened_.remark; }
  Result<std::size_t> update() override {
    const auto before = count();
    TRY_LET(now, file_.update());
    return now - before;
  }

  Result<std::string> from_line(std::size_t i) override;
  Result<std::string> header(std::size_t i) override;
  Result<std::string> text(std::size_t i) override;
  Result<std::string> stored(std::size_t i) override;
  Result<Left> commit_when(std::span<const Verdict> verdicts, WhenEmpty when_empty,
                           const Ready& ready) override;

 private:
  std::optional<std::size_t> first_change(std::span<const Verdict> verdicts) const;
  Result<LockedFile> lock() const;
  Result<MboxIndex> index_now(const LockedFile& mailbox) const;
  struct Work {
    std::span<const Verdict> verdicts;
    std::size_t first = 0;  // to be changed
    WhenEmpty when_empty = WhenEmpty::keep;
    const Ready& ready;
  };
  Result<Left> write(LockedFile& mailbox, const Work& work);

  MboxFile file_;
  std::string path_;  // without links in it
  Owner owner_;
  Opened opened_;
};

Result<std::string> MboxFolder::from_line(std::size_t i) {
  TRY_LET(text, file_.bytes(i, 0, 4097));
  text.resize(text.find_last_not_of("\r\n", text.find('\n')) + 1);
  return text + "\n";
}

Result<std::string> MboxFolder::header(std::size_t i) {
  TRY_LET(text, file_.head(i));
  const auto head = find_head(text, true);
  std::string header = text.substr(head.begin, head.end - head.begin);
  if (has_crlf(text)) drop_cr(header);
  return header;
}

Result<std::string> MboxFolder::text(std::size_t i) {
  TRY_LET(text, file_.bytes(i, 0, to_the_end));
  const bool crlf = has_crlf(text);
  text.erase(0, behind_first_line(text));
  if (crlf) drop_cr(text);
  // The empty line at the end is the mailbox's, not the message's.
  if (text == "\n" || text.ends_with("\n\n")) text.pop_back();
  return store::mboxrd_unquoted(text);
}

Result<std::string> MboxFolder::stored(std::size_t i) {
  TRY_LET(text, file_.bytes(i, 0, to_the_end));
  const std::string_view line_break = has_crlf(text) ? "\r\n" : "\n";
  if (!text.ends_with('\n')) text += line_break;
  if (!text.ends_with("\n\n") && !text.ends_with("\n\r\n")) text += line_break;
  return text;
}

std::optional<std::size_t> MboxFolder::first_change(std::span<const Verdict> verdicts) const {
  for (std::size_t i = 0; i < std::min(verdicts.size(), count()); ++i)
    if (verdicts[i].remove || verdicts[i].flags != flags(i)) return i;
  return std::nullopt;
}

// The file that was read, and no other that has its name now.
Result<LockedFile> MboxFolder::lock() const {
  struct stat named;
  if (::lstat(path_.c_str(), &named) != 0 || named.st_dev != file_.device() ||
      named.st_ino != file_.inode())
    return changed_by_others(path_);
  TRY_LET(mailbox, lock_mailbox(path_, owner_));
  if (mailbox.inode() != file_.inode() || mailbox.size() < file_.length())
    return changed_by_others(path_);
  return mailbox;
}

// What was read and what came since, with the mailbox locked.
Result<MboxIndex> MboxFolder::index_now(const LockedFile& mailbox) const {
  MboxIndex index = file_.index();
  TRY_LET(end, index_mbox(mailbox.number(), index.starts.back(), mailbox.size(), path_));
  if (!extend(index, end)) return changed_by_others(path_);
  return index;
}

Result<Folder::Left> MboxFolder::write(LockedFile& mailbox, const Work& work) {
  TRY_LET(index, index_now(mailbox));
  const auto& verdicts = work.verdicts;
  Left left;
  left.arrived = index.size() - verdicts.size();
  left.messages = index.size() - static_cast<std::size_t>(std::count_if(
                                     verdicts.begin(), verdicts.end(),
                                     [](const Verdict& verdict) { return verdict.remove; }));
  const bool empty = left.messages == 0 && index.starts[0] == 0;
  Verdicts text(mailbox, index, verdicts, work.first);
  Replacement replacement{index.starts[work.first], [&] { return text.text(); },
                          left.arrived > 0 ? Announce::mail : Announce::nothing, work.ready};
  if (empty && work.when_empty == WhenEmpty::remove) {
    TRY(text.text());  // are they still where they were?
    if (const auto ready = std::exchange(replacement.ready, {})) TRY(ready());
    left.removed = ::unlink(path_.c_str()) == 0;
    if (left.removed) return left;
  }
  TRY(rewrite(mailbox, replacement, owner_));
  return left;
}

Result<Folder::Left> MboxFolder::commit_when(std::span<const Verdict> verdicts,
                                             WhenEmpty when_empty, const Ready& ready) {
  const auto first = first_change(verdicts);
  if (!first) {
    if (ready) TRY(ready());
    const auto before = count();
    (void)file_.update();  // who has nothing to write need not mind what others wrote
    return Left{count(), count() - before, false};
  }
  const base::SignalsHeld held;
  TRY_LET(mailbox, lock());
  return write(mailbox, {verdicts, *first, when_empty, ready});
}

Result<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), ::free);
  if (real == nullptr) return path;  // what is wrong is told by who opens it
  return std::string(real.get());
}

// Why a mailbox that may be written is none that we write.
std::string_view unsuitable(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return status.st_nlink == 1 ? "" : "has more than one name, so it is opened read-only";
}

Opened opened_as(const std::string& path, const std::string& real) {
  if (::faccessat(AT_FDCWD, real.c_str(), W_OK, AT_EACCESS) != 0) return {true, {}};
  const auto why = unsuitable(real);
  if (why.empty()) return {};
  return {true, cat(path, ": ", why)};
}

}  // namespace

Result<std::unique_ptr<Folder>> open_mbox(const std::string& path, const Owner& owner) {
  TRY_LET(real, real_path(path));
  const auto finished = finish_rewrite(real, owner);
  TRY_LET(file, MboxFile::open(path, real));
  auto opened = opened_as(path, real);
  if (!finished)
    opened = {true, cat(finished.error().text, "; a crash cut off the rewriting of ", path,
                        ", which cannot be finished now, so it is opened read-only")};
  else if (!finished.value().empty()) opened.remark = finished.value();
  if (opened.remark.empty() && file.length() > 0 && (file.count() == 0 || file.start(0) > 0))
    opened.remark = cat(path, ": what is before its first From_ line is no message, and stays");
  return std::unique_ptr<Folder>(
      std::make_unique<MboxFolder>(std::move(file), std::move(real), owner, std::move(opened)));
}

}  // namespace reader
