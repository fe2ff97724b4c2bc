#include "spool/plan.h"

#include <algorithm>

#include "lib/base/text.h"
#include "spool/cause.h"
#include "spool/expand.h"

namespace spool {

using base::cat;
using rfc::Outcome;

namespace {

Outcome waits(rfc::EnhancedStatus status, std::string text) {
  return {Outcome::Kind::delayed, status, std::move(text)};
}

// The agent that takes what was expanded to the end; nullopt: it is not of this machine.
std::optional<std::size_t> agent_of(const store::Recipient& recipient, const Settings& settings) {
  using store::RecipientKind;
  switch (recipient.kind) {
    case RecipientKind::mailbox:
      return settings.local.mailbox.starts_with('|') ? settings.commands() : settings.mailboxes();
    case RecipientKind::file: return settings.mailboxes();
    case RecipientKind::command:
    case RecipientKind::other_user: return settings.commands();
    case RecipientKind::unqualified:
    case RecipientKind::address:
    case RecipientKind::local_user:
    case RecipientKind::remote: break;
  }
  return std::nullopt;
}

// Where one goes: to a smarthost, or nowhere now and why.
std::variant<std::size_t, Outcome> way_of(const store::Envelope& envelope,
                                          const store::Recipient& recipient,
                                          const Settings& settings) {
  const auto& site = settings.site;
  if (const auto agent = agent_of(recipient, settings)) return *agent;
  // Only for who asks about an address that was not expanded.
  const auto local = waits({4, 3, 5}, "it stays on this machine");
  const auto parsed = rfc::Path::parse(recipient.address);
  const bool away = recipient.kind == store::RecipientKind::remote ||
                    (recipient.kind == store::RecipientKind::address && parsed &&
                     !site.is_local(parsed.value().domain()));
  if (!parsed || !away) return local;
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

Plan plan(const store::Entry& entry, const Settings& settings, std::vector<Decided> decided) {
  Plan result;
  std::set<std::size_t> known;
  for (const auto& each : decided) known.insert(each.recipient);
  result.decided = std::move(decided);
  const auto& recipients = entry.envelope.recipients;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (entry.done[i] != store::pending || known.contains(i)) continue;
    auto way = way_of(entry.envelope, recipients[i], settings);
    if (auto* outcome = std::get_if<Outcome>(&way)) {
      result.decided.push_back({i, std::move(*outcome), false});
      continue;
    }
    const auto chosen = std::get<std::size_t>(way);
    const auto& smarthost = settings.way(chosen);
    const bool agent = smarthost.agent != Agent::session;
    const std::size_t room = agent ? 1 : smarthost.recipients_per_transaction;
    const auto sender = recipients[i].sender;
    // From the back: full batches of a long list lie in front.
    auto batch = std::find_if(result.batches.rbegin(), result.batches.rend(), [&](const Batch& it) {
      const auto& user = recipients[it.recipients.front()].user;
      return it.smarthost == chosen && it.sender == sender && user == recipients[i].user;
    });
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

// What the sender wants to hear ends at a list (RFC 3461 section 5.2.7.3).
std::string parameters_of(const store::Recipient& recipient) {
  std::string text;
  if (recipient.sender != 0) return text;
  if (!recipient.notify.empty()) text += cat(" NOTIFY=", upper(recipient.notify));
  if (!recipient.orcpt.empty()) text += cat(" ORCPT=", recipient.orcpt);
  return text;
}

}  // namespace

namespace {

// The message, and where the statuses lie.
Job job_for(const store::Entry& entry, const store::QueueId& id, const Batch& batch) {
  Job job;
  job.id = id.text();
  job.arrival = entry.envelope.arrival;
  job.facts = entry.facts;
  job.message_offset = entry.message_offset;
  const auto& indices = batch.recipients;
  if (indices.back() - indices.front() + 1 == indices.size())
    job.status_offset = entry.done_offset + indices.front();
  return job;
}

}  // namespace

Job job_of(const store::Entry& entry, const store::QueueId& id, const Batch& batch,
           const store::Site& site) {
  const auto& envelope = entry.envelope;
  const auto& sender = envelope.senders[batch.sender];
  Job job = job_for(entry, id, batch);
  job.sender = sender.path.qualified_with(site.domain);
  if (!sender.ret.empty()) job.mail_parameters += cat(" RET=", upper(sender.ret));
  if (!sender.envid.empty()) job.mail_parameters += cat(" ENVID=", sender.envid);
  const auto& user = envelope.recipients[batch.recipients.front()].user;
  if (!user.empty()) job.prefix = cat("Delivered-To: ", delivered_to(user, site), "\n");
  bool any = false;
  for (const auto i : batch.recipients) {
    const auto& recipient = envelope.recipients[i];
    auto path = rfc::Path::parse(recipient.address);
    job.recipients.push_back(path ? path.value().qualified_with(site.domain) : rfc::Path());
    job.recipient_parameters.push_back(parameters_of(recipient));
    any = any || !job.recipient_parameters.back().empty();
  }
  if (!any) job.recipient_parameters.clear();
  return job;
}

Job local_job_of(const store::Entry& entry, const store::QueueId& id, const Batch& batch,
                 const store::Site& site) {
  const auto line = batch.recipients.front();
  const auto& recipient = entry.envelope.recipients[line];
  Job job = job_for(entry, id, batch);
  job.sender = entry.envelope.senders[batch.sender].path;
  job.recipients.emplace_back();
  auto& local = job.local.emplace();
  local.kind = recipient.kind;
  local.target = recipient.address;
  local.original = recipient.original;
  if (recipient.sender == 0) local.notify = recipient.notify;
  local.ret = entry.envelope.senders[batch.sender].ret;
  local.envid = entry.envelope.senders[batch.sender].envid;
  local.line = line;
  const auto path = rfc::Path::parse(recipient.original);
  if (recipient.kind == store::RecipientKind::mailbox)
    local.final_address = cat(recipient.address, "@", site.host_name);
  else if (!recipient.user.empty()) local.final_address = delivered_to(recipient.user, site);
  else if (path && recipient.kind != store::RecipientKind::other_user)
    local.final_address = path.value().qualified_with(site.host_name).text();
  return job;
}

}  // namespace spool
