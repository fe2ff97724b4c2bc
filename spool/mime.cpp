#include "spool/mime.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"

namespace spool {

namespace {
using base::cat;
constexpr auto npos = std::string_view::npos;
constexpr std::size_t longest_boundary = 200;  // RFC 2046 section 5.1.1 allows 70

constexpr bool blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool white(char c) { return blank(c) || c == '\n' || c == '\r'; }

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}
}  // namespace

std::string_view take_field(std::string_view& rest) {
  std::size_t end = 0;
  do {
    const auto line_end = rest.find('\n', end);
    end = line_end == npos ? rest.size() : line_end + 1;
  } while (end < rest.size() && blank(rest[end]));
  const auto field = rest.substr(0, end);
  rest.remove_prefix(end);
  return field;
}

std::string_view name_of(std::string_view field) {
  return field.substr(0, rfc::field_name_length(field));
}
rfc::Field kind_of(std::string_view field) { return rfc::field_of(name_of(field)); }

namespace {
/// A structured body up to its parameters, in lower case, without white space and comments.
std::string main_value(std::string_view field) {
  std::string value;
  std::size_t depth = 0;
  for (std::size_t i = field.find(':') + 1; i < field.size(); ++i) {
    const char c = field[i];
    if (c == '(') ++depth;
    else if (c == ')' && depth > 0) --depth;
    else if (c == '\\' && depth > 0) ++i;
    else if (c == ';' && depth == 0) break;
    else if (depth == 0 && !blank(c) && !base::control(c)) value.push_back(base::lower(c));
  }
  return value;
}

/// Offset behind the quoted-string or comment that opens at `at`; the end if it does not close.
std::size_t behind_quotes(std::string_view text, std::size_t at) {
  const bool comment = text[at] == '(';
  std::size_t depth = 1;
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') ++at;
    else if (comment && text[at] == '(') ++depth;
    else if (text[at] == (comment ? ')' : '"') && --depth == 0) return at + 1;
  }
  return text.size();
}

std::string unquoted(std::string_view text) {
  if (!text.starts_with('"')) return std::string(text);
  std::string out;
  for (std::size_t i = 1; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    if (text[i] != '\n' && text[i] != '\r') out.push_back(text[i]);
  }
  return out;
}

/// One character, or the comment or quoted-string that opens there.
std::string_view take_token(std::string_view text, std::size_t& at, bool quotes) {
  const auto begin = at;
  at = text[at] == '(' || (quotes && text[at] == '"') ? behind_quotes(text, at) : at + 1;
  return text.substr(begin, at - begin);
}

/// Up to an '=' or ';', without white space and comments.
std::string parameter_name(std::string_view text, std::size_t& at) {
  std::string name;
  while (at < text.size() && text[at] != ';' && text[at] != '=') {
    const auto token = take_token(text, at, false);
    if (!white(token[0]) && token[0] != '(') name.append(token);
  }
  return name;
}

/// The next `name=value` of a structured body behind its first ';', raw; comments are dropped.
std::optional<std::pair<std::string, std::string>> next_parameter(std::string_view text,
                                                                  std::size_t& at) {
  while (at < text.size() && text[at] != ';') (void)take_token(text, at, true);
  if (at >= text.size()) return std::nullopt;
  ++at;
  std::string name = parameter_name(text, at), value;
  if (at < text.size() && text[at] == '=') ++at;
  while (at < text.size() && text[at] != ';') {
    const auto token = take_token(text, at, value.empty());
    if (white(token[0]) && !value.empty()) break;
    if (!white(token[0]) && token[0] != '(') value.append(token);
  }
  return std::pair(base::lowered(name), value);
}
}  // namespace

std::optional<std::string> parameter(std::string_view field, std::string_view name) {
  std::size_t at = std::min(field.find(':'), field.size() - 1) + 1;
  while (const auto next = next_parameter(field, at))
    if (next->first == name) return unquoted(next->second);
  return std::nullopt;
}

namespace {
bool usable_boundary(std::string_view boundary) {
  return !boundary.empty() && boundary.size() <= longest_boundary &&
         std::none_of(boundary.begin(), boundary.end(), base::control);
}

void note_content_type(std::string_view field, PartHeader& part) {
  const std::string type = main_value(field);
  part.composition = Composition::leaf;
  if (type.starts_with("multipart/")) {
    part.boundary = parameter(field, "boundary").value_or("");
    while (!part.boundary.empty() && blank(part.boundary.back())) part.boundary.pop_back();
    if (usable_boundary(part.boundary)) part.composition = Composition::multipart;
    part.digest = type == "multipart/digest";
  }
  if (type == "message/rfc822") part.composition = Composition::message;
  if (is_one_of(type, {"message/partial", "message/external-body"}))
    part.composition = Composition::fixed;
}

/// What it seals.
void note_seal(std::string_view field, PartHeader& part) {
  const std::string type = main_value(field);
  const bool enveloped = is_one_of(type, {"application/pkcs7-mime", "application/x-pkcs7-mime"});
  const bool other = is_one_of(type, {"multipart/signed", "multipart/encrypted"});
  part.enveloped = enveloped && (part.enveloped || !part.sealed);
  part.sealed |= enveloped || other;
}

Declared declared(std::string_view name) {
  if (name == "quoted-printable") return Declared::quoted_printable;
  if (name == "base64") return Declared::base64;
  const bool other = name.starts_with("x-") || is_one_of(name, {"uuencode", "uue", "yenc"});
  return other ? Declared::other : Declared::identity;
}

void end_line(std::string& text) {
  if (!text.empty() && !text.ends_with('\n')) text.push_back('\n');
}
}  // namespace

PartHeader part_header(std::string_view header, bool default_message) {
  PartHeader part;
  if (default_message) part.composition = Composition::message;
  bool typed = false, encoded = false;
  while (!header.empty()) {
    const auto field = take_field(header);
    const auto kind = kind_of(field);
    part.has_version |= kind == rfc::Field::mime_version;
    part.signature |= base::iequals(name_of(field), "DKIM-Signature");
    if (kind == rfc::Field::content_type) {
      note_seal(field, part);
      if (!std::exchange(typed, true)) note_content_type(field, part);
    }
    if (kind == rfc::Field::content_transfer_encoding && !std::exchange(encoded, true))
      part.encoding = main_value(field);
  }
  part.declared = declared(part.encoding);
  const bool composite =
      part.composition == Composition::multipart || part.composition == Composition::message;
  if (composite && part.declared != Declared::identity) part.composition = Composition::leaf;
  return part;
}

std::string with_transfer_encoding(std::string_view header, std::string_view encoding,
                                   bool as_message) {
  const std::string ours = cat("Content-Transfer-Encoding: ", encoding, "\n");
  bool version = !as_message, type = !as_message, encoded = false;
  std::string out;
  while (!header.empty()) {
    const auto field = take_field(header);
    const auto kind = kind_of(field);
    version |= kind == rfc::Field::mime_version;
    type |= kind == rfc::Field::content_type;
    if (kind != rfc::Field::content_transfer_encoding) out.append(field);
    else if (!std::exchange(encoded, true)) out.append(ours);
  }
  end_line(out);
  if (!version) out.append("MIME-Version: 1.0\n");
  if (!type) out.append("Content-Type: text/plain\n");
  if (!encoded) out.append(ours);
  return out;
}

}  // namespace spool
