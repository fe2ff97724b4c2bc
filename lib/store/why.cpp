#include "lib/store/why.h"

#include <algorithm>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace store {

using base::cat;

void Why::set(std::size_t recipient, Reason reason) {
  if (reasons.size() <= recipient) reasons.resize(recipient + 1);
  reasons[recipient] = std::move(reason);
}

const Reason* Why::find(std::size_t recipient) const {
  if (recipient >= reasons.size() || reasons[recipient].text.empty()) return nullptr;
  return &reasons[recipient];
}

std::string why_text(const Why& why) {
  std::string text = cat("postbag why 1\nattempts ", why.attempts, " ", why.last_attempt, "\n");
  for (std::size_t first = 0; first < why.reasons.size();) {
    std::size_t end = first + 1;
    while (end < why.reasons.size() && why.reasons[end] == why.reasons[first]) ++end;
    const Reason& reason = why.reasons[first];
    if (!reason.text.empty())
      text += cat(first, end - first > 1 ? cat("-", end - 1) : "", " ", reason.status, " ",
                  base::printable(reason.text), "\n");
    first = end;
  }
  return text;
}

namespace {

void parse_reason(std::string_view line, std::size_t recipients, Why& why) {
  const auto indices = base::take(line, ' ');
  const auto status = base::take(line, ' ');
  for (auto range : base::split(indices, ',')) {
    const auto first = base::to_number<std::size_t>(base::take(range, '-'));
    const auto last = range.empty() ? first : base::to_number<std::size_t>(range);
    if (!first || !last) continue;
    for (std::size_t i = *first; i <= *last && i < recipients; ++i)
      why.set(i, {base::printable(status, 20), base::printable(line)});
  }
}

}  // namespace

Why parse_why(std::string_view text, std::size_t recipients) {
  Why why;
  if (base::take(text, '\n') != "postbag why 1") return why;
  while (!text.empty()) {
    auto line = base::take(text, '\n');
    if (!line.starts_with("attempts ")) {
      parse_reason(line, recipients, why);
      continue;
    }
    base::take(line, ' ');
    why.attempts = base::to_number<unsigned>(base::take(line, ' ')).value_or(0);
    why.last_attempt = base::to_number<std::int64_t>(line).value_or(0);
  }
  return why;
}

Why load_why(const Spool& spool, const QueueId& id, std::size_t recipients) {
  const auto text = base::read_file_at(spool.why(), std::string(id.text()), 64 << 20, "why");
  return text ? parse_why(text.value(), recipients) : Why();
}

base::Result<> save_why(const Spool& spool, const QueueId& id, const Why& why) {
  const std::string name(id.text());
  return base::replace_file(spool.why(), name, why_text(why), false, spool.named("why", name));
}

}  // namespace store
