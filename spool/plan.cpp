#include "spool/plan.h"

#include <algorithm>

#include "lib/base/text.h"
#include "spool/cause.h"

namespace spool {

using base::cat;
using rfc::Outcome;

namespace {

Outcome waits(rfc::EnhancedStatus status, std::string text) {
  return {Outcome::Kind::delayed, status, std::move(text)};
}

bool stays_here(const store::Recipient& recipient, const rfc::Path& path, const store::Site& site) {
  using store::RecipientKind;
  if (recipient.kind == RecipientKind::remote) return false;
  return recipient.kind != RecipientKind::address || site.is_local(path.domain());
}

// Where one goes: to a smarthost, or nowhere now and why.
std::variant<std::size_t, Outcome> way_of(const store::Envelope& envelope,
                                          const store::Recipient& recipient,
                                          const Settings& settings) {
  const auto& site = settings.site;
  const auto local = waits({4, 3, 5}, "local delivery is not part of this version of postbag");
  const auto parsed = rfc::Path::parse(recipient.address);
  if (!parsed || stays_here(recipient, parsed.value(), site)) return local;
  const auto path = parsed.value().qualified_with(site.domain);
  if (const Way* way = settings.routes.find(path)) {
    if (const auto* smarthost = std::get_if<ToSmarthost>(way)) return smarthost->index;
    if (std::holds_alternative<ToThisMachine>(*way)) return local;
    const auto& nowhere = std::get<ToNowhere>(*way);
    auto outcome = failed(Cause::error_route, cat(nowhere.text, " (by [routes])"), nowhere.status);
    outcome.reply = nowhere.text;
    return outcome;
  }
  const auto sender = envelope.senders[recipient.sender].path.qualified_with(site.domain);
  if (const auto chosen = choose_smarthost(settings.smarthosts, sender, path)) return *chosen;
  const bool none = std::all_of(settings.smarthosts.begin(), settings.smarthosts.end(),
                                [](const Smarthost& each) { return each.only_routed; });
  return waits({4, 4, 4}, none ? "no smarthost is configured"
                               : "no smarthost is configured for this sender and recipient");
}

}  // namespace

namespace {

// Nobody writes a pattern for the null sender: a report to somebody goes the way his own mail does.
bool for_sender(const Smarthost& smarthost, const rfc::Path& sender, const rfc::Path& recipient) {
  const auto& who = sender.null() ? recipient : sender;
  return smarthost.senders.empty() || fits_one(smarthost.senders, who.text());
}

}  // namespace

std::optional<std::size_t> choose_smarthost(const std::vector<Smarthost>& smarthosts,
                                            const rfc::Path& sender, const rfc::Path& recipient) {
  std::optional<std::size_t> general, last;
  for (std::size_t i = 0; i < smarthosts.size(); ++i) {
    const auto& smarthost = smarthosts[i];
    const bool open = smarthost.recipients.empty();
    if (smarthost.only_routed) continue;
    if (!open && !fits_one(smarthost.recipients, recipient.text())) continue;
    const bool fits = for_sender(smarthost, sender, recipient);
    if (fits && !(open && smarthost.senders.empty())) return i;
    auto& place = fits ? general : last;
    place = place.value_or(i);
  }
  return general || !sender.null() ? general : last;
}

std::optional<std::size_t> smarthost_for(const Settings& settings, const rfc::Path& sender,
                                         const rfc::Path& recipient) {
  store::Envelope envelope;
  envelope.senders.push_back({sender, "", ""});
  const auto kind =
      recipient.qualified() ? store::RecipientKind::address : store::RecipientKind::unqualified;
  const auto way =
      way_of(envelope, {kind, 0, "", "", recipient.text(), recipient.text()}, settings);
  const auto* smarthost = std::get_if<std::size_t>(&way);
  return smarthost != nullptr ? std::optional(*smarthost) : std::nullopt;
}

std::set<std::size_t> ways(const store::Entry& entry, const Settings& settings) {
  std::set<std::size_t> found;
  const auto& recipients = entry.envelope.recipients;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (entry.done[i] != store::pending) continue;
    const auto way = way_of(entry.envelope, recipients[i], settings);
    if (const auto* smarthost = std::get_if<std::size_t>(&way)) found.insert(*smarthost);
  }
  return found;
}

Plan plan(const store::Entry& entry, const Settings& settings) {
  Plan result;
  const auto& recipients = entry.envelope.recipients;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (entry.done[i] != store::pending) continue;
    auto way = way_of(entry.envelope, recipients[i], settings);
    if (auto* outcome = std::get_if<Outcome>(&way)) {
      result.decided.push_back({i, std::move(*outcome)});
      continue;
    }
    const auto chosen = std::get<std::size_t>(way);
    const auto room = settings.smarthosts[chosen].recipients_per_transaction;
    const auto sender = recipients[i].sender;
    // From the back: full batches of a long list lie in front.
    auto batch = std::find_if(
        result.batches.rbegin(), result.batches.rend(),
        [&](const Batch& known) { return known.smarthost == chosen && known.sender == sender; });
    const bool usable = batch != result.batches.rend() && batch->recipients.size() < room;
    Batch& target = usable ? *batch : result.batches.emplace_back(Batch{chosen, sender, {}});
    target.recipients.push_back(i);
  }
  return result;
}

namespace {

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

std::string parameters_of(const store::Recipient& recipient) {
  std::string text;
  if (!recipient.notify.empty()) text += cat(" NOTIFY=", upper(recipient.notify));
  if (!recipient.orcpt.empty()) text += cat(" ORCPT=", recipient.orcpt);
  return text;
}

}  // namespace

Job job_of(const store::Entry& entry, const store::QueueId& id, const Batch& batch,
           const std::string& domain) {
  const auto& envelope = entry.envelope;
  const auto& sender = envelope.senders[batch.sender];
  Job job;
  job.id = id.text();
  job.sender = sender.path.qualified_with(domain);
  if (!sender.ret.empty()) job.mail_parameters += cat(" RET=", upper(sender.ret));
  if (!sender.envid.empty()) job.mail_parameters += cat(" ENVID=", sender.envid);
  job.facts = entry.facts;
  job.message_offset = entry.message_offset;
  const auto& indices = batch.recipients;
  if (indices.back() - indices.front() + 1 == indices.size())
    job.status_offset = entry.done_offset + indices.front();
  bool any = false;
  for (const auto i : batch.recipients) {
    const auto& recipient = envelope.recipients[i];
    auto path = rfc::Path::parse(recipient.address);
    job.recipients.push_back(path ? path.value().qualified_with(domain) : rfc::Path());
    job.recipient_parameters.push_back(parameters_of(recipient));
    any = any || !job.recipient_parameters.back().empty();
  }
  if (!any) job.recipient_parameters.clear();
  return job;
}

}  // namespace spool
