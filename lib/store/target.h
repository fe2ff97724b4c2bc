// target.h - the right-hand side grammar that aliases(5) and .forward share: a comma list of
// addresses, \user, /file, "|command" and :include:/file. Pure, linear, iterative: neither a long
// list nor deep comments cost stack.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace store {

/// One place mail goes to. No value is empty or holds a control character (C0, DEL, C1).
struct Target {
  enum class Kind {
    address,  ///< as written, comments and display name dropped: the text of an rfc::Path. A local
              ///< part keeps its quotes only where it needs them (`"weird name"`); a file, command
              ///< or include never hides in one without a domain
    user,     ///< `\user`: that user's mailbox, final. An rfc::Path as well, without the backslash;
              ///< somebody may have written a domain behind it
    file,     ///< absolute path; /dev/null among them; a trailing slash means maildir
    command,  ///< text for the shell without its `|` and outer quotes, trimmed
    include,  ///< absolute path of `:include:`
  };
  Kind kind = Kind::address;
  std::string value;
  bool operator==(const Target&) const = default;
};

/// As one may write it in an aliases file: parse_targets() of it gives this one target again.
std::string written(const Target& target);

/// Of one right-hand side or file; more are a mistake, so that one file does not take all memory.
constexpr std::size_t most_targets = 1'000'000;

/// What is wrong, and where in the text its element begins.
struct TargetProblem {
  std::size_t offset = 0;
  std::string text;
};
struct TargetList {
  std::vector<Target> targets;  ///< the good ones, in order; duplicates stay
  std::vector<TargetProblem> problems;
};
/// All of a right-hand side, whatever is wrong with it. Tabs and blanks separate, a line end is a
/// control character. Elements that are empty (`a,,b`) are passed over, so a text of blanks,
/// commas and comments has no targets.
TargetList read_targets(std::string_view text);

/// One right-hand side (continuation lines joined). Errors: data, "problem" without file and line;
/// no target at all is one.
base::Result<std::vector<Target>> parse_targets(std::string_view text);

/// A whole .forward or :include: file: lines of right-hand sides. Empty lines and lines that begin
/// with `#` (white space before it allowed) are passed over. A line end separates as a comma does,
/// white space at the start of a line says nothing: that is how Sendmail and Postfix read such
/// files. No target at all is an empty list. Errors: data, "NAME:LINE: problem", the first one.
base::Result<std::vector<Target>> parse_target_file(std::string_view text, std::string_view name);

/// The local part of an address without its quotes and backslashes.
std::string unquoted(std::string_view local);
/// The other way round, with quotes only where it needs them.
std::string quoted(std::string_view local);

}  // namespace store
