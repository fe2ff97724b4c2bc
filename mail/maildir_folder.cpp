#include "mail/maildir_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <unordered_map>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/store/maildir.h"
#include "lib/store/mbox.h"
#include "mail/mbox_status.h"

namespace reader {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {

constexpr std::array<std::pair<char, Flags>, 5> letters = {
    {{'D', draft}, {'F', flagged}, {'R', answered}, {'S', seen}, {'T', trashed}}};
constexpr std::string_view info = ":2,";

Flags flag_of(char letter) {
  for (const auto& [known, flag] : letters)
    if (known == letter) return flag;
  return 0;
}

std::string_view base_of(std::string_view name) {
  name.remove_prefix(name.find('/') + 1);
  return name.substr(0, name.find(info));
}

std::string_view letters_of(std::string_view name) {
  const auto at = name.find(info);
  return at == std::string_view::npos ? std::string_view() : name.substr(at + info.size());
}

// The address between < and > of a header's Return-Path.
std::string sender_of(std::string_view header) {
  for (auto line : base::split(header, '\n')) {
    if (!base::istarts_with(line, "Return-Path:")) continue;
    line = base::trim(line.substr(line.find(':') + 1));
    const auto open = line.find('<'), close = line.find('>');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
      return std::string(line);
    return std::string(line.substr(open + 1, close - open - 1));
  }
  return {};
}

void drop_cr(std::string& text) {
  std::size_t to = 0;
  for (std::size_t from = 0; from < text.size(); ++from)
    if (text[from] != '\r' || from + 1 == text.size() || text[from + 1] != '\n')
      text[to++] = text[from];
  text.resize(to);
}

// Whether a folder's time was of long ago when it was read.
bool settled(const timespec& time) {
  timespec now{};
  return ::clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec - time.tv_sec > 2;
}

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

class MaildirFolder final : public Folder {
 public:
  MaildirFolder(std::string path, Fd folder)
      : path_(std::move(path)),
        folder_(std::move(folder)),
        read_only_(::faccessat(folder_.number(), "cur", W_OK, AT_EACCESS) != 0) {}
  Result<> list();

  std::size_t count() const override { return messages_.size(); }
  Flags flags(std::size_t i) const override { return messages_[i].flags; }
  std::uint64_t size(std::size_t i) const override;
  Result<std::uint64_t> lines(std::size_t i) override;
  Result<std::string> from_line(std::size_t i) override;
  Result<std::string> header(std::size_t i) override;
  Result<std::string> text(std::size_t i) override;
  Result<std::string> stored(std::size_t i) override;
  Result<std::size_t> update() override;
  Result<Left> commit_when(std::span<const Verdict> verdicts, WhenEmpty when_empty,
                           const Ready& ready) override;
  bool read_only() const override { return read_only_; }
  std::string remark() const override { return {}; }

 private:
  struct Message {
    std::string name;  // now, as far as is known
    Flags flags = 0;   // when it was found
    std::uint64_t size = 0;
    bool gone = false;  // at the last look
  };
  struct Content {
    std::string text;
    base::Time time;
  };
  Result<Content> content(std::size_t i, std::size_t limit) const;
  Result<Content> header_content(std::size_t i) const;
  Result<Fd> open(std::size_t i) const;
  std::array<timespec, 2> settled_times() const;
  Result<std::vector<store::MaildirMessage>> look() const;
  std::vector<store::MaildirMessage> match(std::vector<store::MaildirMessage> now) const;
  void take_in(std::vector<store::MaildirMessage> fresh);
  Result<> act(std::size_t i, const Verdict& verdict);
  Result<> apply(std::span<const Verdict> verdicts);
  Result<> sync_parts() const;
  bool unchanged() const;

