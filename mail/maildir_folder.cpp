#include "mail/maildir_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <map>
#include <utility>

#include "lib/base/clock.h"
#include "lib/base/file.h"
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
  return name.substr(0, name.find(':'));
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

class MaildirFolder final : public Folder {
 public:
  MaildirFolder(std::string path, Fd folder) : path_(std::move(path)), folder_(std::move(folder)) {}
  Result<> list();

  std::size_t count() const override { return messages_.size(); }
  Flags flags(std::size_t i) const override { return maildir_flags(messages_[i].name); }
  std::uint64_t size(std::size_t i) const override;
  Result<std::uint64_t> lines(std::size_t i) override;
  Result<std::string> from_line(std::size_t i) override;
  Result<std::string> header(std::size_t i) override;
  Result<std::string> text(std::size_t i) override;
  Result<std::string> stored(std::size_t i) override;
  Result<std::size_t> update() override;
  Result<Left> commit(std::span<const Verdict> verdicts, WhenEmpty when_empty) override;
  bool read_only() const override { return ::access((path_ + "/cur").c_str(), W_OK) != 0; }
  std::string remark() const override { return {}; }

 private:
  struct Content {
    std::string text;
    base::Time time;
  };
  Result<Content> content(std::size_t i, std::size_t limit) const;
  Result<Content> header_content(std::size_t i) const;
  Result<Fd> open(std::size_t i) const;
  std::string name_now(std::size_t i) const;
  Result<> remove(std::size_t i);
  Result<> rename(std::size_t i, Flags flags);
  template <typename Act>
  Result<> act(std::size_t i, std::string_view tried, const Act& with_name);
  Result<> apply(std::span<const Verdict> verdicts);
  Result<> sync_parts() const;

  std::string path_;
  Fd folder_;
  std::vector<store::MaildirMessage> messages_;
};

Result<> MaildirFolder::list() {
  TRY_LET(messages, store::list_maildir(path_));
  messages_ = std::move(messages);
  return {};
}

// What a message is called now, where others renamed it; empty if it is gone.
std::string MaildirFolder::name_now(std::size_t i) const {
  const auto messages = store::list_maildir(path_);
  if (!messages) return {};
  for (const auto& message : messages.value())
    if (base_of(message.name) == base_of(messages_[i].name)) return message.name;
  return {};
}

Result<Fd> MaildirFolder::open(std::size_t i) const {
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  const std::string what = cat(path_, "/", messages_[i].name);
  auto file = base::open_at(folder_.number(), messages_[i].name, flags, 0, what);
  if (file || file.error().system_error != ENOENT) return file;
  const auto name = name_now(i);
  if (name.empty()) return Error{Kind::no_input, cat(what, ": was removed by another program")};
  return base::open_at(folder_.number(), name, flags, 0, what);
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
  const auto first = content.text.substr(0, content.text.find('\n'));
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
  TRY_LET(now, store::list_maildir(path_));
  std::map<std::string_view, std::size_t> known;
  const auto before = messages_.size();
  for (std::size_t i = 0; i < before; ++i) known.emplace(base_of(messages_[i].name), i);
  std::vector<std::pair<std::size_t, std::string>> renamed;
  std::vector<store::MaildirMessage> fresh;
  for (auto& message : now) {
    const auto found = known.find(base_of(message.name));
    if (found == known.end()) fresh.push_back(std::move(message));
    else renamed.emplace_back(found->second, std::move(message.name));
  }
  known.clear();
  for (auto& [i, name] : renamed) messages_[i].name = std::move(name);
  for (auto& message : fresh) messages_.push_back(std::move(message));
  return messages_.size() - before;
}

// Does something to a message under its name, and if that is another's by now under the new one.
template <typename Act>
Result<> MaildirFolder::act(std::size_t i, std::string_view tried, const Act& with_name) {
  if (with_name(messages_[i].name) == 0) return {};
  int number = errno;
  if (number == ENOENT) {
    const auto name = name_now(i);
    if (name.empty() || with_name(name) == 0) return {};
    number = errno;
  }
  if (number == ENOENT) return {};
  return base::system_error(cat(path_, "/", messages_[i].name), tried, number);
}

Result<> MaildirFolder::remove(std::size_t i) {
  return act(i, "remove", [this](const std::string& name) {
    return ::unlinkat(folder_.number(), name.c_str(), 0);
  });
}

Result<> MaildirFolder::rename(std::size_t i, Flags flags) {
  return act(i, "rename", [this, flags](const std::string& name) {
    const auto to = maildir_name(name, flags);
    if (to == name) return 0;
    const int folder = folder_.number();
    const int result = ::renameat2(folder, name.c_str(), folder, to.c_str(), RENAME_NOREPLACE);
    if (result == 0 || (errno != ENOSYS && errno != EINVAL)) return result;
    return ::renameat(folder, name.c_str(), folder, to.c_str());
  });
}

Result<> MaildirFolder::apply(std::span<const Verdict> verdicts) {
  for (std::size_t i = 0; i < std::min(verdicts.size(), count()); ++i) {
    if (verdicts[i].remove) TRY(remove(i));
    else if (verdicts[i].flags != flags(i)) TRY(rename(i, verdicts[i].flags));
  }
  return {};
}

Result<> MaildirFolder::sync_parts() const {
  for (const std::string part : {"/new", "/cur"}) {
    TRY_LET(folder, base::open_directory(path_ + part));
    TRY(base::sync(folder.number(), path_ + part));
  }
  return {};
}

Result<Folder::Left> MaildirFolder::commit(std::span<const Verdict> verdicts,
                                           WhenEmpty /*when_empty*/) {
  bool changes = false;
  for (std::size_t i = 0; i < std::min(verdicts.size(), count()); ++i)
    changes = changes || verdicts[i].remove || verdicts[i].flags != flags(i);
  auto applied = changes ? apply(verdicts) : Result<>();
  if (changes && applied) applied = sync_parts();
  if (!applied) return std::move(applied).error();
  TRY_LET(arrived, update());
  const auto removed =
      std::count_if(verdicts.begin(), verdicts.end(), [](const auto& each) { return each.remove; });
  return Left{count() - static_cast<std::size_t>(removed), arrived, false};
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

std::string maildir_name(std::string_view name, Flags flags) {
  std::string chosen;
  for (const char letter : letters_of(name))
    if (flag_of(letter) == 0) chosen.push_back(letter);
  for (const auto& [letter, flag] : letters)
    if ((flags & flag) != 0) chosen.push_back(letter);
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
  auto maildir = std::make_unique<MaildirFolder>(path, std::move(folder).value());
  TRY(maildir->list());
  return std::unique_ptr<Folder>(std::move(maildir));
}

}  // namespace reader
