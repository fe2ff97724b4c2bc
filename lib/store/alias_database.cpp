#include "lib/store/alias_database.h"

#include <cdb.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace store {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

// No name holds a line end. Another format has another number.
constexpr std::string_view about_key = "\npostbag aliases 1";
constexpr std::size_t check_digits = 8;

std::string draft_path(const std::string& database) { return database + ".new"; }

std::uint32_t number_at(std::string_view bytes, std::size_t offset) {
  std::uint32_t number = 0;
  for (std::size_t i = 4; i-- > 0;)
    number = number << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return number;
}

std::uint32_t hash(std::string_view text) {
  return ::cdb_hash(text.data(), static_cast<unsigned>(text.size()));
}

std::string check_of(std::string_view key, std::string_view targets) {
  char digits[check_digits + 1];
  std::snprintf(digits, sizeof digits, "%08x", hash(cat(key, "\n", targets)));
  return digits;
}

std::string about(const TextStamp& stamp) {
  return cat(stamp.size, " ", stamp.inode, " ", stamp.seconds, " ", stamp.nanoseconds);
}

}  // namespace

TextStamp stamp_of(const struct stat& status) {
  return {static_cast<std::uint64_t>(status.st_size), status.st_ino, status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec};
}

std::string alias_database_path(const std::string& path) { return path + ".cdb"; }

std::optional<std::string> untrusted(const struct stat& database, std::optional<uid_t> owner) {
  if (database.st_uid != 0 && database.st_uid != owner)
    return cat("belongs to uid ", database.st_uid);
  if ((database.st_mode & 022) != 0) return "can be written by others";
  return std::nullopt;
}

Error AliasDatabase::damaged() const {
  return {Kind::data, cat(path_, ": damaged; newaliases makes it anew")};
}

Result<> AliasDatabase::read(std::string& bytes, std::uint64_t size, std::uint64_t offset) const {
  if (offset > static_cast<std::uint64_t>(status_.st_size) ||
      size > static_cast<std::uint64_t>(status_.st_size) - offset)
    return damaged();
  bytes.resize(size);
  TRY_LET(got, base::read_at(file_.number(), bytes, offset, path_));
  return got == size ? Result<>() : Result<>(damaged());
}

// The tables lie one behind the other from the last record to the end of the file: one that was cut
// or lengthened shows it.
Result<> AliasDatabase::read_tables() {
  std::string bytes;
  TRY(read(bytes, first, 0));
  data_end_ = number_at(bytes, 0);
  std::uint64_t expected = data_end_;
  for (std::size_t i = 0; i < tables_.size(); ++i) {
    tables_[i] = {number_at(bytes, 8 * i), number_at(bytes, 8 * i + 4)};
    if (tables_[i].begin != expected) return damaged();
    expected += 8 * tables_[i].slots;
  }
  const bool whole = data_end_ >= first && expected == static_cast<std::uint64_t>(status_.st_size);
  return whole ? Result<>() : Result<>(damaged());
}

Result<> AliasDatabase::read_stamp() {
  TRY_LET(value, value_of(about_key));
  if (!value) return Error{Kind::data, cat(path_, ": not of this version of newaliases")};
  std::string_view rest = *value;
  const auto size = base::to_number<std::uint64_t>(base::take(rest, ' '));
  const auto inode = base::to_number<std::uint64_t>(base::take(rest, ' '));
  const auto seconds = base::to_number<std::int64_t>(base::take(rest, ' '));
  const auto nanoseconds = base::to_number<std::int64_t>(rest);
  if (!size || !inode || !seconds || !nanoseconds) return damaged();
  stamp_ = {*size, *inode, *seconds, *nanoseconds};
  return {};
}

Result<AliasDatabase> AliasDatabase::open(const std::string& path) {
  AliasDatabase database;
  database.path_ = alias_database_path(path);
  TRY_LET(file, base::open_at(AT_FDCWD, database.path_, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
                              database.path_));
  if (::fstat(file.number(), &database.status_) != 0)
    return base::system_error(Kind::io, database.path_, "stat", errno);
  if (!S_ISREG(database.status_.st_mode))
    return Error{Kind::data, cat(database.path_, ": not a regular file")};
  database.file_ = std::move(file);
  TRY(database.read_tables());
  TRY(database.read_stamp());
  return database;
}

Result<AliasDatabase::Record> AliasDatabase::record_at(std::uint64_t offset) const {
  std::string bytes;
  if (offset < first || offset + 8 > data_end_) return damaged();
  TRY(read(bytes, 8, offset));
  const std::uint64_t key = number_at(bytes, 0), value = number_at(bytes, 4);
  if (key + value > data_end_ - offset - 8) return damaged();
  TRY(read(bytes, key + value, offset + 8));
  return Record(bytes.substr(0, key), bytes.substr(key));
}

Result<std::string> AliasDatabase::checked(std::string_view key, std::string_view value) const {
  if (value.size() <= check_digits || value[check_digits] != ' ') return damaged();
  const auto targets = value.substr(check_digits + 1);
  if (value.substr(0, check_digits) != check_of(key, targets)) return damaged();
  return std::string(targets);
}

