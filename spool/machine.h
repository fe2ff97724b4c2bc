// machine.h - the Lookups that ask this machine: the virtual table, aliases(5), passwd, ~/.forward
// and included files, with the rights of the process.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "lib/base/user.h"
#include "lib/store/aliases.h"
#include "spool/expand.h"
#include "spool/settings.h"
#include "spool/virtual.h"

namespace spool {

/// The rules for the mail of this user. place: where the settings are from.
Rules rules_for(const Settings& settings, const store::Place& place, const base::Identity& who);

/// Tables are opened once, when it is made. A table that cannot be used delays those it is about.
class MachineLookups final : public Lookups {
 public:
  /// rules: outlives this.
  explicit MachineLookups(const Rules& rules);
  base::Result<std::optional<VirtualTarget>> in_virtual(const rfc::Path& address) override;
  base::Result<std::optional<Listed>> alias(std::string_view name) override;
  base::Result<std::optional<base::User>> user(const std::string& name) override;
  base::Result<std::optional<Listed>> forward(const base::User& user) override;
  base::Result<Listed> include(const std::string& path) override;
  /// "FILE:LINE: …" to be logged: what is wrong with the tables.
  const std::vector<std::string>& remarks() const { return remarks_; }

 private:
  const Rules& rules_;
  Virtual virtual_;
  base::Result<store::Aliases> aliases_;
  std::string untrusted_aliases_;
  std::unordered_map<std::string, std::optional<base::User>> users_;
  std::vector<std::string> remarks_;
};

}  // namespace spool