  std::string path_;
  Fd folder_;
  bool read_only_;
  // Another program's renaming is found out wherever a name is not there any more.
  mutable std::vector<Message> messages_;
  mutable std::array<timespec, 2> times_{};  // of new/ and cur/ before the last look
};

Result<> MaildirFolder::list() {
  TRY_LET(messages, look());
  take_in(std::move(messages));
  return {};
}

void MaildirFolder::take_in(std::vector<store::MaildirMessage> fresh) {
  for (auto& message : fresh) {
    const auto flags = maildir_flags(message.name);
    messages_.push_back({std::move(message.name), flags, message.size});
  }
}

// Whether nothing was done in new/ and cur/ since the last look. Their times are believed when
// they were two seconds old by then: a file system's clock may tick as slowly.
bool MaildirFolder::unchanged() const {
  for (std::size_t part = 0; part < times_.size(); ++part) {
    struct stat status;
    if (times_.at(part).tv_sec == 0 ||
        ::fstatat(folder_.number(), part == 0 ? "new" : "cur", &status, 0) != 0 ||
        !same_time(status.st_mtim, times_.at(part)))
      return false;
  }
  return true;
}

std::array<timespec, 2> MaildirFolder::settled_times() const {
  std::array<timespec, 2> times{};
  for (std::size_t part = 0; part < times.size(); ++part) {
    struct stat status;
    if (::fstatat(folder_.number(), part == 0 ? "new" : "cur", &status, 0) == 0 &&
        settled(status.st_mtim))
      times.at(part) = status.st_mtim;
  }
  return times;
}

// What is there now: messages that are known get the names that they have, or are gone; the others
// are returned.
Result<std::vector<store::MaildirMessage>> MaildirFolder::look() const {
  const auto times = settled_times();
  TRY_LET(now, store::list_maildir(path_));
  times_ = times;
  return match(std::move(now));
}

// Whole names first: two messages may have one name up to their flags.
std::vector<store::MaildirMessage> MaildirFolder::match(
    std::vector<store::MaildirMessage> now) const {
  std::unordered_map<std::string_view, Message*> by_name;
  std::unordered_multimap<std::string_view, Message*> by_base;
  for (auto& message : messages_) {
    by_name.emplace(message.name, &message);
    message.gone = true;
  }
  std::vector<store::MaildirMessage> others, fresh;
  for (auto& message : now) {
    const auto found = by_name.find(message.name);
    if (found == by_name.end()) others.push_back(std::move(message));
    else found->second->gone = false;
  }
  for (auto& message : messages_)
    if (message.gone) by_base.emplace(base_of(message.name), &message);
  for (auto& message : others) {
    const auto found = by_base.find(base_of(message.name));
    if (found == by_base.end()) {
      fresh.push_back(std::move(message));
      continue;
    }
    Message* const known = found->second;
    by_base.erase(found);  // before its key goes
    known->gone = false;
    known->name = std::move(message.name);
  }
  return fresh;
}

Result<Fd> MaildirFolder::open(std::size_t i) const {
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  const std::string what = cat(path_, "/", messages_[i].name);
  const Error gone{Kind::no_input, cat(what, ": was removed by another program")};
  if (messages_[i].gone) return gone;
  auto file = base::open_at(folder_.number(), messages_[i].name, flags, 0, what);
  if (file || file.error().system_error != ENOENT) return file;
  TRY(look());
  if (messages_[i].gone) return gone;
  return base::open_at(folder_.number(), messages_[i].name, flags, 0, what);
}

Result<MaildirFolder::Content> MaildirFolder::content(std::size_t i, std::size_t limit) const {
  const std::string what = cat(path_, "/", messages_[i].name);
  TRY_LET(file, open(i));
  struct stat status;
  if (::fstat(file.number(), &status) != 0) return base::system_error(what, "stat", errno);
  Content content;
  content.time = base::Time(std::chrono::seconds(status.st_mtim.tv_sec));
  content.text.resize(std::min(limit, static_cast<std::size_t>(status.st_size)));
  TRY_LET(got, base::read_at(file.number(), content.text, 0, what));
  content.text.resize(got);
  const auto first = std::string_view(content.text).substr(0, content.text.find('\n'));
  if (first.ends_with('\r')) drop_cr(content.text);
  return content;
}

// The text is the header alone, found as in an mbox.
Result<MaildirFolder::Content> MaildirFolder::header_content(std::size_t i) const {
  for (std::size_t limit = 8192;; limit *= 16) {
    TRY_LET(content, content(i, std::min(limit, longest_header)));
    const std::string message = "\n" + content.text;
    const auto head = find_head(message, false);
    if (!head.known && content.text.size() >= limit && limit < longest_header) continue;
    const auto all = find_head(message, true);
    content.text = message.substr(all.begin, all.end - all.begin);
    return content;
  }
}

Result<std::string> MaildirFolder::from_line(std::size_t i) {
  TRY_LET(content, header_content(i));
  return store::from_line(sender_of(content.text), content.time, base::local_offset(content.time));
}

std::uint64_t MaildirFolder::size(std::size_t i) const {
  const auto content = header_content(i);
  if (!content) return messages_[i].size;
  return messages_[i].size + 1 +
         store::from_line(sender_of(content.value().text), content.value().time, 0).size();
}

Result<std::string> MaildirFolder::header(std::size_t i) {
  TRY_LET(content, header_content(i));
  if (!content.text.empty() && !content.text.ends_with('\n')) content.text.push_back('\n');
  return std::move(content.text);
}

Result<std::string> MaildirFolder::text(std::size_t i) {
  TRY_LET(content, content(i, std::string::npos));
  return std::move(content.text);
}

Result<std::uint64_t> MaildirFolder::lines(std::size_t i) {
  TRY_LET(message, text(i));
  const auto count = std::count(message.begin(), message.end(), '\n');
  const bool ended = message.empty() || message.ends_with('\n');
  return static_cast<std::uint64_t>(count) + (ended ? 2 : 3);
}

Result<std::string> MaildirFolder::stored(std::size_t i) {
  TRY_LET(line, from_line(i));
  TRY_LET(message, text(i));
  store::Quoter quoter;
  quoter.append(message, line);
  quoter.finish(line);
  line.push_back('\n');
  return with_flags(line, flags(i));
}

Result<std::size_t> MaildirFolder::update() {
  if (unchanged()) return std::size_t{0};
  TRY_LET(fresh, look());
  const auto count = fresh.size();
  take_in(std::move(fresh));
  return count;
}

// A file gets a name that nobody has. Errors: EEXIST among others.
int rename_to_free(int folder, const std::string& from, const std::string& to) {
  if (::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != ENOSYS && errno != EINVAL) return errno;
  if (::linkat(folder, from.c_str(), folder, to.c_str(), 0) == 0)
    return ::unlinkat(folder, from.c_str(), 0) == 0 ? 0 : errno;
  if (errno != EPERM && errno != EOPNOTSUPP) return errno;
  struct stat status;  // vfat and the like
  if (::fstatat(folder, to.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return EEXIST;
  return ::renameat(folder, from.c_str(), folder, to.c_str()) == 0 ? 0 : errno;
}

// The name with other flags; where another message has it, with a number in it.
int rename(int folder, const std::string& name, Flags flags) {
  const auto to = maildir_name(name, flags);
  if (to == name) return 0;
  int number = rename_to_free(folder, name, to);
  for (unsigned other = 1; number == EEXIST && other < 1000; ++other)
    number = rename_to_free(folder, name,
                            cat("cur/", base_of(to), ".", other, to.substr(to.find(info, 4))));
  return number;
}

// Once under the name that is known, and if that is another's by now under the new one.
Result<> MaildirFolder::act(std::size_t i, const Verdict& verdict) {
  auto& message = messages_[i];
  const int folder = folder_.number();
  int number = ENOENT;
  for (int attempt = 0; attempt < 2 && number == ENOENT && !message.gone; ++attempt) {
    if (attempt > 0) TRY(look());
    if (message.gone) break;
    const auto set = verdict.flags & ~message.flags, taken = message.flags & ~verdict.flags;
    const auto flags = static_cast<Flags>((maildir_flags(message.name) | set) & ~taken);
    if (!verdict.remove) number = rename(folder, message.name, flags);
    else number = ::unlinkat(folder, message.name.c_str(), 0) == 0 ? 0 : errno;
  }
  if (number == 0 || number == ENOENT) return {};
  return base::system_error(cat(path_, "/", message.name), verdict.remove ? "remove" : "rename",
                            number);
}

// One that cannot be changed is no reason to leave the others; the first trouble is told.
Result<> MaildirFolder::apply(std::span<const Verdict> verdicts) {
  Result<> done;
  for (std::size_t i = 0; i < std::min(verdicts.size(), count()); ++i) {
    if (!verdicts[i].remove && verdicts[i].flags == flags(i)) continue;
    auto acted = act(i, verdicts[i]);
    if (!acted && done) done = std::move(acted);
  }
  return done;
}

Result<> MaildirFolder::sync_parts() const {
  for (const std::string part : {"new", "cur"}) {
    const std::string what = cat(path_, "/", part);
    TRY_LET(folder, base::open_at(folder_.number(), part, O_RDONLY | O_DIRECTORY, 0, what));
    TRY(base::sync(folder.number(), what));
  }
  return {};
}

Result<Folder::Left> MaildirFolder::commit_when(std::span<const Verdict> verdicts,
                                                WhenEmpty /*when_empty*/, const Ready& ready) {
  const base::SignalsHeld held;
  bool changes = false;
  for (std::size_t i = 0; i < std::min(verdicts.size(), count()); ++i)
    changes = changes || verdicts[i].remove || verdicts[i].flags != flags(i);
  if (ready) TRY(ready());
  auto applied = changes ? apply(verdicts) : Result<>();
  if (changes) {
    auto synced = sync_parts();
    if (applied) applied = std::move(synced);
  }
  if (!applied) return std::move(applied).error();
  const auto known = count();
  TRY_LET(arrived, update());
  std::size_t left = arrived;
  for (std::size_t i = 0; i < known; ++i)
    left += (i >= verdicts.size() || !verdicts[i].remove) && !messages_[i].gone ? 1 : 0;
  return Left{left, arrived, false};
}

}  // namespace

bool is_maildir(const std::string& path) {
  struct stat status;
  for (const char* part : {"/cur", "/new", "/tmp"})
    if (::stat((path + part).c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  return true;
}

Flags maildir_flags(std::string_view name) {
  Flags flags = name.starts_with("cur/") ? old : 0;
  for (const char letter : letters_of(name)) flags |= flag_of(letter);
  return flags;
}

std::string maildir_letters(Flags flags) {
  std::string chosen;
  for (const auto& [letter, flag] : letters)
    if ((flags & flag) != 0) chosen.push_back(letter);
  return chosen;
}

std::string maildir_name(std::string_view name, Flags flags) {
  std::string chosen = maildir_letters(flags);
  for (const char letter : letters_of(name))
    if (flag_of(letter) == 0) chosen.push_back(letter);
  std::sort(chosen.begin(), chosen.end());
  return cat("cur/", base_of(name), info, chosen);
}

Result<std::unique_ptr<Folder>> open_maildir(const std::string& path, const Owner& /*owner*/) {
  auto folder = base::open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, path);
  if (!folder) {
    const int number = folder.error().system_error;
    const auto kind = number == ENOENT || number == ENOTDIR ? Kind::no_input
                      : number == EACCES                    ? Kind::no_permission
                                                            : folder.error().kind;
    return Error{kind, cat(path, ": ", ::strerror(number)), number};
  }
  const std::unique_ptr<char, decltype(&::free)> real(::realpath(path.c_str(), nullptr), ::free);
  auto maildir = std::make_unique<MaildirFolder>(real ? std::string(real.get()) : path,
                                                 std::move(folder).value());
  TRY(maildir->list());
  return std::unique_ptr<Folder>(std::move(maildir));
}

}  // namespace reader
