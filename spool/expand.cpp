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
// What the entry's own lines say of who had the message, and of who will get it. What a line that
// is done led to is not asked: tables may have changed since.
void note_lines(const store::Entry& entry, Shared& shared) {
  const auto& recipients = entry.envelope.recipients;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    auto key = key_of(recipients[i].kind, recipients[i].address);
    const char done = entry.done[i];
    if (done != store::bounced && is_final(recipients[i].kind)) shared.given.insert(key);
    if (done == store::pending) shared.lines.emplace(std::move(key), i);
  }
}
}  // namespace

Expansion expand_entry(const store::Entry& entry, const std::vector<std::string>& delivered_to,
                       const Rules& rules, Lookups& lookups) {
  Expansion expansion;
  Shared shared{rules, lookups, expansion, {}, {}, {}, {}};
  for (const auto& each : delivered_to) shared.had.insert(base::lowered(base::trim(each)));
  note_lines(entry, shared);
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
