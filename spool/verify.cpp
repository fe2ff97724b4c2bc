#include "spool/verify.h"

#include <sysexits.h>

#include <algorithm>
#include <iterator>

#include "lib/base/text.h"
#include "spool/plan.h"

namespace spool {

using base::cat;
using base::printable;
using rfc::Outcome;
using rfc::Path;
using store::RecipientKind;

namespace {

store::Entry entry_of(RecipientKind kind, const std::string& address) {
  store::Entry entry;
  // Anybody: the null sender would hide what a list's owner does.
  entry.envelope.senders.push_back({Path::parse("MAILER-DAEMON").value(), "", ""});
  entry.envelope.recipients.push_back({kind, 0, "", "", address, address});
  entry.done = std::string(1, store::pending);
  return entry;
}

std::string_view name_of(Step::By by) {
  switch (by) {
    case Step::By::submission: return "";
    case Step::By::virtual_table: return "virtual";
    case Step::By::alias: return "alias";
    case Step::By::include: return "include";
    case Step::By::forward: return ".forward";
    case Step::By::postmaster: return "postmaster";
    case Step::By::all_mail_to: return "all_mail_to";
    case Step::By::unknown: return "unknown";
  }
  return "";
}

std::string steps_text(const Expansion& expansion) {
  std::string text;
  for (const auto& step : expansion.steps) {
    if (step.parent == Step::none) continue;
    const auto& from = expansion.steps[step.parent].text;
    text += cat(std::string(2 * std::size_t{step.depth}, ' '), printable(from), " -> ",
                printable(step.text), " (", name_of(step.by), ")\n");
  }
  return text;
}

struct End {
  std::string text;
  int status = EX_OK;
};

End outcome_end(const Outcome& outcome) {
  const auto& text = outcome.text;
  if (outcome.kind == Outcome::Kind::delayed)
    return {cat("deferred: ", outcome.status.text(), " ", text), EX_TEMPFAIL};
  if (outcome.status == rfc::EnhancedStatus{5, 1, 1} && text.starts_with("unknown user"))
    return {"User unknown", EX_NOUSER};
  return {cat("undeliverable: ", outcome.status.text(), " ", text), EX_UNAVAILABLE};
}

// Which smarthost an address outside takes.
End relay_end(const Action& action, const Settings& settings) {
  auto entry = entry_of(RecipientKind::remote, action.address);
  if (action.sender) entry.envelope.senders[0].path = *action.sender;
  const auto planned = plan(entry, settings);
  if (planned.batches.empty()) return outcome_end(planned.decided.at(0).outcome);
  const auto& smarthost = settings.way(planned.batches[0].smarthost);
  std::string host = smarthost.hosts.front().name;
  if (!smarthost.name.empty() && !smarthost.only_routed) host += cat(" (", smarthost.name, ")");
  return {cat("deliverable: mailer relay, host ", printable(host), ", user ",
              printable(action.address))};
}

End end_of(const Action& action, const Settings& settings, const Rules& rules) {
  if (action.outcome) return outcome_end(*action.outcome);
  const auto user = printable(action.address);
  // Run with nobody's rights but the owner's, and never with root's.
  const bool refused = rules.uid == 0 && action.address != "/dev/null";
  switch (action.kind) {
    case RecipientKind::mailbox: return {cat("deliverable: mailer local, user ", user)};
    case RecipientKind::other_user: return {cat("deliverable: mailer system, user ", user)};
    case RecipientKind::command:
      if (refused) return {"deferred: 4.3.5 uid 0 never runs commands", EX_TEMPFAIL};
      return {cat("deliverable: mailer prog, user ", user)};
    case RecipientKind::file:
      if (refused) return {"deferred: 4.3.5 uid 0 never writes to files", EX_TEMPFAIL};
      return {cat("deliverable: mailer *file*, user ", user)};
    case RecipientKind::remote: return relay_end(action, settings);
    default: return {"deferred: not expanded", EX_TEMPFAIL};
  }
}

// The address before `...`.
std::string shown(const Action& action) {
  const bool command = action.kind == RecipientKind::command;
  return printable(command ? cat("|", action.address) : action.address);
}

}  // namespace

int worse(int one, int other) {
  constexpr int order[] = {EX_OK, EX_DATAERR, EX_TEMPFAIL, EX_UNAVAILABLE, EX_NOUSER};
  const auto rank = [&](int status) {
    return std::find(std::begin(order), std::end(order), status) - std::begin(order);
  };
  return rank(one) > rank(other) ? one : other;
}

Findings verify(const std::string& address, const Settings& settings, const Rules& rules,
                Lookups& lookups) {
  const bool mailbox = address.starts_with('\\') && address.find('@') == std::string::npos;
  const auto path = Path::parse(mailbox ? address.substr(1) : address);
  if (!path || path.value().null())
    return {cat(printable(address), "... ", path ? "no address" : path.error().text, "\n"),
            EX_DATAERR};
  const auto kind = mailbox                    ? RecipientKind::mailbox
                    : path.value().qualified() ? RecipientKind::address
                                               : RecipientKind::unqualified;
  const auto expansion = expand_entry(entry_of(kind, path.value().text()), {}, rules, lookups);
  Findings findings;
  findings.text = steps_text(expansion);
  for (const auto& remark : expansion.remarks) findings.text += cat("  ", remark, "\n");
  for (const auto& action : expansion.lines.at(0).actions) {
    const auto end = end_of(action, settings, rules);
    findings.text += cat(shown(action), "... ", printable(end.text), "\n");
    findings.status = worse(findings.status, end.status);
  }
  return findings;
}

}  // namespace spool
