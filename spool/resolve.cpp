#include "spool/resolve.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "lib/base/log.h"
#include "lib/base/text.h"
#include "spool/mime.h"

namespace spool {

using base::Result;
using store::Recipient;
using store::RecipientKind;

namespace {

/// Senders by their place in an envelope, with those that lists' owners become behind them.
class Senders {
 public:
  explicit Senders(std::vector<store::Sender>& senders) : senders_(senders) {}

  // A list's owner hears of its members' troubles.
  void change(Recipient& recipient, const rfc::Path& sender) {
    if (senders_[recipient.sender].path.text() == sender.text()) return;
    const auto [place, is_new] =
        added_.emplace(sender.text(), static_cast<unsigned>(senders_.size()));
    if (is_new) senders_.push_back({sender, "", ""});
    recipient.sender = place->second;
  }

 private:
  std::vector<store::Sender>& senders_;
  std::map<std::string, unsigned> added_;
};

Recipient readdressed(const Recipient& recipient, const Action& action, Senders& senders) {
  Recipient made = recipient;
  made.kind = action.kind;
  made.address = action.address;
  made.user = action.user;
  if (action.sender) senders.change(made, *action.sender);
  return made;
}

// One action a line: the entry stays, and only this run knows where its recipients go.
std::vector<Decided> take_actions(store::Lease& lease, const Expansion& expansion) {
  std::vector<Decided> decided;
  auto envelope = lease.entry().envelope;
  Senders senders(envelope.senders);
  for (const auto& line : expansion.lines) {
    const auto& action = line.actions.front();
    if (action.outcome) decided.push_back({line.recipient, *action.outcome, true});
    auto& recipient = envelope.recipients[line.recipient];
    // Who gets it nowhere is told of by the name that he was given.
    if (!action.outcome) recipient = readdressed(recipient, action, senders);
    else if (action.sender) senders.change(recipient, *action.sender);
  }
  lease.resolve(std::move(envelope));
  return decided;
}

}  // namespace

Generation next_generation(const store::Entry& entry, const Expansion& expansion) {
  Generation next{entry.envelope, {}};
  auto& recipients = next.envelope.recipients;
  recipients.clear();
  Senders senders(next.envelope.senders);
  auto line = expansion.lines.begin();
  for (std::size_t i = 0; i < entry.done.size(); ++i) {
    const auto& recipient = entry.envelope.recipients[i];
    const bool expanded = line != expansion.lines.end() && line->recipient == i;
    const bool kept = !expanded || line->actions.empty();
    if (kept) {
      recipients.push_back(recipient);
      next.statuses += expanded ? store::delivered : entry.done[i];
    } else {
      for (const auto& action : line->actions) {
        recipients.push_back(readdressed(recipient, action, senders));
        next.statuses += store::pending;
      }
    }
    if (expanded) ++line;
  }
  return next;
}

std::vector<std::string> delivered_to_fields(std::string_view header) {
  constexpr std::string_view name = "delivered-to:";
  std::vector<std::string> values;
  while (!header.empty()) {
    const std::string_view field = take_field(header);
    if (field.size() < name.size() || !base::iequals(field.substr(0, name.size()), name)) continue;
    std::string value(base::trim(field.substr(name.size())));
    std::erase_if(value, [](char c) { return c == '\n' || c == '\r'; });
    values.push_back(std::move(value));
  }
  return values;
}

bool needs_expansion(const store::Entry& entry, const Rules& rules) {
  const auto& recipients = entry.envelope.recipients;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    const auto kind = recipients[i].kind;
    if (entry.done[i] != store::pending || kind == RecipientKind::remote) continue;
    if (kind != RecipientKind::address || !rules.local.virtual_table.empty()) return true;
    const auto path = rfc::Path::parse(recipients[i].address);
    if (!path || rules.site.is_local(path.value().domain())) return true;
    const auto* way = rules.routes.find(path.value());
    if (way != nullptr && std::holds_alternative<ToThisMachine>(*way)) return true;
  }
  return false;
}

Result<std::vector<Decided>> resolve(store::Lease& lease, std::string_view header,
                                     const Rules& rules, Lookups& lookups) {
  const auto fields = delivered_to_fields(header);
  // The second time there is nothing left that leads to several places, unless an alias is changed
  // this very moment.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto expansion = expand_entry(lease.entry(), fields, rules, lookups);
    for (const auto& remark : expansion.remarks)
      base::log("local", base::Level::warning, base::cat(lease.name().id.text(), ": ", remark));
    if (settled(expansion)) return take_actions(lease, expansion);
    const auto next = next_generation(lease.entry(), expansion);
    TRY(lease.replace(next.envelope, next.statuses));
    if (lease.all_done()) return std::vector<Decided>();
  }
  return base::Error{base::Kind::retry, "aliases are being changed"};
}

}  // namespace spool
