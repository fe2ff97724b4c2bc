#include "spool/expand.h"

#include <algorithm>

#include "lib/base/text.h"
#include "spool/expand_line.h"

namespace spool {

using base::cat;

std::string delivered_to(std::string_view user, const store::Site& site) {
  return cat(store::quoted(user), "@", site.host_name);
}

std::vector<const Step*> trail(const Expansion& expansion, std::size_t step) {
  std::vector<const Step*> steps;
  for (; step != Step::none; step = expansion.steps[step].parent)
    steps.push_back(&expansion.steps[step]);
  std::reverse(steps.begin(), steps.end());
  return steps;
}

bool is_final(store::RecipientKind kind) {
  using store::RecipientKind;
  return kind != RecipientKind::unqualified && kind != RecipientKind::address &&
         kind != RecipientKind::local_user;
}

namespace {
// Who had the message by a line that is done: what its address says without a look into tables,
// which may have changed since. A name of this machine says nothing: it may have led elsewhere, and
// a copy too many is better than none.
std::string key_of_done(const store::Recipient& recipient, const Rules& rules) {
  using store::RecipientKind;
  if (is_final(recipient.kind)) return key_of(recipient.kind, recipient.address);
  const auto path = rfc::Path::parse(recipient.address);
  const bool away = recipient.kind == RecipientKind::address && path && path.value().qualified() &&
                    !rules.site.is_local(path.value().domain()) &&
                    rules.local.virtual_table.empty();
  return away ? key_of(RecipientKind::remote, recipient.address) : std::string();
}

// What the entry's own lines say of who had the message, and of who will get it.
void note_lines(const store::Entry& entry, const Rules& rules, Shared& shared) {
  const auto& recipients = entry.envelope.recipients;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    auto key = key_of(recipients[i].kind, recipients[i].address);
    const char done = entry.done[i];
    const bool had = done != store::pending && done != store::bounced;
    if (had) shared.given.insert(key_of_done(recipients[i], rules));
    else if (done == store::pending && is_final(recipients[i].kind)) shared.given.insert(key);
    if (done == store::pending) shared.lines.emplace(std::move(key), i);
  }
}
}  // namespace

Expansion expand_entry(const store::Entry& entry, const std::vector<std::string>& delivered_to,
                       const Rules& rules, Lookups& lookups) {
  Expansion expansion;
  Shared shared{rules, lookups, expansion, {}, {}, {}, {}};
  for (const auto& each : delivered_to) shared.had.insert(base::lowered(base::trim(each)));
  note_lines(entry, rules, shared);
  const auto& envelope = entry.envelope;
  for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
    if (entry.done[i] != store::pending) continue;
    const auto& recipient = envelope.recipients[i];
    const bool null_sender = envelope.senders[recipient.sender].path.null();
    expansion.lines.push_back(LineExpander(shared, recipient, null_sender).run(i));
  }
  return expansion;
}

bool settled(const Expansion& expansion) {
  return std::all_of(expansion.lines.begin(), expansion.lines.end(),
                     [](const Line& line) { return line.actions.size() == 1 && !line.thinned; });
}

}  // namespace spool
