#include "mailq/requeue.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "lib/rfc/envelope.h"

namespace manage {

using store::Recipient;
using store::RecipientKind;

namespace {

bool submitted_kind(RecipientKind kind) {
  return kind == RecipientKind::unqualified || kind == RecipientKind::address;
}

// A `\user` was submitted as that, and looks like what expanding `user` gives but for its original.
Recipient submitted(const Recipient& recipient) {
  Recipient back = recipient;
  if (recipient.original.empty() ||
      (submitted_kind(recipient.kind) && recipient.address == recipient.original))
    return back;
  const std::string_view original = recipient.original;
  const bool mailbox = original.starts_with('\\');
  back.address = original.substr(mailbox ? 1 : 0);
  const auto path = rfc::Path::parse(back.address);
  const bool qualified = path && path.value().qualified();
  back.kind = mailbox     ? RecipientKind::mailbox
              : qualified ? RecipientKind::address
                          : RecipientKind::unqualified;
  back.sender = 0;
  return back;
}

}  // namespace

Requeued requeued(const store::Entry& entry) {
  Requeued made{entry.envelope, {}};
  auto& recipients = made.envelope.recipients;
  recipients.clear();
  std::set<std::string> seen;
  for (std::size_t i = 0; i < entry.done.size(); ++i) {
    const auto& recipient = entry.envelope.recipients[i];
    const bool waits = entry.done[i] == store::pending;
    auto back = waits ? submitted(recipient) : recipient;
    const auto& name = back.original.empty() ? back.address : back.original;
    if (waits && !seen.insert(name + static_cast<char>(back.kind)).second) continue;
    recipients.push_back(std::move(back));
    made.statuses.push_back(entry.done[i]);
  }
  return made;
}

}  // namespace manage
