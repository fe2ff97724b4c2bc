// expand_bed.h - look-ups out of a few maps, and what expansion makes of addresses written as text.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "spool/expand.h"

namespace expand_bed {

using Lines = std::vector<std::string>;

/// A machine of maps. A value that begins with "!" is an error.
class Tables final : public spool::Lookups {
 public:
  std::string virtual_table;
  std::map<std::string, std::string> aliases, forwards, includes;
  std::map<std::string, unsigned> users{{"root", 0}, {"jane", 1000}, {"bob", 1001}};
  std::set<std::string> untrusted;  ///< names of aliases and paths of includes
  bool passwd_down = false;
  unsigned asked = 0;

  base::Result<std::optional<spool::VirtualTarget>> in_virtual(const rfc::Path& address) override {
    ++asked;
    if (!parsed_) parsed_ = spool::Virtual::parse("v", virtual_table);
    return parsed_->find(address, address.domain() == "lan.test");
  }
  base::Result<std::optional<spool::Listed>> alias(std::string_view name) override {
    ++asked;
    return listed(aliases, base::lowered(name));
  }
  base::Result<std::optional<base::User>> user(const std::string& name) override {
    ++asked;
    if (passwd_down) return base::Error{base::Kind::retry, "passwd: down"};
    const auto found = users.find(name);
    if (found == users.end()) return std::optional<base::User>();
    return std::optional(base::User{found->second, 0, name, "", "/home/" + name, ""});
  }
  base::Result<std::optional<spool::Listed>> forward(const base::User& user) override {
    ++asked;
    return listed(forwards, user.name);
  }
  base::Result<spool::Listed> include(const std::string& path) override {
    ++asked;
    auto found = listed(includes, path);
    if (!found) return found.error();
    if (!found.value()) return base::Error{base::Kind::config, path + ": not there"};
    return *found.value();
  }

 private:
  base::Result<std::optional<spool::Listed>> listed(const std::map<std::string, std::string>& table,
                                                    const std::string& name) {
    const auto found = table.find(name);
    if (found == table.end()) return std::optional<spool::Listed>();
    if (found->second.starts_with('!')) return base::Error{base::Kind::config, found->second};
    auto targets = store::parse_target_file(found->second, name);
    if (!targets) return targets.error();
    return std::optional<spool::Listed>(
        {std::move(targets).value(), untrusted.contains(name) ? name + " is open" : ""});
  }
  std::optional<spool::Virtual> parsed_;
};

struct Bed {
  Tables tables;
  spool::Rules rules;
  Lines delivered_to;
  std::string sender = "ann@x.test";
  spool::Expansion last;

  Bed() {
    rules.site.domain = "lan.test";
    rules.site.host_name = "box";
    rules.site.local = {"localhost", "box", "lan.test"};
    rules.uid = 1000;
    rules.login = "jane";
    rules.others = spool::Rules::Others::handed_over;
  }

  /// "u jane": a kind and an address.
  static store::Entry entry_of(const Lines& recipients, const std::string& sender,
                               const std::string& done = "") {
    store::Entry entry;
    entry.envelope.senders.push_back({rfc::Path::parse(sender).value(), "", ""});
    for (const auto& each : recipients)
      entry.envelope.recipients.push_back(
          {static_cast<store::RecipientKind>(each[0]), 0, "", "", each.substr(2), each.substr(2)});
    entry.done = done.empty() ? std::string(recipients.size(), store::pending) : done;
    return entry;
  }

  const spool::Expansion& expand(const Lines& recipients, const std::string& done = "") {
    last = spool::expand_entry(entry_of(recipients, sender, done), delivered_to, rules, tables);
    return last;
  }

  /// What one recipient leads to: "m jane", "s a@b from owner-x", "m nobody failed 5.1.1".
  Lines of(const std::string& recipient) { return shown(expand({recipient}).lines.at(0)); }

  static Lines shown(const spool::Line& line) {
    Lines all;
    for (const auto& action : line.actions) {
      std::string text =
          base::cat(std::string(1, static_cast<char>(action.kind)), " ", action.address);
      if (action.sender) text += " from " + action.sender->text();
      if (action.outcome)
        text += (action.outcome->kind == rfc::Outcome::Kind::failed ? " failed " : " delayed ") +
                action.outcome->status.text();
      all.push_back(text);
    }
    return all;
  }

  std::string reason() const { return last.lines.at(0).actions.at(0).outcome.value().text; }
};

}  // namespace expand_bed
