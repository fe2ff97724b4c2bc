// aliases.h - aliases(5): looked up in the compiled database while it fits the text, else in the
// text.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/target.h"

namespace store {

class AliasDatabase;

constexpr std::size_t largest_text = std::size_t{1} << 30;  ///< of an aliases file, in bytes

/// Looked up by lower-cased name.
class Aliases {
 public:
  /// What newaliases(1) compiled, PATH.cdb, counts as long as the text is the one it was made of
  /// (size, mtime, inode); the text is not read then. A changed text without errors counts at once
  /// (parsed in memory). A changed text with errors, or one that is gone, cannot be read or is
  /// being written (base::read_settled): the last good database, with remarks. Neither text nor
  /// database: no aliases. A database that somebody other than root or `uid`, the reader, could
  /// have written is not used. Errors: config (the text is not usable and there is no database:
  /// recipients are to be delayed).
  static base::Result<Aliases> open(const std::string& path, uid_t uid);
  /// name: a local part, quoted or not, letters of either case.
  /// \return nullopt: there is no such alias. Errors: data (a damaged database), io.
  base::Result<std::optional<std::vector<Target>>> find(std::string_view name) const;
  /// A name, lower-cased and without quotes, and its right-hand side as written.
  using Entry = std::pair<std::string, std::string>;
  /// The right-hand side as written, by the rules of find().
  base::Result<std::optional<std::string>> text_of(std::string_view name) const;
  /// Walks them in the order of the text, from position 0 on, which it moves; nullopt at the end.
  /// Errors: data, io.
  base::Result<std::optional<Entry>> next(std::uint64_t& position) const;
  /// What is read, text or database, and what it was like when it was opened: who could have
  /// written it. Not if absent().
  const std::string& used() const { return used_; }
  const struct stat& status() const { return status_; }
  /// Whether there is neither a text nor a database.
  bool absent() const { return !source_; }
  /// "FILE:LINE: ..." to be logged; empty: all is well.
  const std::vector<std::string>& remarks() const { return remarks_; }

 private:
  class Source;
  class Text;
  class Compiled;
  void read_text(const std::string& path, std::vector<std::string>& mistakes);
  void use(AliasDatabase database, const std::string& path);
  std::shared_ptr<const Source> source_;  ///< null: no aliases
  std::string used_;
  struct stat status_ = {};
  std::vector<std::string> remarks_;
};

}  // namespace store
