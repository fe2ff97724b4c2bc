#include "spool/bounce.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "spool/mime.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using store::QueueId;

namespace {

constexpr std::size_t longest_header = 1 << 20;

std::string message_id_in(std::string_view header) {
  std::string id;
  while (!header.empty()) {
    const auto field = take_field(header);
    if (kind_of(field) == rfc::Field::message_id && id.empty())
      id = rfc::unfolded(field.substr(field.find(':') + 1));
  }
  return id;
}

std::string_view purpose_of(Notice::Kind kind) {
  switch (kind) {
    case Notice::Kind::failed: return "failed";
    case Notice::Kind::delayed: return "delayed";
    case Notice::Kind::delivered: break;
  }
  return "delivered";
}

constexpr std::string_view to_postmaster = "double";

// What a notice is about and says, as its envid.
std::string label_of(const Bouncer::Subject& subject) {
  const auto& sender = subject.lease.entry().envelope.senders[subject.sender];
  return cat(subject.lease.name().id.text(), ".",
             sender.path.null() ? to_postmaster : purpose_of(subject.kind));
}

NoticeRecipient::Action action_of(Notice::Kind kind, store::RecipientKind recipient) {
  using store::RecipientKind;
  switch (kind) {
    case Notice::Kind::failed: return NoticeRecipient::Action::failed;
    case Notice::Kind::delayed: return NoticeRecipient::Action::delayed;
    case Notice::Kind::delivered: break;
  }
  const bool here = recipient == RecipientKind::mailbox || recipient == RecipientKind::file ||
                    recipient == RecipientKind::command;
  return here ? NoticeRecipient::Action::delivered : NoticeRecipient::Action::relayed;
}

// A command or a file is no address, and nobody else's business: it has the one that led to it.
const std::string& address_told(const store::Recipient& recipient) {
  const bool named = recipient.kind == store::RecipientKind::command ||
                     recipient.kind == store::RecipientKind::file;
  return named ? recipient.original : recipient.address;
}

Result<> append_original(store::Draft& draft, const store::Lease& lease) {
  const auto& entry = lease.entry();
  std::string piece(64 * 1024, '\0');
  for (std::uint64_t at = 0; at < entry.facts.bytes;) {
    const auto want = std::min<std::uint64_t>(piece.size(), entry.facts.bytes - at);
    TRY_LET(got, base::read_at(lease.descriptor(),
                               std::span(piece).first(static_cast<std::size_t>(want)),
                               entry.message_offset + at, "entry"));
    if (got < want) return Error{Kind::data, "entry: shorter than it was"};
    TRY(draft.append(std::string_view(piece).substr(0, got)));
    at += got;
  }
  return {};
}

}  // namespace

std::optional<QueueId> parent_of(const store::Envelope& envelope) {
  const auto& sender = envelope.senders.front();
  const auto dot = std::min(sender.envid.find('.'), sender.envid.size());
  if (!sender.path.null() || dot == sender.envid.size()) return std::nullopt;
  return QueueId::parse(std::string_view(sender.envid).substr(0, dot));
}

bool nobody_to_tell(const store::Lease& lease, unsigned sender) {
  const auto& entry = lease.entry();
  const auto& who = entry.envelope.senders[sender];
  if (!who.path.null()) return false;
  if (who.envid.ends_with(cat(".", to_postmaster))) return true;
  const std::string header = header_of(lease.descriptor(), entry, longest_header);
  for (std::string_view rest = header; !rest.empty();)
    if (base::istarts_with(take_field(rest), last_report)) return true;
  return false;
}

std::string header_of(int descriptor, const store::Entry& entry, std::size_t limit) {
  std::string text(std::min<std::uint64_t>(limit, entry.facts.bytes), '\0');
  const auto got = base::read_at(descriptor, text, entry.message_offset, "entry");
  text.resize(got ? got.value() : 0);
  if (text.starts_with('\n')) return {};
  const auto end = text.find("\n\n");
  text.resize(end != std::string::npos ? end + 1 : text.rfind('\n') + 1);
  return text;
}

std::size_t hops(std::string_view header) {
  std::size_t count = 0;
  while (!header.empty())
    if (kind_of(take_field(header)) == rfc::Field::received) ++count;
  return count;
}

void Bouncer::know(const std::vector<store::EntryName>& entries) { known_ = entries; }

std::optional<std::size_t> Bouncer::way_to(const rfc::Path& sender) const {
  return smarthost_for(settings_, rfc::Path(), sender);
}

