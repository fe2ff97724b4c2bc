// alias_database.h - what newaliases(1) makes of an aliases file: a constant database (cdb) beside
// it, PATH.cdb. Keys are lower-cased names; a value is eight hexadecimal digits, a blank and the
// right-hand side, the digits being a hash of both, so that a damaged record never names another
// address. A key that no name can be holds the format's version and what the text was like. It is
// read with pread: neither a damaged nor a shrinking file can harm the reader.
#pragma once

#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/fd.h"
#include "lib/base/result.h"

namespace store {

/// What tells that a text is another one than it was.
struct TextStamp {
  std::uint64_t size = 0, inode = 0;
  std::int64_t seconds = 0, nanoseconds = 0;  ///< mtime
  bool operator==(const TextStamp&) const = default;
};
TextStamp stamp_of(const struct stat& status);

/// The database of the aliases file `path`.
std::string alias_database_path(const std::string& path);

/// Why a file with this owner and mode is not used as the database of a text of `owner` (where
/// there is a text), or nullopt: root or the owner alone must be able to write it.
std::optional<std::string> untrusted(const struct stat& database, std::optional<uid_t> owner);

class AliasDatabase {
 public:
  /// Reads 2 KiB, however large it is. Errors: data (damaged, another version, not a regular
  /// file), retry, io (ENOENT among them).
  static base::Result<AliasDatabase> open(const std::string& path);

  /// The right-hand side of a lower-cased name. Errors: data (damaged), io.
  base::Result<std::optional<std::string>> find(std::string_view key) const;

  /// Walks name by name, in the order of the text, from position first on, which it moves; nullopt
  /// at the end. Errors: data, io.
  using Record = std::pair<std::string, std::string>;  ///< name, right-hand side
  static constexpr std::uint64_t first = 2048;
  base::Result<std::optional<Record>> next(std::uint64_t& position) const;

  const TextStamp& stamp() const { return stamp_; }
  const struct stat& status() const { return status_; }

 private:
  struct Table {
    std::uint64_t begin, slots;
  };
  base::Error damaged() const;
  base::Result<> read(std::string& bytes, std::uint64_t size, std::uint64_t offset) const;
  base::Result<> read_tables();
  base::Result<> read_stamp();
  base::Result<std::optional<std::string>> value_of(std::string_view key) const;
  base::Result<Record> record_at(std::uint64_t offset) const;
  base::Result<std::string> checked(std::string_view key, std::string_view value) const;

  std::string path_;
  base::Fd file_;
  struct stat status_ = {};
  std::array<Table, 256> tables_ = {};
  std::uint64_t data_end_ = 0;
  TextStamp stamp_;
};

/// A database being made. Destroyed before commit(), it leaves nothing behind and the old one in
/// place. One at a time: the second waits for the first. Memory: about 10 bytes a name.
class AliasDatabaseDraft {
 public:
  /// path: of the aliases file. Errors: io, retry.
  static base::Result<AliasDatabaseDraft> create(const std::string& path);
  AliasDatabaseDraft(AliasDatabaseDraft&&) noexcept;
  AliasDatabaseDraft& operator=(AliasDatabaseDraft&&) = delete;
  ~AliasDatabaseDraft();

  /// Errors: retry (disk full), data (over 4 GiB), io.
  base::Result<> add(std::string_view key, std::string_view targets);
  /// The commit point: when this returns, the new database survives a power cut. It may be read by
  /// whom the text may be read by, but written by its owner alone. text: the text's status before
  /// it was read. Errors: no_permission (it would not be used: it belongs neither to root nor to
  /// the text's owner), retry, io.
  base::Result<> commit(const struct stat& text) &&;

 private:
  struct Maker;
  AliasDatabaseDraft(std::string path, base::Fd file);
  base::Result<> add_raw(std::string_view key, std::string_view value);
  base::Error failed(std::string_view tried, int number) const;
  base::Result<> set_mode(const struct stat& text);

  std::string path_;  ///< of the database
  base::Fd file_;
  std::unique_ptr<Maker> maker_;
};

}  // namespace store
