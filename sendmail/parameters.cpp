#include "sendmail/parameters.h"

#include <algorithm>
#include <charconv>

#include "lib/base/text.h"
#include "lib/rfc/xtext.h"

namespace submit {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::size_t longest_envid = 100;  // RFC 3461 section 4.4
constexpr std::size_t longest_orcpt = 500;  // RFC 3461 section 4.2

using Reading = std::optional<std::string> (*)(std::string_view);

/// One value, at most once; what refuses it, or an empty text.
std::string set(std::string& place, std::string_view name, std::string_view value, Reading read) {
  if (!place.empty()) return cat("501 5.5.4 ", name, " given twice");
  auto taken = read(value);
  if (!taken) return cat("501 5.5.4 ", name, ": bad value");
  place = std::move(*taken);
  return {};
}

std::string not_known(std::string_view name) {
  return cat("555 5.5.4 ", base::printable(name, 60), ": not known");
}

std::string size_refusal(std::string_view value, std::uint64_t limit) {
  const auto bytes = base::to_number<std::uint64_t>(value);
  if (!bytes) return "501 5.5.4 SIZE is not a number";
  if (limit != 0 && *bytes > limit) return cat("552 5.3.4 Larger than ", limit, " bytes");
  return {};
}

/// The number of the character that a well-formed sequence of UTF-8 stands for.
std::uint32_t code_point(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  std::uint32_t number = byte(0) & (0x7fU >> sequence.size());
  for (std::size_t i = 1; i < sequence.size(); ++i) number = number << 6 | (byte(i) & 0x3fU);
  return number;
}

/// utf-8-addr-unitext as utf-8-addr-xtext: "\x{HEX}" for each character beyond ASCII. nullopt when
/// it is not UTF-8.
std::optional<std::string> embedded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto length = base::utf8_length(text);
    if (length == 0 || base::c1_control(text)) return std::nullopt;
    if (length == 1) {
      out.push_back(text[0]);
    } else {
      char digits[8];
      const auto* end =
          std::to_chars(digits, digits + sizeof digits, code_point(text.substr(0, length)), 16).ptr;
      std::string hex(static_cast<const char*>(digits), end);
      for (char& c : hex) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
      out += cat("\\x{", hex, "}");
    }
    text.remove_prefix(length);
  }
  return out;
}

bool type_name(std::string_view type) {
  return !type.empty() && std::all_of(type.begin(), type.end(), [](char c) {
    return base::alpha(c) || base::digit(c) || c == '-';
  });
}

}  // namespace

std::optional<std::string> notify_list(std::string_view text) {
  std::string list = base::lowered(text);
  for (const auto item : base::split(list, ','))
    if (item != "success" && item != "failure" && item != "delay" &&
        (item != "never" || list != "never"))
      return std::nullopt;
  return list;
}

std::optional<std::string> ret_word(std::string_view text) {
  std::string word = base::lowered(text);
  if (word != "full" && word != "hdrs") return std::nullopt;
  return word;
}

std::optional<std::string> envelope_id(std::string_view text) {
  const auto plain = rfc::from_xtext(text);
  if (!plain || plain->empty()) return std::nullopt;
  std::string written = rfc::xtext(*plain);
  if (written.size() > longest_envid) return std::nullopt;
  return written;
}

std::optional<std::string> original_recipient(std::string_view text) {
  std::string_view rest = text;
  const auto type = base::take(rest, ';');
  if (!type_name(type)) return std::nullopt;
  const bool utf8 = base::iequals(type, "utf-8");
  const auto ascii = utf8 ? embedded(rest) : std::string(rest);
  const auto plain = ascii ? rfc::from_xtext(*ascii) : std::nullopt;
  if (!plain || plain->empty()) return std::nullopt;
  std::string written = cat(type, ";", rfc::xtext(*plain));
  if (written.size() > longest_orcpt) return std::nullopt;
  return written;
}

std::string mail_parameter(std::string_view word, store::Sender& sender, std::uint64_t size_limit) {
  std::string_view value = word;
  const auto name = base::take(value, '=');
  if (base::iequals(name, "RET")) return set(sender.ret, "RET", value, ret_word);
  if (base::iequals(name, "ENVID")) return set(sender.envid, "ENVID", value, envelope_id);
  if (base::iequals(name, "SIZE")) return size_refusal(value, size_limit);
  // What the message is made of is counted, not believed.
  for (const auto* ignored : {"BODY", "SMTPUTF8", "AUTH"})
    if (base::iequals(name, ignored)) return {};
  return not_known(name);
}

std::string rcpt_parameter(std::string_view word, store::Recipient& recipient) {
  std::string_view value = word;
  const auto name = base::take(value, '=');
  if (base::iequals(name, "NOTIFY")) return set(recipient.notify, "NOTIFY", value, notify_list);
  if (base::iequals(name, "ORCPT")) return set(recipient.orcpt, "ORCPT", value, original_recipient);
  return not_known(name);
}

Result<> check_parameters(const store::Envelope& envelope) {
  const auto as_written = [](const std::string& text, Reading read) {
    return text.empty() || read(text) == text;
  };
  for (const auto& sender : envelope.senders)
    if (!as_written(sender.ret, ret_word) || !as_written(sender.envid, envelope_id))
      return Error{Kind::data, "the sender's parameters are not those of a submission"};
  for (const auto& each : envelope.recipients)
    if (!as_written(each.notify, notify_list) || !as_written(each.orcpt, original_recipient))
      return Error{Kind::data, cat(base::printable(each.address),
                                   ": its parameters are not those of a submission")};
  return {};
}

}  // namespace submit
