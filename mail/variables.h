// variables.h - the internal variables of mailx (POSIX mailx, "Internal Variables in mailx"): name
// and text; one that is set without a text is boolean.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reader {

class Variables {
 public:
  /// POSIX's defaults, with bsd-mailx's prompt: asksub, header, save, `escape=~`, `prompt=& `,
  /// `toplines=5`, `indentprefix=\t`.
  Variables();
  bool is_set(std::string_view name) const;
  /// The text; nullptr where the variable is not set. A boolean one has an empty text.
  const std::string* find(std::string_view name) const;
  /// The text, or `otherwise` where the variable is not set or has none.
  std::string text(std::string_view name, std::string_view otherwise = {}) const;
  /// The text as a number, nullopt where it is none.
  std::optional<long> number(std::string_view name) const;
  void set(std::string_view name, std::string_view value);
  /// Whether it was set.
  bool unset(std::string_view name);
  /// All, by name.
  const std::map<std::string, std::string, std::less<>>& all() const { return values_; }

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace reader
