#include "spool/report.h"

#include <cmath>

#include "lib/base/text.h"

namespace spool {

using base::cat;

std::string delay_text(double seconds) {
  if (seconds < 0 || !std::isfinite(seconds)) seconds = 0;
  if (seconds >= 9.95) return cat(std::lround(seconds));
  // Below ten seconds: two significant digits, but no more than two decimals.
  const bool tenths = seconds >= 0.995;
  const long units = std::lround(seconds * (tenths ? 10 : 100));
  if (units == 0) return "0";
  std::string text = cat(units / (tenths ? 10 : 100), ".");
  const std::string decimals = cat(units % (tenths ? 10 : 100));
  if (!tenths && decimals.size() < 2) text += '0';
  text += decimals;
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string delivery_line(std::string_view id, const store::Recipient& recipient, Relay relay,
                          const Delays& delays, const rfc::Outcome& outcome) {
  using Kind = rfc::Outcome::Kind;
  const std::string_view status = outcome.kind == Kind::delivered ? "sent"
                                  : outcome.kind == Kind::failed  ? "bounced"
                                                                  : "deferred";
  // A command or a file is no address: it has the one that led to it.
  const bool named = recipient.kind == store::RecipientKind::command ||
                     recipient.kind == store::RecipientKind::file;
  const auto& to = named ? recipient.original : recipient.address;
  const std::string from =
      recipient.original == to ? "" : cat("orig_to=<", recipient.original, ">, ");
  const double total = delays.before + delays.inside + delays.connect + delays.transmit;
  return cat(id, ": to=<", to, ">, ", from, "relay=", relay.name,
             relay.use > 1 ? cat(", conn_use=", relay.use) : "", ", delay=", delay_text(total),
             ", delays=", delay_text(delays.before), "/", delay_text(delays.inside), "/",
             delay_text(delays.connect), "/", delay_text(delays.transmit),
             ", dsn=", outcome.status.text(), ", status=", status, " (", outcome.text, ")");
}

}  // namespace spool
