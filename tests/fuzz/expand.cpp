// expand.cpp - a world of aliases: lines "name: targets", "user name", "list /path: targets",
// "forward: targets", "virtual key value" and "to kind address". What becomes of the recipients
// ends, and lines of another generation lead to no more.
#include "spool/expand.h"

#include <map>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "tests/fuzz/require.h"

namespace {
using base::cat;
using base::Result;
using store::RecipientKind;

class Tables final : public spool::Lookups {
 public:
  std::map<std::string, std::vector<store::Target>> aliases, lists;
  std::vector<store::Target> forwards;
  std::map<std::string, unsigned> users{{"jane", 1000}, {"bob", 1001}};
  spool::Virtual table;

  Result<std::optional<spool::VirtualTarget>> in_virtual(const rfc::Path& address) override {
    return table.find(address, address.domain() == "d");
  }
  Result<std::optional<spool::Listed>> alias(std::string_view name) override {
    const auto found = aliases.find(base::lowered(name));
    if (found == aliases.end()) return std::optional<spool::Listed>();
    return std::optional<spool::Listed>({found->second, ""});
  }
  Result<std::optional<base::User>> user(const std::string& name) override {
    if (name == "down") return base::Error{base::Kind::retry, "passwd: down"};
    const auto found = users.find(name);
    if (found == users.end()) return std::optional<base::User>();
    return std::optional(base::User{found->second, 0, name, "", "", ""});
  }
  Result<std::optional<spool::Listed>> forward(const base::User&) override {
    return std::optional<spool::Listed>({forwards, ""});
  }
  Result<spool::Listed> include(const std::string& path) override {
    const auto found = lists.find(path);
    if (found == lists.end()) return base::Error{base::Kind::config, path + ": not there"};
    return spool::Listed{found->second, path.ends_with("x") ? "open" : ""};
  }
};

struct World {
  Tables tables;
  spool::Rules rules;
  store::Entry entry;
  std::string virtual_text;

  void line(std::string_view text) {
    std::string_view rest = text;
    const auto word = base::take(rest, ' ');
    if (word == "virtual") virtual_text += cat(rest, "\n");
    else if (word == "user") tables.users.emplace(rest, 1000 + rest.size() % 2);
    else if (word == "to" && rest.size() > 2) recipient(rest[0], rest.substr(2));
    else if (word == "all") rules.local.all_mail_to = "all";
    else if (word == "unknown") rules.local.unknown = {spool::Unknown::Way::address, "unknown"};
    else if (word == "nobody") rules.others = spool::Rules::Others::nobody;
    else list(word, rest, text);
  }

  void list(std::string_view word, std::string_view rest, std::string_view text) {
    if (word == "list") text = rest;
    const auto name = base::take(text, ':');
    auto targets = store::parse_targets(text);
    if (!targets) return;
    if (word == "forward:") tables.forwards = std::move(targets).value();
    else if (word == "list") tables.lists[std::string(name)] = std::move(targets).value();
    else tables.aliases[base::lowered(name)] = std::move(targets).value();
  }

  void recipient(char kind, std::string_view address) {
    if (std::string_view("ualms|/h").find(kind) == std::string_view::npos) return;
    const auto path = rfc::Path::parse(address);
    if (!path || path.value().null()) return;
    entry.envelope.recipients.push_back(
        {static_cast<RecipientKind>(kind), 0, "", "", path.value().text(), path.value().text()});
  }
};

void check(const spool::Expansion& expansion) {
  for (const auto& line : expansion.lines) {
    require(!line.actions.empty() || line.thinned, "no message vanishes");
    for (const auto& action : line.actions) {
      const bool final =
          std::string_view("ms|/h").find(static_cast<char>(action.kind)) != std::string_view::npos;
      require(final || action.outcome, "what goes somewhere is final");
      require(!action.address.empty(), "an action has an address");
      const auto steps = trail(expansion, action.step);
      require(!steps.empty() && steps.front()->depth == 0 && steps.size() <= 102,
              "a trail begins at the recipient");
    }
  }
}

// The entry whose lines are these actions.
void next_generation(store::Entry& entry, const spool::Expansion& expansion) {
  entry.envelope.recipients.clear();
  for (const auto& line : expansion.lines)
    for (const auto& action : line.actions)
      entry.envelope.recipients.push_back({action.kind, 0, "", "", action.address, action.address});
  entry.done = std::string(entry.envelope.recipients.size(), store::pending);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  world.rules.site.domain = "d";
  world.rules.site.local = {"d"};
  world.rules.site.host_name = "d";
  world.rules.uid = 1000;
  world.rules.login = "jane";
  world.entry.envelope.senders.push_back({rfc::Path::parse("ann@x").value(), "", ""});
  std::string_view text = text_of(data, size);
  while (!text.empty()) world.line(base::take(text, '\n'));
  if (world.entry.envelope.recipients.empty()) return 0;
  world.tables.table = spool::Virtual::parse("v", world.virtual_text);
  world.entry.done = std::string(world.entry.envelope.recipients.size(), store::pending);
  constexpr int most_generations = 8;
  for (int generation = 0; generation < most_generations; ++generation) {
    const auto expansion = spool::expand_entry(world.entry, {}, world.rules, world.tables);
    check(expansion);
    if (settled(expansion)) return 0;
    next_generation(world.entry, expansion);
    if (world.entry.envelope.recipients.empty()) return 0;
  }
  require(false, "generations end");
  return 0;
}
