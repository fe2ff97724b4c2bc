// alias_text.h - the text of aliases(5), alias by alias. Pure; linear in the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/store/target.h"

namespace store {

/// One alias that is well-formed.
struct Alias {
  std::string name;     ///< lower-cased, without quotes; never empty
  std::string targets;  ///< the right-hand side as written, lines joined; parse_targets() takes it
  int line = 0;         ///< where it begins
};

/// What newaliases prints, counted as Sendmail counts: right-hand sides with the blanks that
/// continuation lines begin with.
struct AliasCount {
  std::uint64_t aliases = 0, longest = 0, total = 0;
  /// "15 aliases, longest 10 bytes, 152 bytes total"
  std::string text() const;
};

/// Reads a text. A line that begins with white space continues the one before, as does one behind
/// a backslash at a line's end; empty lines and lines of which the first visible character is `#`
/// are passed over, between the lines of one alias too (as Postfix does). Memory: the names seen
/// so far, to find duplicates, and one alias.
class AliasReader {
 public:
  /// name: how mistakes call the file.
  AliasReader(std::string_view text, std::string name);
  /// The next good alias, or nullopt at the end. What is wrong on the way is a mistake.
  std::optional<Alias> next();
  /// All that was wrong up to here, "NAME:LINE: problem", untrusted text printable.
  const std::vector<std::string>& mistakes() const { return mistakes_; }
  /// The good aliases up to here.
  const AliasCount& count() const { return count_; }

 private:
  // An alias with its continuation lines; offset of each line's text, and its number.
  struct Logical {
    std::string text;
    std::vector<std::pair<std::size_t, int>> lines;
    int line_at(std::size_t offset) const;
  };
  bool next_logical(Logical& logical);
  void add_line(Logical& logical, std::string_view line);
  std::string_view take_line();
  std::optional<Alias> parse(const Logical& logical);
  std::optional<std::string> parse_name(std::string_view text, int line);
  bool check_targets(const Logical& logical, std::size_t offset);
  void mistake(int line, std::string_view text);

  std::string_view rest_;
  std::string name_;
  int line_ = 0;
  std::unordered_map<std::string, int> seen_;
  std::vector<std::string> mistakes_;
  AliasCount count_;
};

/// A name as it is looked up: without quotes, ASCII letters lower-cased.
std::string alias_key(std::string_view local);

}  // namespace store
