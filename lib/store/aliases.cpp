#include "lib/store/aliases.h"

#include <cerrno>
#include <unordered_map>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/alias_text.h"

namespace store {

using base::Error;
using base::Kind;
using base::Result;

/// Where right-hand sides come from.
class Aliases::Source {
 public:
  virtual ~Source() = default;
  virtual Result<std::optional<std::string>> find(const std::string& key) const = 0;
};

/// A text that was parsed in memory.
class Aliases::Text final : public Aliases::Source {
 public:
  void add(Alias alias) {
    targets_.insert_or_assign(std::move(alias.name), std::move(alias.targets));
  }
  Result<std::optional<std::string>> find(const std::string& key) const override {
    const auto at = targets_.find(key);
    if (at == targets_.end()) return std::optional<std::string>();
    return std::optional(at->second);
  }

 private:
  std::unordered_map<std::string, std::string> targets_;
};

Result<Aliases> Aliases::open(const std::string& path) {
  Aliases aliases;
  constexpr std::size_t largest = std::size_t{1} << 30;
  const auto text = base::read_file(path, largest);
  if (!text && text.error().system_error == ENOENT) return aliases;
  if (!text) return Error{Kind::config, text.error().text, text.error().system_error};
  AliasReader reader(text.value(), path);
  auto table = std::make_shared<Text>();
  while (auto alias = reader.next()) table->add(std::move(*alias));
  if (!reader.mistakes().empty()) return Error{Kind::config, reader.mistakes()[0]};
  aliases.source_ = std::move(table);
  return aliases;
}

Result<std::optional<std::vector<Target>>> Aliases::find(std::string_view name) const {
  using Found = std::optional<std::vector<Target>>;
  if (!source_) return Found();
  TRY_LET(targets, source_->find(alias_key(name)));
  if (!targets) return Found();
  TRY_LET(list, parse_targets(*targets));
  return Found(std::move(list));
}

}  // namespace store
