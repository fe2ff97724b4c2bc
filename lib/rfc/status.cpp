#include "lib/rfc/status.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace rfc {

namespace {
constexpr std::size_t largest_text = 8192;
constexpr std::size_t largest_shown = 1000;

/// Takes one to three digits off the front of `rest`; nullopt if there are none or more.
std::optional<int> take_number(std::string_view& rest) {
  std::size_t size = 0;
  while (size < rest.size() && base::digit(rest[size])) ++size;
  if (size > 3) return std::nullopt;
  const auto number = base::to_number<int>(rest.substr(0, size));
  rest.remove_prefix(size);
  return number;
}

bool take_dot(std::string_view& rest) {
  if (!rest.starts_with('.')) return false;
  rest.remove_prefix(1);
  return true;
}

/// The code at the start of a reply line, 0 if the line is none.
int reply_code(std::string_view line) {
  const auto code = base::to_number<int>(line.substr(0, 3));
  const bool digits = line.size() >= 3 && base::digit(line[0]);
  if (!digits || !code || *code < 200 || *code > 599) return 0;
  return line.size() == 3 || line[3] == ' ' || line[3] == '-' ? *code : 0;
}
}  // namespace

std::string EnhancedStatus::text() const { return base::cat(category, ".", subject, ".", detail); }

std::optional<EnhancedStatus> enhanced_status(std::string_view text) {
  const auto category = take_number(text);
  if (!category || (*category != 2 && *category != 4 && *category != 5)) return std::nullopt;
  if (!take_dot(text)) return std::nullopt;
  const auto subject = take_number(text);
  if (!subject || !take_dot(text)) return std::nullopt;
  const auto detail = take_number(text);
  // "5.1.1.7 refused" is an address of the internet, not a status.
  if (!detail || (!text.empty() && text[0] != ' ' && text[0] != '\t' && text[0] != '\n'))
    return std::nullopt;
  return EnhancedStatus{*category, *subject, *detail};
}

EnhancedStatus SmtpReply::status() const {
  const int category = code / 100;
  const auto given = enhanced_status(text);
  if (given && given->category == category) return *given;
  // RFC 3463 has no class 3: where a 3xx ends an attempt, the two sides disagree about the protocol
  // and the mail waits.
  return EnhancedStatus{category == 2 || category == 5 ? category : 4, 0, 0};
}

std::string SmtpReply::shown() const {
  std::string line = text.empty() ? base::cat(code) : base::cat(code, " ", text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return base::printable(line, largest_shown - 3);  // room for its "..."
}

ReplyReader::State ReplyReader::feed(std::string_view line) {
  const int code = reply_code(line);
  const bool first = reply_.code == 0;
  if (code == 0 || (!first && code != reply_.code)) {
    reply_ = {};
    return State::garbage;
  }
  reply_.code = code;
  std::string& text = reply_.text;
  if (!first && text.size() < largest_text) text.push_back('\n');
  if (line.size() > 4) text.append(line.substr(4, largest_text - text.size()));
  return line.size() > 3 && line[3] == '-' ? State::more : State::complete;
}

SmtpReply ReplyReader::take() { return std::exchange(reply_, {}); }

}  // namespace rfc
