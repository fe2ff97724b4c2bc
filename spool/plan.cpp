#include "spool/plan.h"

#include <algorithm>

#include "lib/base/text.h"

namespace spool {

using base::cat;
using rfc::Outcome;

namespace {

bool fits(const std::vector<std::string>& patterns, const std::string& address) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return base::matches(pattern.starts_with('@') ? cat("*", pattern) : pattern, address);
  });
}

Outcome waits(rfc::EnhancedStatus status, std::string text) {
  return {Outcome::Kind::delayed, status, std::move(text)};
}

bool stays_here(const store::Recipient& recipient, const rfc::Path& path, const store::Site& site) {
  using store::RecipientKind;
  if (recipient.kind == RecipientKind::remote) return false;
  return recipient.kind != RecipientKind::address || site.is_local(path.domain());
}

}  // namespace

std::optional<std::size_t> choose_smarthost(const std::vector<Smarthost>& smarthosts,
                                            const rfc::Path& sender, const rfc::Path& recipient) {
  std::optional<std::size_t> general;
  for (std::size_t i = 0; i < smarthosts.size(); ++i) {
    const auto& smarthost = smarthosts[i];
    if (!smarthost.senders.empty() && !fits(smarthost.senders, sender.text())) continue;
    if (!smarthost.recipients.empty() && !fits(smarthost.recipients, recipient.text())) continue;
    if (!smarthost.senders.empty() || !smarthost.recipients.empty()) return i;
    if (!general) general = i;
  }
  return general;
}

Plan plan(const store::Entry& entry, const Settings& settings) {
  Plan result;
  const auto& envelope = entry.envelope;
  const auto& site = settings.site;
  for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
    if (entry.done[i] != store::pending) continue;
    const auto& recipient = envelope.recipients[i];
    auto parsed = rfc::Path::parse(recipient.address);
    if (!parsed || stays_here(recipient, parsed.value(), site)) {
      result.waiting.push_back(
          {i, waits({4, 3, 5}, "local delivery is not part of this version of postbag")});
      continue;
    }
    const auto path = parsed.value().qualified_with(site.domain);
    const auto sender = envelope.senders[recipient.sender].path.qualified_with(site.domain);
    const auto chosen = choose_smarthost(settings.smarthosts, sender, path);
    if (!chosen) {
      result.waiting.push_back(
          {i, waits({4, 4, 4}, settings.smarthosts.empty()
                                   ? "no smarthost is configured"
                                   : "no smarthost is configured for this sender and recipient")});
      continue;
    }
    const auto room = settings.smarthosts[*chosen].recipients_per_transaction;
    // From the back: full batches of a long list lie in front.
    auto batch =
        std::find_if(result.batches.rbegin(), result.batches.rend(), [&](const Batch& known) {
          return known.smarthost == *chosen && known.sender.same(sender);
        });
    const bool usable = batch != result.batches.rend() && batch->recipients.size() < room;
    Batch& target = usable ? *batch : result.batches.emplace_back(Batch{*chosen, sender, {}, {}});
    target.recipients.push_back(i);
    target.paths.push_back(path);
  }
  return result;
}

}  // namespace spool