rfc::Path Bouncer::addressee(const Subject& subject) const {
  const auto& sender = subject.lease.entry().envelope.senders[subject.sender].path;
  if (!sender.null()) return sender;
  auto postmaster = rfc::Path::parse(settings_.site.postmaster);
  if (postmaster && postmaster.value().qualified()) return std::move(postmaster).value();
  // Who that is, expansion knows: an alias, or whoever there is where root cannot be reached.
  return rfc::Path::parse("postmaster").value();
}

Notice Bouncer::notice_of(const Subject& subject, std::string_view header) const {
  const auto& entry = subject.lease.entry();
  const auto& sender = entry.envelope.senders[subject.sender];
  Notice notice;
  notice.kind = subject.kind;
  notice.queue_id = subject.lease.name().id.text();
  notice.host_name = settings_.site.host_name;
  notice.domain = settings_.site.domain;
  notice.sender = addressee(subject);
  notice.envid = sender.envid;
  notice.ret = sender.ret;
  notice.last = sender.path.null();
  notice.arrival = entry.envelope.arrival;
  notice.now = subject.now;
  notice.retry_until = subject.retry_until;
  notice.utc_offset = base::local_offset(subject.now);
  notice.original_size = entry.facts.bytes;
  notice.eight_bit_header = entry.facts.eight_bit_header;
  notice.eight_bit_body = entry.facts.eight_bit_body;
  notice.original_message_id = message_id_in(header);
  for (const auto& judged : subject.recipients) {
    const auto& recipient = entry.envelope.recipients[judged.recipient];
    notice.recipients.push_back({address_told(recipient), recipient.original, recipient.orcpt,
                                 judged.outcome, action_of(subject.kind, recipient.kind),
                                 judged.outcome.host, judged.expired});
  }
  return notice;
}

store::Envelope Bouncer::envelope_of(const Subject& subject) const {
  const auto sender = addressee(subject);
  // What cannot reach the sender that way is the business of whose spool this is.
  const auto way = way_to(sender);
  const bool barred =
      way && std::any_of(subject.recipients.begin(), subject.recipients.end(),
                         [&](const Judged& each) { return each.failing_smarthost == way; });
  const std::string address = barred ? who_.login() : sender.text();
  // Straight into the mailbox: a .forward might lead there as well.
  const auto kind = barred               ? store::RecipientKind::mailbox
                    : sender.qualified() ? store::RecipientKind::address
                                         : store::RecipientKind::unqualified;
  store::Envelope envelope;
  envelope.arrival = subject.now;
  envelope.uid = who_.uid;
  envelope.senders.push_back({rfc::Path(), "", label_of(subject)});
  envelope.recipients.push_back({kind, 0, "", "", address, address});
  return envelope;
}

// Whether an entry of this ID is that notice. Anything else of the same ID is a coincidence.
bool Bouncer::made_before(const QueueId& id, const std::string& label) const {
  if (made_.contains(id)) return true;
  const auto found = std::lower_bound(
      known_.begin(), known_.end(), id,
      [](const store::EntryName& name, const QueueId& wanted) { return name.id < wanted; });
  if (found == known_.end() || found->id != id) return false;
  const auto entry = store::read_entry(spool_, *found);
  if (!entry) return false;
  const auto& sender = entry.value().envelope.senders.front();
  return sender.path.null() && sender.envid == label;
}

Result<QueueId> Bouncer::commit(const Subject& subject) {
  const auto& parent = subject.lease.name().id;
  std::string purpose = cat(purpose_of(subject.kind), " ", subject.sender);
  // A delay is told of once, whomever it concerns by then. The recipients' numbers are not theirs
  // for ever: another generation counts anew.
  const auto& recipients = subject.lease.entry().envelope.recipients;
  for (const auto& each : subject.recipients) {
    if (subject.kind == Notice::Kind::delayed) break;
    const auto& recipient = recipients[each.recipient];
    purpose += cat(" ", recipient.original, " ", std::string(1, static_cast<char>(recipient.kind)),
                   recipient.address);
  }
  const auto id = QueueId::derived(parent, purpose);
  if (made_before(id, label_of(subject))) return id;
  TRY_LET(draft, store::Draft::create_as(spool_, id));
  const std::string header =
      header_of(subject.lease.descriptor(), subject.lease.entry(), longest_header);
  Notice notice = notice_of(subject, header);
  notice.message_id = cat("<", id.text(), "@", settings_.site.host_name, ">");
  const NoticeText text = notice_text(notice);
  TRY(draft.begin(envelope_of(subject), "", 0));
  TRY(draft.append(text.head));
  if (text.whole_original) TRY(append_original(draft, subject.lease));
  else TRY(draft.append(header));
  TRY(draft.append(text.tail));
  TRY(draft.finish(""));
  TRY_LET(committed, draft.commit());
  made_.insert(committed);
  return committed;
}

}  // namespace spool
