#include "mailq/listing.h"

#include <limits>

#include "lib/base/text.h"
#include "lib/rfc/date.h"

namespace listing {

using base::cat;

namespace {

constexpr std::string_view null_sender = "MAILER-DAEMON";
constexpr std::string_view heading =
    "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n";
// Column of senders and recipients: behind columns of 17, 8 and 19 and a blank each.
constexpr std::size_t address_column = 17 + 1 + 8 + 1 + 19 + 1;
// A reason ends here, with its brackets in column 78.
constexpr std::size_t reason_column = 76;

// Whole, however long: a listing that is cut would name another address.
std::string shown(std::string_view text) {
  return base::printable(text, std::numeric_limits<std::size_t>::max());
}

// At most `limit` bytes of a text that is printable already.
std::string cut(std::string text, std::size_t limit) {
  while (text.size() > limit || !base::valid_utf8(text)) text.pop_back();
  return text;
}

void pad(std::string& text, std::size_t have, std::size_t width) {
  if (have < width) text.append(width - have, ' ');
}

std::string_view sender_of(const Item& item) {
  const auto& path = item.entry.envelope.senders[0].path;
  return path.null() ? null_sender : std::string_view(path.text());
}

std::string_view reason_of(const Item& item, std::size_t recipient) {
  const auto* reason = item.why.find(recipient);
  return reason == nullptr ? std::string_view() : std::string_view(reason->text);
}

// "%-17s %8ld %19.19s %s\n": ID and mark, size, time of arrival, sender.
void add_first_line(const Item& item, std::string& text) {
  const std::string_view mark = item.entry.held ? "!" : item.leased ? "*" : "";
  text.append(item.id.text()).append(mark);
  pad(text, item.id.text().size() + mark.size(), 17);
  const std::string size = cat(item.entry.facts.bytes);
  text.push_back(' ');
  pad(text, size.size(), 8);
  text.append(size).push_back(' ');
  text.append(rfc::asctime(base::seconds(item.entry.envelope.arrival), item.offset), 0, 19);
  text.append(" ").append(shown(sender_of(item))).push_back('\n');
}

void add_reason(std::string_view reason, std::string& text) {
  const std::string words = reason.empty() ? "reason unavailable" : shown(reason);
  pad(text, words.size(), reason_column);
  text.append("(").append(words).append(")\n");
}

// A reason stands once above all recipients in a row that share it; none at all where no recipient
// has one.
void add_recipients(const Item& item, std::string& text) {
  std::string_view told;
  const auto& recipients = item.entry.envelope.recipients;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (item.entry.done[i] != store::pending) continue;
    if (const auto reason = reason_of(item, i); reason != told) {
      add_reason(reason, text);
      told = reason;
    }
    text.append(address_column, ' ');
    text.append(shown(recipients[i].address)).push_back('\n');
  }
}

// Postfix's names for where a message is in its life.
std::string_view queue_name(const Item& item) {
  if (item.entry.held) return "hold";
  if (item.leased) return "active";
  if (item.why.attempts > 0 || !item.why.reasons.empty()) return "deferred";
  return "incoming";
}

void add_member(std::string_view key, std::string_view value, std::string& text) {
  text.append("\"").append(key).append("\": \"").append(base::json_escaped(value)).append("\"");
}

void add_json_recipient(const Item& item, std::size_t index, std::string& text) {
  const auto& recipient = item.entry.envelope.recipients[index];
  text.push_back('{');
  if (recipient.original != recipient.address) {
    add_member("orig_address", recipient.original, text);
    text.append(", ");
  }
  add_member("address", recipient.address, text);
  if (const auto reason = reason_of(item, index); !reason.empty()) {
    text.append(", ");
    add_member("delay_reason", reason, text);
  }
  text.push_back('}');
}

void add_json(const Item& item, std::string& text) {
  text.push_back('{');
  add_member("queue_name", queue_name(item), text);
  text.append(", ");
  add_member("queue_id", item.id.text(), text);
  text.append(cat(", \"arrival_time\": ", base::seconds(item.entry.envelope.arrival),
                  ", \"message_size\": ", item.entry.facts.bytes, ", \"forced_expire\": false, "));
  add_member("sender", sender_of(item), text);
  text.append(", \"recipients\": [");
  bool first = true;
  for (std::size_t i = 0; i < item.entry.done.size(); ++i) {
    if (item.entry.done[i] != store::pending) continue;
    if (!first) text.append(", ");
    add_json_recipient(item, i, text);
    first = false;
  }
  text.append("]}\n");
}

// The columns of sendmail 8.17's print_single_queue(), which cuts what is longer.
constexpr std::string_view sendmail_queue = "/var/spool/mqueue";  // check_mailq looks for this word
constexpr std::string_view sendmail_heading =
    "-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------\n";
constexpr std::size_t sendmail_sender = 39, sendmail_recipient = 38, sendmail_status = 60;

std::string bracketed(std::string_view address, std::size_t limit) {
  return cut(cat("<", shown(address), ">"), limit);
}

// The first reason there is: sendmail knows one for a message.
std::string_view status_of(const Item& item) {
  for (std::size_t i = 0; i < item.entry.done.size(); ++i)
    if (item.entry.done[i] == store::pending && !reason_of(item, i).empty())
      return reason_of(item, i);
  return {};
}

void add_sendmail(const Item& item, std::string& text) {
  const auto& path = item.entry.envelope.senders[0].path;
  const std::string size = cat(item.entry.facts.bytes);
  text.append(item.id.text()).append(item.leased ? "*" : " ");
  pad(text, size.size(), 8);
  text.append(size).append(" ");
  text.append(rfc::asctime(base::seconds(item.entry.envelope.arrival), item.offset), 0, 16);
  text.append(" ").append(path.null() ? std::string(null_sender)
                                      : bracketed(path.text(), sendmail_sender));
  const bool eight_bit = item.entry.facts.eight_bit_header || item.entry.facts.eight_bit_body;
  const auto status = status_of(item);
  if (eight_bit || !status.empty())
    text.append(eight_bit ? "\n      8BITMIME" : "\n              ");
  if (!status.empty())
    text.append("   (").append(cut(cat("Deferred: ", shown(status)), sendmail_status)).append(")");
  if (item.entry.held) text.append("\n     QUARANTINE: on hold");
  for (std::size_t i = 0; i < item.entry.done.size(); ++i)
    if (item.entry.done[i] == store::pending)
      text.append("\n\t\t\t\t\t ")
          .append(bracketed(item.entry.envelope.recipients[i].address, sendmail_recipient));
  text.push_back('\n');
}

}  // namespace

