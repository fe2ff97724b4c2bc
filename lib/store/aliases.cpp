#include "lib/store/aliases.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <unordered_map>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/alias_database.h"
#include "lib/store/alias_text.h"

namespace store {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

/// Where right-hand sides come from.
class Aliases::Source {
 public:
  virtual ~Source() = default;
  virtual Result<std::optional<std::string>> find(const std::string& key) const = 0;
  virtual Result<std::optional<Entry>> next(std::uint64_t& position) const = 0;
};

/// A text that was parsed in memory.
class Aliases::Text final : public Aliases::Source {
 public:
  void add(Alias alias) {
    places_.insert_or_assign(alias.name, entries_.size());
    entries_.emplace_back(std::move(alias.name), std::move(alias.targets));
  }
  Result<std::optional<std::string>> find(const std::string& key) const override {
    const auto at = places_.find(key);
    if (at == places_.end()) return std::optional<std::string>();
    return std::optional(entries_[at->second].second);
  }
  Result<std::optional<Entry>> next(std::uint64_t& position) const override {
    if (position >= entries_.size()) return std::optional<Entry>();
    return std::optional(entries_[position++]);
  }

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> places_;
};

class Aliases::Compiled final : public Aliases::Source {
 public:
  explicit Compiled(AliasDatabase database) : database_(std::move(database)) {}
  Result<std::optional<std::string>> find(const std::string& key) const override {
    return database_.find(key);
  }
  Result<std::optional<Entry>> next(std::uint64_t& position) const override {
    if (position == 0) position = AliasDatabase::first;
    return database_.next(position);
  }

 private:
  AliasDatabase database_;
};

namespace {

constexpr std::size_t most_remarks = 10;

// The database if there is one that may be used; why it may not is a remark.
std::optional<AliasDatabase> usable_database(const std::string& path, uid_t uid,
                                             std::vector<std::string>& remarks) {
  auto database = AliasDatabase::open(path);
  if (!database) {
    if (database.error().system_error != ENOENT) remarks.push_back(database.error().text);
    return std::nullopt;
  }
  if (const auto reason = untrusted(database.value().status(), uid)) {
    remarks.push_back(cat(alias_database_path(path), ": is not used, since it ", *reason));
    return std::nullopt;
  }
  return std::move(database).value();
}

// status: of the file that was read.
Result<std::string> settled_text(const std::string& path, struct stat& status) {
  TRY_LET(file, base::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path));
  if (::fstat(file.number(), &status) != 0)
    return base::system_error(Kind::io, path, "stat", errno);
  return base::read_settled(file.number(), largest_text, path);
}

bool fits(const AliasDatabase& database, const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && stamp_of(status) == database.stamp();
}

// At most some of them: a log is no place for a thousand.
std::vector<std::string> shortened(std::vector<std::string> mistakes, const std::string& path) {
  const auto count = mistakes.size();
  if (count <= most_remarks) return mistakes;
  mistakes.resize(most_remarks);
  mistakes.push_back(cat(path, ": ", count - most_remarks, " more mistakes; newaliases tells all"));
  return mistakes;
}

}  // namespace

// The aliases of the text, or what is wrong with it.
void Aliases::read_text(const std::string& path, std::vector<std::string>& mistakes) {
  const auto text = settled_text(path, status_);
  if (!text) {
    mistakes.push_back(text.error().text);
    return;
  }
  AliasReader reader(text.value(), path);
  auto table = std::make_shared<Text>();
  while (auto alias = reader.next()) table->add(std::move(*alias));
  mistakes = shortened(reader.mistakes(), path);
  if (!mistakes.empty()) return;
  source_ = std::move(table);
  used_ = path;
}

void Aliases::use(AliasDatabase database, const std::string& path) {
  status_ = database.status();
  used_ = alias_database_path(path);
  source_ = std::make_shared<Compiled>(std::move(database));
}

Result<Aliases> Aliases::open(const std::string& path, uid_t uid) {
  Aliases aliases;
  auto database = usable_database(path, uid, aliases.remarks_);
  if (database && fits(*database, path)) {
    aliases.use(std::move(*database), path);
    return aliases;
  }
  struct stat status;
  const bool gone = ::stat(path.c_str(), &status) != 0 && errno == ENOENT;
  if (gone && !database && aliases.remarks_.empty()) return aliases;
  std::vector<std::string> mistakes;
  aliases.read_text(path, mistakes);
  if (aliases.source_) return aliases;
  if (!database) return Error{Kind::config, mistakes[0]};
  for (auto& mistake : mistakes) aliases.remarks_.push_back(std::move(mistake));
  aliases.remarks_.push_back(cat(path, ": the database of before is used"));
  aliases.use(std::move(*database), path);
  return aliases;
}

Result<std::optional<std::string>> Aliases::text_of(std::string_view name) const {
  if (!source_) return std::optional<std::string>();
  return source_->find(alias_key(name));
}

Result<std::optional<Aliases::Entry>> Aliases::next(std::uint64_t& position) const {
  if (!source_) return std::optional<Entry>();
  return source_->next(position);
}

Result<std::optional<std::vector<Target>>> Aliases::find(std::string_view name) const {
  using Found = std::optional<std::vector<Target>>;
  TRY_LET(targets, text_of(name));
  if (!targets) return Found();
  auto list = parse_targets(*targets);
  if (list) return Found(std::move(list).value());
  return Error{Kind::data, cat("alias ", base::printable(name, 100), ": ", list.error().text)};
}

}  // namespace store
