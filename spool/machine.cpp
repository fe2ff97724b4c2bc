#include "spool/machine.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "spool/forward.h"

namespace spool {

using base::Error;
using base::Kind;
using base::Result;

namespace {

// Whether there is a system installation that gives others their mail. A folder that cannot be
// looked into may hold one.
Rules::Others others_of(const store::Place& place) {
  if (place.system) return Rules::Others::waiting;
  if (::access(store::system_config, F_OK) == 0) return Rules::Others::handed_over;
  const bool none = errno == ENOENT || errno == ENOTDIR;
  return none ? Rules::Others::nobody : Rules::Others::waiting;
}

Virtual read_virtual(const LocalSettings& local) {
  constexpr std::size_t largest = 256 << 20;
  const auto& path = local.virtual_table;
  if (path.empty()) return {};
  const auto text = [&]() -> Result<std::string> {
    TRY_LET(file, base::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path));
    return base::read_settled(file.number(), largest, path);
  }();
  if (text) return Virtual::parse(path, text.value());
  Virtual none;
  if (local.virtual_named || text.error().system_error != ENOENT)
    none.add_mistake(text.error().text);
  return none;
}

// A file that is named but gone is a mistake or a mount that is missing: no reason to say that
// those it names do not exist.
Result<store::Aliases> open_aliases(const LocalSettings& local, uid_t uid) {
  if (local.aliases.empty()) return store::Aliases();
  auto aliases = store::Aliases::open(local.aliases, uid);
  if (aliases && local.aliases_named && aliases.value().absent())
    return Error{Kind::config, base::cat(local.aliases, ": open: No such file or directory")};
  return aliases;
}

// A name that passwd could know: nothing else is asked of it.
bool is_login(const std::string& name) {
  constexpr std::size_t longest = 256;
  if (name.empty() || name.size() > longest || name[0] == '-') return false;
  for (const char c : name)
    if (base::control(c) || c == ':' || c == '/' || c == ' ') return false;
  return true;
}

}  // namespace

Rules rules_for(const Settings& settings, const store::Place& place, const base::Identity& who) {
  Rules rules;
  rules.site = settings.site;
  rules.local = settings.local;
  rules.routes = settings.routes;
  rules.uid = who.uid;
  rules.login = who.login();
  rules.alone = !place.config.has_value();
  rules.others = others_of(place);
  return rules;
}

MachineLookups::MachineLookups(const Rules& rules)
    : rules_(rules),
      virtual_(read_virtual(rules.local)),
      aliases_(open_aliases(rules.local, rules.uid)) {
  remarks_ = virtual_.mistakes();
  if (aliases_) {
    const auto& aliases = aliases_.value();
    for (const auto& remark : aliases.remarks()) remarks_.push_back(remark);
    if (!aliases.absent())
      untrusted_aliases_ = untrusted_file(aliases.used(), aliases.status(), rules.uid).value_or("");
  } else {
    for (const auto line : base::split(aliases_.error().text, '\n')) remarks_.emplace_back(line);
  }
}

Result<std::optional<VirtualTarget>> MachineLookups::in_virtual(const rfc::Path& address) {
  return virtual_.find(address, rules_.site.is_local(address.domain()));
}

Result<std::optional<Listed>> MachineLookups::alias(std::string_view name) {
  if (!aliases_) {
    const std::string& text = aliases_.error().text;
    return Error{Kind::config, text.substr(0, text.find('\n'))};
  }
  TRY_LET(targets, aliases_.value().find(name));
  if (!targets) return std::optional<Listed>();
  return std::optional<Listed>({std::move(*targets), untrusted_aliases_});
}

Result<std::optional<base::User>> MachineLookups::user(const std::string& name) {
  if (!is_login(name)) return std::optional<base::User>();
  const auto known = users_.find(name);
  if (known != users_.end()) return known->second;
  TRY_LET(found, base::find_user(name));
  users_.emplace(name, found);
  return found;
}

Result<std::optional<Listed>> MachineLookups::forward(const base::User& user) {
  return read_forward(user);
}

Result<Listed> MachineLookups::include(const std::string& path) {
  return read_include(path, rules_.uid);
}

}  // namespace spool
