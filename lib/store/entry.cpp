#include "lib/store/entry.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "lib/base/text.h"
#include "lib/rfc/xtext.h"
#include "lib/store/checksum.h"

namespace store {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::string_view magic = "postbag 1\n";

std::string fixed(std::uint64_t number, std::size_t width) {
  const std::string digits = cat(number);
  return digits.size() >= width ? digits : std::string(width - digits.size(), '0') + digits;
}

// The one spelling of a number: digits, no leading zeros.
template <typename Number>
std::optional<Number> plain_number(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), base::digit) || (text.size() > 1 && text[0] == '0'))
    return std::nullopt;
  return base::to_number<Number>(text);
}

bool word(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return base::control(c) || c == ' ' || c == '<'; });
}

}  // namespace

void FactCounter::line_part(std::string_view part) {
  if (column_ == 0 && !part.empty() && part[0] == '.') ++facts_.dot_lines;
  column_ += part.size();
  facts_.longest = std::max(facts_.longest, column_);
  bool high = false;
  for (const char c : part) high |= base::eight_bit(c);
  if (high) (in_header_ ? facts_.eight_bit_header : facts_.eight_bit_body) = true;
  if (!facts_.nul && std::memchr(part.data(), 0, part.size()) != nullptr) facts_.nul = true;
  if (!facts_.bare_cr && std::memchr(part.data(), '\r', part.size()) != nullptr)
    facts_.bare_cr = true;
}

void FactCounter::append(std::string_view piece) {
  facts_.bytes += piece.size();
  while (!piece.empty()) {
    const auto end = piece.find('\n');
    line_part(piece.substr(0, end));
    if (end == std::string_view::npos) return;
    if (column_ == 0) in_header_ = false;
    column_ = 0;
    ++facts_.lines;
    piece.remove_prefix(end + 1);
  }
}

void FactCounter::append_header(std::string_view lines) {
  const auto column = std::exchange(column_, 0);
  const bool in_header = std::exchange(in_header_, true);
  append(lines);
  column_ = column;
  in_header_ = in_header;
}

Facts FactCounter::facts() const {
  Facts facts = facts_;
  if (column_ > 0) ++facts.lines;
  return facts;
}

std::string facts_line(const Facts& facts) {
  return cat("facts bytes=", fixed(facts.bytes, 16), " lines=", fixed(facts.lines, 16),
             " dots=", fixed(facts.dot_lines, 16), " longest=", fixed(facts.longest, 16),
             " header8=", int{facts.eight_bit_header}, " body8=", int{facts.eight_bit_body},
             " nul=", int{facts.nul}, " cr=", int{facts.bare_cr}, "\n");
}

namespace {

Result<std::string> recipient_line(const Recipient& recipient, std::size_t senders) {
  if (recipient.sender >= senders || recipient.address.empty() || !word(recipient.notify) ||
      !word(recipient.orcpt))
    return Error{Kind::data,
                 cat(base::printable(recipient.address), ": cannot be written into the spool")};
  std::string line =
      cat("to ", std::string(1, static_cast<char>(recipient.kind)), " ", recipient.sender);
  if (!recipient.notify.empty()) line += cat(" notify=", recipient.notify);
  if (!recipient.orcpt.empty()) line += cat(" orcpt=", recipient.orcpt);
  if (!recipient.user.empty()) line += cat(" user=", rfc::percent(recipient.user));
  return cat(line, " <", rfc::percent(recipient.original), "> <", rfc::percent(recipient.address),
             ">\n");
}

}  // namespace

