#include "spool/local_settings.h"

#include "lib/base/text.h"
#include "lib/rfc/envelope.h"

namespace spool {

using base::cat;
using store::Config;
using store::Setting;

namespace {

const Setting* setting(const Config* config, std::string_view section, std::string_view key) {
  const auto* found = config == nullptr ? nullptr : config->find(section);
  return found == nullptr ? nullptr : found->find(key);
}

std::string value_of(const Config* config, std::string_view key) {
  const auto* found = setting(config, "local", key);
  return found == nullptr ? std::string() : found->value;
}

std::string path_of(const Config* config, const store::Place& place, std::string_view key) {
  const std::string path = value_of(config, key);
  return path.starts_with("~/") ? place.home + path.substr(1) : path;
}

// Commands, files and lists are for alias files; an address for mail cannot be one.
bool is_recipient(const std::string& text) {
  const auto path = rfc::Path::parse(text);
  if (!path || path.value().null()) return false;
  return path.value().qualified() || std::string_view("|/:\"\\").find(text[0]) == std::string::npos;
}

Unknown unknown_of(const Config* config, std::vector<std::string>& mistakes) {
  const auto* found = setting(config, "local", "unknown");
  if (found == nullptr || found->value == "bounce") return {};
  if (found->value == "smarthost") return {Unknown::Way::smarthost, ""};
  if (is_recipient(found->value)) return {Unknown::Way::address, found->value};
  mistakes.push_back(config->located(
      found->line, cat("unknown = ", found->value, ": not bounce, smarthost or an address")));
  return {};
}

}  // namespace

LocalSettings read_local(const Config* config, const store::Place& place,
                         std::vector<std::string>& mistakes) {
  LocalSettings local;
  if (const auto mailbox = value_of(config, "mailbox"); !mailbox.empty()) local.mailbox = mailbox;
  local.commands = path_of(config, place, "commands");
  local.unknown = unknown_of(config, mistakes);
  // A path that is none was told by the schema.
  if (const auto aliases = store::aliases_path(place, config); aliases)
    local.aliases = aliases.value().value_or("");
  local.aliases_named = !value_of(config, "aliases").empty();
  local.virtual_table = path_of(config, place, "virtual");
  local.virtual_named = !local.virtual_table.empty();
  if (!local.virtual_named && place.system) local.virtual_table = system_virtual;
  for (const auto& [key, target] : {std::pair{"all_mail_to", &local.all_mail_to}}) {
    const auto* found = setting(config, "site", key);
    if (found == nullptr) continue;
    *target = found->value;
    if (!is_recipient(*target))
      mistakes.push_back(config->located(found->line, cat(key, " = ", *target, ": no address")));
  }
  return local;
}

}  // namespace spool