Result<std::optional<std::string>> AliasDatabase::value_of(std::string_view key) const {
  const auto wanted = hash(key);
  const auto& table = tables_[wanted & 0xff];
  std::string slot;
  for (std::uint64_t i = 0; i < table.slots; ++i) {
    TRY(read(slot, 8, table.begin + 8 * (((wanted >> 8) + i) % table.slots)));
    if (number_at(slot, 4) == 0) break;
    if (number_at(slot, 0) != wanted) continue;
    TRY_LET(record, record_at(number_at(slot, 4)));
    if (record.first != key) continue;
    TRY_LET(value, checked(key, record.second));
    return std::optional(std::move(value));
  }
  return std::optional<std::string>();
}

Result<std::optional<std::string>> AliasDatabase::find(std::string_view key) const {
  if (key == about_key) return std::optional<std::string>();
  return value_of(key);
}

Result<std::optional<AliasDatabase::Record>> AliasDatabase::next(std::uint64_t& position) const {
  while (position < data_end_) {
    TRY_LET(record, record_at(position));
    position += 8 + record.first.size() + record.second.size();
    TRY_LET(targets, checked(record.first, record.second));
    if (record.first != about_key)
      return std::optional(Record(std::move(record.first), std::move(targets)));
  }
  return std::optional<Record>();
}

/// Owner of what tinycdb allocates, which only its end frees.
struct AliasDatabaseDraft::Maker {
  explicit Maker(int fd) { ::cdb_make_start(&make, fd); }
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;
  ~Maker() {
    if (!finished) (void)::cdb_make_finish(&make);
  }
  bool finish() {
    finished = true;
    return ::cdb_make_finish(&make) == 0;
  }
  cdb_make make;
  bool finished = false;
};

AliasDatabaseDraft::AliasDatabaseDraft(std::string path, base::Fd file)
    : path_(std::move(path)),
      file_(std::move(file)),
      maker_(std::make_unique<Maker>(file_.number())) {}
AliasDatabaseDraft::AliasDatabaseDraft(AliasDatabaseDraft&&) noexcept = default;

AliasDatabaseDraft::~AliasDatabaseDraft() {
  // While it is locked: the name is ours.
  if (file_) ::unlink(draft_path(path_).c_str());
}

Error AliasDatabaseDraft::failed(std::string_view tried, int number) const {
  return base::system_error(path_, tried, number);
}

Result<AliasDatabaseDraft> AliasDatabaseDraft::create(const std::string& path) {
  const auto database = alias_database_path(path);
  const auto draft = draft_path(database);
  for (;;) {
    TRY_LET(file, base::open_at(AT_FDCWD, draft, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600,
                                draft));
    TRY(base::lock(file.number(), true, draft));
    struct stat ours, named;
    if (::fstat(file.number(), &ours) != 0)
      return base::system_error(Kind::io, draft, "stat", errno);
    // Whoever held the lock before may have made it the database, or given it up.
    if (::lstat(draft.c_str(), &named) != 0 || named.st_ino != ours.st_ino ||
        named.st_dev != ours.st_dev)
      continue;
    if (!S_ISREG(ours.st_mode) || ours.st_nlink != 1)
      return Error{Kind::io, cat(draft, ": not a file of its own; remove it")};
    AliasDatabaseDraft made(database, std::move(file));
    // Left by one that was killed.
    if (::ftruncate(made.file_.number(), 0) != 0)
      return base::system_error(draft, "truncate", errno);
    return made;
  }
}

Result<> AliasDatabaseDraft::add_raw(std::string_view key, std::string_view value) {
  if (::cdb_make_add(&maker_->make, key.data(), static_cast<unsigned>(key.size()), value.data(),
                     static_cast<unsigned>(value.size())) == 0)
    return {};
  if (errno == ENOMEM) return Error{Kind::data, cat(path_, ": would be larger than 4 GiB")};
  return failed("write", errno);
}

Result<> AliasDatabaseDraft::add(std::string_view key, std::string_view targets) {
  return add_raw(key, cat(check_of(key, targets), " ", targets));
}

// Who may read the text may read the database.
Result<> AliasDatabaseDraft::set_mode(const struct stat& text) {
  struct stat ours;
  if (::fstat(file_.number(), &ours) != 0)
    return base::system_error(Kind::io, path_, "stat", errno);
  mode_t mode = 0600 | (text.st_mode & 0044);
  if (ours.st_gid != text.st_gid &&
      ::fchown(file_.number(), static_cast<uid_t>(-1), text.st_gid) != 0)
    mode &= ~mode_t{040};
  if (::fchmod(file_.number(), mode) != 0) return failed("chmod", errno);
  if (::fstat(file_.number(), &ours) != 0)
    return base::system_error(Kind::io, path_, "stat", errno);
  const auto reason = untrusted(ours, text.st_uid);
  if (!reason) return {};
  return Error{Kind::no_permission, cat(path_, ": would not be used, since it ", *reason,
                                        "; the text belongs to uid ", text.st_uid)};
}

Result<> AliasDatabaseDraft::commit(const struct stat& text) && {
  TRY(set_mode(text));
  TRY(add(about_key, about(stamp_of(text))));
  if (!maker_->finish()) return failed("write", errno);
  TRY(base::sync(file_.number(), path_));
  const auto slash = path_.rfind('/');
  const std::string folder = slash == 0                   ? "/"
                             : slash == std::string::npos ? "."
                                                          : path_.substr(0, slash);
  TRY_LET(directory, base::open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY, 0, folder));
  if (::rename(draft_path(path_).c_str(), path_.c_str()) != 0) return failed("rename", errno);
  TRY(file_.close(path_));
  return base::sync(directory.number(), folder);
}

}  // namespace store