std::string Report::begin(Extent extent) const {
  if (form_ != Form::sendmail) return {};
  if (requests_ == 0 && extent == Extent::complete) return cat(sendmail_queue, " is empty\n");
  return cat("\t\t", sendmail_queue, " (", requests_, requests_ == 1 ? " request" : " requests",
             ")\n", sendmail_heading);
}

void Report::add(const Item& item, std::string& text) {
  if (form_ == Form::json) return add_json(item, text);
  if (form_ == Form::sendmail) add_sendmail(item, text);
  if (form_ == Form::postfix) {
    text.append(requests_ == 0 ? heading : "\n");
    add_first_line(item, text);
    add_recipients(item, text);
  }
  ++requests_;
  bytes_ += item.entry.facts.bytes;
}

std::string Report::end(Extent extent) const {
  if (form_ == Form::json) return {};
  if (form_ == Form::count) return cat(requests_, "\n");
  if (form_ == Form::sendmail) return cat("\t\tTotal requests: ", requests_, "\n");
  if (requests_ == 0 && extent == Extent::complete) return "Mail queue is empty\n";
  return cat("\n\t\tTotal requests: ", requests_, "\n-- ", bytes_ / 1024, " Kbytes in ", requests_,
             requests_ == 1 ? " Request.\n" : " Requests.\n");
}

namespace {

std::string state(const Item& item) {
  if (item.entry.held) return "on hold";
  if (item.leased) return "being delivered";
  return "waiting";
}

std::string fate(char status, std::string_view reason) {
  switch (status) {
    case store::delivered: return "delivered";
    case store::bounced: return "returned to the sender";
    case store::handed_over: return "handed over";
    default: return reason.empty() ? "waiting" : cat("waiting: ", shown(reason));
  }
}

void add_line(std::string_view label, std::string_view value, std::string& text) {
  text.append(label).push_back(':');
  pad(text, label.size() + 1, 14);
  text.append(value).push_back('\n');
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return cat(number, " ", noun, number == 1 ? "" : "s");
}

std::string local_time(const Moment& moment) { return rfc::asctime(moment.seconds, moment.offset); }

void add_schedule(const Item& item, const Schedule& schedule, std::string& text) {
  const auto attempts = item.why.attempts;
  add_line(
      "Attempts",
      attempts == 0 ? "none" : cat(attempts, ", the last on ", local_time(schedule.last_attempt)),
      text);
  // While it is held or under way, the time in the file says nothing.
  if (item.entry.held || item.leased) return;
  add_line("Next attempt", schedule.due ? "due" : local_time(schedule.next_attempt), text);
}

void add_addresses(const Item& item, std::string& text) {
  const auto& envelope = item.entry.envelope;
  for (const auto& sender : envelope.senders)
    add_line("Sender", sender.path.null() ? null_sender : shown(sender.path.text()), text);
  for (std::size_t i = 0; i < envelope.recipients.size(); ++i) {
    const auto& original = envelope.recipients[i].original;
    const auto& address = envelope.recipients[i].address;
    const std::string submitted =
        original == address ? "" : cat(" (submitted as ", shown(original), ")");
    add_line("Recipient",
             cat(shown(address), submitted, ", ", fate(item.entry.done[i], reason_of(item, i))),
             text);
  }
}

}  // namespace

std::string description(const Item& item, const Schedule& schedule) {
  const auto& envelope = item.entry.envelope;
  const auto& facts = item.entry.facts;
  const Moment arrival{base::seconds(envelope.arrival), item.offset};
  std::string text;
  add_line("Queue ID", item.id.text(), text);
  add_line("State", state(item), text);
  add_line("Arrival", local_time(arrival), text);
  add_line("Submitted by", cat("uid ", envelope.uid), text);
  add_line("Size", cat(counted(facts.bytes, "byte"), ", ", counted(facts.lines, "line")), text);
  add_schedule(item, schedule, text);
  add_addresses(item, text);
  text.push_back('\n');
  return text;
}

}  // namespace listing
