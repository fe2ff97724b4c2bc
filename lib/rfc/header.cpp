#include "lib/rfc/header.h"

#include <algorithm>
#include <iterator>

#include "lib/base/text.h"

namespace rfc {

namespace {
using base::cat;

constexpr bool blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool field_name_character(char c) { return c > ' ' && c < 0x7f && c != ':'; }

struct FieldName {
  std::string_view name;
  Field field;
  bool addresses = false;
};
constexpr bool addresses = true;
// Delivered-To is a loop mark compared to the byte, not an address list to be made better.
constexpr FieldName field_names[] = {
    {"From", Field::from, addresses},
    {"Sender", Field::sender, addresses},
    {"Reply-To", Field::reply_to, addresses},
    {"To", Field::to, addresses},
    {"Cc", Field::cc, addresses},
    {"Bcc", Field::bcc, addresses},
    {"Date", Field::date},
    {"Message-ID", Field::message_id},
    {"Return-Path", Field::return_path, addresses},
    {"Content-Length", Field::content_length},
    {"MIME-Version", Field::mime_version},
    {"Content-Type", Field::content_type},
    {"Content-Transfer-Encoding", Field::content_transfer_encoding},
    {"Received", Field::received},
    {"Delivered-To", Field::delivered_to},
    {"Errors-To", Field::errors_to, addresses},
    {"Resent-From", Field::resent_from, addresses},
    {"Resent-Sender", Field::resent_sender, addresses},
    {"Resent-Reply-To", Field::resent_reply_to, addresses},
    {"Resent-To", Field::resent_to, addresses},
    {"Resent-Cc", Field::resent_cc, addresses},
    {"Resent-Bcc", Field::resent_bcc, addresses},
    {"Resent-Date", Field::resent_date},
    {"Resent-Message-ID", Field::resent_message_id},
};

/// Well-formed UTF-8 without controls.
std::string clean(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto length = base::utf8_length(text);
    if (length == 0) out.push_back('?');
    else if (base::control(text[0]) || base::c1_control(text)) out.push_back(' ');
    else out.append(text.substr(0, length));
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

// What RFC 2047 section 5 (3) lets a Q word of a phrase hold as it is; good for every other place.
constexpr bool q_as_it_is(char c) {
  constexpr std::string_view marks = "!*+-/";
  return base::alpha(c) || base::digit(c) || marks.find(c) != std::string_view::npos;
}

std::size_t q_size(std::string_view text) {
  std::size_t size = 0;
  for (const char c : text) size += q_as_it_is(c) || c == ' ' ? 1 : 3;
  return size;
}

constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

std::string q_encoded(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (q_as_it_is(c)) out.push_back(c);
    else if (c == ' ') out.push_back('_');
    else out.append({'=', hex[byte >> 4], hex[byte & 15]});
  }
  return out;
}

constexpr std::string_view q_mark = "=?UTF-8?Q?", b_mark = "=?UTF-8?B?", end_mark = "?=";
constexpr std::size_t largest_word = 75;
constexpr std::size_t room = largest_word - q_mark.size() - end_mark.size();

/// How many bytes of `text`, whole characters, one encoded word takes.
std::size_t word_length(std::string_view text, bool quoted) {
  std::size_t taken = 0, size = 0;
  while (taken < text.size()) {
    const auto length = base::utf8_length(text.substr(taken));
    size = quoted ? size + q_size(text.substr(taken, length)) : base64_size(taken + length);
    if (size > room) break;
    taken += length;
  }
  return taken;
}
}  // namespace

std::size_t field_name_length(std::string_view line) {
  const auto name_end = std::find_if_not(line.begin(), line.end(), field_name_character);
  const auto colon = std::find_if_not(name_end, line.end(), blank);
  if (colon == line.end() || *colon != ':') return 0;
  return static_cast<std::size_t>(name_end - line.begin());
}

Field field_of(std::string_view name) {
  for (const auto& known : field_names)
    if (base::iequals(known.name, name)) return known.field;
  return Field::other;
}

bool holds_addresses(Field field) {
  const auto known = std::find_if(std::begin(field_names), std::end(field_names),
                                  [&](const FieldName& entry) { return entry.field == field; });
  return known != std::end(field_names) && known->addresses;
}

std::string unfolded(std::string_view body) {
  body = base::trim(body);
  std::string out;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\n') {
      out.push_back(body[i]);
      continue;
    }
    while (!out.empty() && (blank(out.back()) || out.back() == '\r')) out.pop_back();
    out.push_back(' ');
    // The text is trimmed, so something else follows.
    i = body.find_first_not_of(" \t\r\n", i) - 1;
  }
  return out;
}

std::string encoded_text(std::string_view text) {
  const std::string plain = clean(text);
  if (std::none_of(plain.begin(), plain.end(), base::eight_bit)) return plain;
  const bool quoted = q_size(plain) <= base64_size(plain.size());
  std::string out;
  for (std::string_view rest = plain; !rest.empty();) {
    const auto piece = rest.substr(0, word_length(rest, quoted));
    if (!out.empty()) out.append("\n ");
    out.append(quoted ? cat(q_mark, q_encoded(piece)) : cat(b_mark, base::base64(piece)));
    out.append(end_mark);
    rest.remove_prefix(piece.size());
  }
  return out;
}

}  // namespace rfc