Result<std::string> entry_head(const Envelope& envelope, const Facts& facts) {
  const auto micros = envelope.arrival.time_since_epoch().count();
  if (micros < 0 || envelope.senders.empty() || envelope.recipients.empty())
    return Error{Kind::data, "envelope: cannot be written into the spool"};
  const std::string who =
      cat("time ", micros / 1000000, ".", fixed(static_cast<std::uint64_t>(micros % 1000000), 6),
          "\nuid ", envelope.uid, "\n");
  Checksum check;
  check.add(magic);
  check.add(who);
  std::string head = cat(magic, "state --\n", facts_line(facts), who);
  for (std::size_t i = 0; i < envelope.senders.size(); ++i) {
    const Sender& sender = envelope.senders[i];
    if (!word(sender.ret) || !word(sender.envid))
      return Error{Kind::data, "envid: cannot be written into the spool"};
    std::string line = cat("from ", i, " <", rfc::percent(sender.path.text()), ">");
    if (!sender.ret.empty()) line += cat(" ret=", sender.ret);
    if (!sender.envid.empty()) line += cat(" envid=", sender.envid);
    line += '\n';
    check.add(line);
    head += line;
  }
  head += cat("done ", envelope.recipients.size(), " ",
              std::string(envelope.recipients.size(), pending), "\n");
  for (const Recipient& recipient : envelope.recipients) {
    TRY_LET(line, recipient_line(recipient, envelope.senders.size()));
    check.add(line);
    head += line;
  }
  return cat(head, "check ", check.hex(), "\n");
}

std::string entry_pad(std::size_t width) {
  return cat("pad ", std::string(width - 6, ' '), "\n\n");
}

bool head_complete(std::string_view text) { return text.find("\n\n") != std::string_view::npos; }

namespace {

/// Reads the head line by line; any departure from what entry_head writes is an error that names
/// the line.
class HeadParser {
 public:
  explicit HeadParser(std::string_view text) : text_(text) {}

  Result<Entry> parse() {
    TRY(fixed_lines());
    TRY(origin());
    TRY(senders());
    TRY(done());
    entry_.envelope.recipients.reserve(entry_.done.size());
    for (std::size_t i = 0; i < entry_.done.size(); ++i) TRY(recipient());
    TRY(next("check "));
    if (rest_ != check_.hex()) return wrong("the checksum does not fit");
    TRY(next("pad "));
    if (rest_.find_first_not_of(' ') != std::string_view::npos) return wrong("not blank");
    TRY(next(""));
    if (!rest_.empty()) return wrong("not empty");
    entry_.message_offset = at_;
    return std::move(entry_);
  }

 private:
  Error wrong(std::string_view problem) const {
    return Error{Kind::data, cat("line ", number_, ": ", problem)};
  }

  // The next line, which must begin with `keyword`; what follows it is then in rest_.
  Result<> next(std::string_view keyword, bool checked = false) {
    const auto end = text_.find('\n', at_);
    ++number_;
    if (end == std::string_view::npos) return wrong("the envelope is cut short");
    line_ = text_.substr(at_, end + 1 - at_);
    if (!line_.starts_with(keyword)) return wrong(cat("'", base::trim(keyword), "' expected"));
    at_ = end + 1;
    if (checked) check_.add(line_);
    rest_ = line_.substr(keyword.size(), line_.size() - keyword.size() - 1);
    return {};
  }

  Result<> fixed_lines() {
    TRY(next("postbag ", true));
    if (rest_ != "1") return wrong("an unknown version of the format");
    TRY(next("state "));
    if (rest_.size() != 2 || (rest_[0] != 'h' && rest_[0] != '-') ||
        (rest_[1] != 'w' && rest_[1] != '-'))
      return wrong("an unknown state");
    entry_.held = rest_[0] == 'h';
    entry_.delay_notified = rest_[1] == 'w';
    TRY(next("facts "));
    return facts();
  }

  Result<> facts() {
    // As facts_line writes it, but for the digits: comparing is much quicker than writing it once
    // more.
    static const std::string shape = facts_line({});
    if (line_.size() != shape.size()) return wrong("not the facts of a message");
    std::array<std::uint64_t, 8> numbers{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const bool number = shape[i] == '0';
      if (number ? !base::digit(line_[i]) : line_[i] != shape[i])
        return wrong("not the facts of a message");
      if (!number) continue;
      numbers[count] = numbers[count] * 10 + static_cast<std::uint64_t>(line_[i] - '0');
      if (shape[i + 1] != '0') ++count;
    }
    if (std::any_of(numbers.begin() + 4, numbers.end(),
                    [](std::uint64_t flag) { return flag > 1; }))
      return wrong("not the facts of a message");
    entry_.facts = {numbers[0],      numbers[1],      numbers[2],      numbers[3],
                    numbers[4] != 0, numbers[5] != 0, numbers[6] != 0, numbers[7] != 0};
    return {};
  }

  Result<> origin() {
    TRY(next("time ", true));
    std::string_view words = rest_;
    const auto seconds = plain_number<std::int64_t>(base::take(words, '.'));
    const auto micros = base::to_number<std::uint32_t>(words);
    if (!seconds || !micros || words.size() != 6 || *seconds > 1'000'000'000'000)
      return wrong("not a time");
    entry_.envelope.arrival =
        base::Time(std::chrono::seconds(*seconds) + std::chrono::microseconds(*micros));
    TRY(next("uid ", true));
    const auto uid = plain_number<std::uint32_t>(rest_);
    if (!uid) return wrong("not a uid");
    entry_.envelope.uid = *uid;
    return {};
  }

  // " <text>" taken off the start of `words`.
  std::optional<std::string> bracketed(std::string_view& words) {
    const auto end = words.find('>');
    if (!words.starts_with(" <") || end == std::string_view::npos) return std::nullopt;
    auto text = rfc::from_percent(words.substr(2, end - 2));
    words.remove_prefix(end + 1);
    return text;
  }

  // " name=value" taken off the start of `words` if it is there; false where the value is none.
  bool parameter(std::string_view& words, std::string_view name, std::string& value) {
    if (!words.starts_with(name)) return true;
    words.remove_prefix(name.size());
    value = words.substr(0, words.find(' '));
    words.remove_prefix(value.size());
    return !value.empty() && word(value);
  }

  Result<> senders() {
    while (text_.substr(at_).starts_with("from ")) {
      TRY(next(cat("from ", entry_.envelope.senders.size()), true));
      std::string_view words = rest_;
      const auto text = bracketed(words);
      if (!text) return wrong("no sender");
      auto path = rfc::Path::parse(*text);
      if (!path) return wrong(path.error().text);
      if (path.value().text() != *text) return wrong("a sender in another form than the spool's");
      Sender sender{std::move(path).value(), {}, {}};
      if (!parameter(words, " ret=", sender.ret) || !parameter(words, " envid=", sender.envid) ||
          !words.empty())
        return wrong("unknown words behind the sender");
      entry_.envelope.senders.push_back(std::move(sender));
    }
    if (entry_.envelope.senders.empty()) return wrong("no sender");
    return {};
  }

  Result<> done() {
    TRY(next("done "));
    std::string_view words = rest_;
    const auto count = plain_number<std::size_t>(base::take(words, ' '));
    if (!count || *count == 0 || words.size() != *count ||
        words.find_first_not_of(".DBX") != std::string_view::npos)
      return wrong("not one status a recipient");
    entry_.done = words;
    entry_.done_offset = at_ - 1 - words.size();
    return {};
  }

  Result<> recipient() {
    TRY(next("to ", true));
    std::string_view words = rest_;
    const auto kind = base::take(words, ' ');
    const auto sender_word = words.substr(0, words.find(' '));
    const auto sender = plain_number<unsigned>(sender_word);
    words.remove_prefix(sender_word.size());
    if (kind.size() != 1 || std::string_view("ualms|/h").find(kind[0]) == std::string_view::npos)
      return wrong("an unknown kind of recipient");
    if (!sender || *sender >= entry_.envelope.senders.size()) return wrong("an unknown sender");
    Recipient recipient{static_cast<RecipientKind>(kind[0]), *sender, {}, {}, {}, {}};
    std::string user;
    const bool parameters = parameter(words, " notify=", recipient.notify) &&
                            parameter(words, " orcpt=", recipient.orcpt) &&
                            parameter(words, " user=", user);
    const auto name = rfc::from_percent(user);
    const auto original = bracketed(words);
    const auto address = bracketed(words);
    if (!parameters || !name || !original || !address || address->empty() || !words.empty())
      return wrong("not a recipient");
    recipient.user = *name;
    recipient.original = *original;
    recipient.address = *address;
    entry_.envelope.recipients.push_back(std::move(recipient));
    return {};
  }

  std::string_view text_, line_, rest_;
  std::size_t at_ = 0, number_ = 0;
  Checksum check_;
  Entry entry_;
};

}  // namespace

Result<Entry> parse_entry(std::string_view text) { return HeadParser(text).parse(); }

}  // namespace store
