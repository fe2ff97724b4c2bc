#include "mail/mbox_status.h"

#include <array>
#include <utility>

#include "lib/base/text.h"
#include "lib/rfc/header.h"

namespace reader {

using base::cat;

namespace {

constexpr std::array<std::pair<char, Flags>, 2> status_flags = {{{'R', seen}, {'O', old}}};
constexpr std::array<std::pair<char, Flags>, 4> extended_flags = {
    {{'A', answered}, {'F', flagged}, {'D', trashed}, {'T', draft}}};

enum class Kind { other, status, extended };

Kind kind_of(std::string_view line) {
  const char first = line.empty() ? '\0' : base::lower(line[0]);
  if (first != 's' && first != 'x') return Kind::other;
  const auto name = line.substr(0, rfc::field_name_length(line));
  if (base::iequals(name, "Status")) return Kind::status;
  return base::iequals(name, "X-Status") ? Kind::extended : Kind::other;
}

// Whether a line begins a field. A table decides nearly all cases; rfc knows the rest.
constexpr auto name_bytes = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = '!'; c <= '~'; ++c) table[c] = c != ':';
  return table;
}();

bool is_field(std::string_view line) {
  std::size_t length = 0;
  while (length < line.size() && name_bytes[static_cast<unsigned char>(line[length])]) ++length;
  if (length > 0 && length < line.size() && line[length] == ':') return true;
  return rfc::field_name_length(line) > 0;
}

std::string_view body_of(std::string_view line) {
  return base::trim(line.substr(line.find(':') + 1));
}

template <typename Letters>
Flags known_letters(std::string_view body, const Letters& letters) {
  Flags flags = 0;
  for (const auto& [letter, flag] : letters)
    if (body.find(letter) != std::string_view::npos) flags |= flag;
  return flags;
}

// The letters that are not ours, each once.
std::string foreign_letters(std::string_view body) {
  std::string kept;
  for (const char c : body)
    if (c > ' ' && c < 0x7f && known_letters({&c, 1}, extended_flags) == 0 &&
        kept.find(c) == std::string::npos)
      kept.push_back(c);
  return kept;
}

std::string status_body(Flags flags) {
  return cat((flags & seen) != 0 ? "R" : "", (flags & old) != 0 ? "O" : "");
}

std::string extended_body(Flags flags, std::string_view foreign) {
  std::string body;
  for (const auto& [letter, flag] : extended_flags)
    if ((flags & flag) != 0) body.push_back(letter);
  return body.append(foreign);
}

std::size_t line_end(std::string_view text, std::size_t at) {
  const auto end = text.find('\n', at);
  return end == std::string_view::npos ? text.size() : end + 1;
}

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  return line;
}

// The fields of a header that are ours are taken out of it, and their places are known.
struct Fields {
  Flags flags = 0;
  std::string foreign;  // letters of X-Status
  std::string others;   // all other lines
  std::size_t status_at = std::string::npos, extended_at = std::string::npos;  // in `others`
};

Fields fields_of(std::string_view header) {
  Fields fields;
  bool ours = false;
  for (std::size_t at = 0; at < header.size();) {
    const auto end = line_end(header, at);
    const auto line = header.substr(at, end - at);
    at = end;
    const auto kind = kind_of(without_end(line));
    const bool continues = line[0] == ' ' || line[0] == '\t';
    ours = continues ? ours : kind != Kind::other;
    if (!ours) fields.others += line;
    if (!ours || continues) continue;
    auto& place = kind == Kind::status ? fields.status_at : fields.extended_at;
    if (place == std::string::npos) place = fields.others.size();
    fields.flags |= status_letters(without_end(line));
    if (kind == Kind::extended) fields.foreign += foreign_letters(body_of(line));
  }
  return fields;
}

// The header with a field at its place, or at the end.
struct Insertion {
  std::size_t at;
  std::string line;
};

std::string with_insertions(std::string_view others, Insertion first, Insertion second) {
  if (second.at < first.at) std::swap(first, second);
  const auto end = others.size();
  const auto a = std::min(first.at, end), b = std::min(second.at, end);
  return cat(others.substr(0, a), first.line, others.substr(a, b - a), second.line,
             others.substr(b));
}

}  // namespace

HeaderLine header_line_kind(std::string_view line, bool first) {
  if (line.empty() || line == "\r") return HeaderLine::empty;
  if (line[0] == ' ' || line[0] == '\t')
    return first ? HeaderLine::other : HeaderLine::continuation;
  if (line.starts_with(">From ")) return HeaderLine::field;
  return is_field(line) ? HeaderLine::field : HeaderLine::other;
}

Flags status_letters(std::string_view line) {
  switch (kind_of(line)) {
    case Kind::status: return known_letters(body_of(line), status_flags);
    case Kind::extended: return known_letters(body_of(line), extended_flags);
    case Kind::other: return 0;
  }
  return 0;
}

Head find_head(std::string_view text, bool all) {
  Head head;
  head.begin = head.end = line_end(text, 0);
  while (head.end < text.size()) {
    const auto end = line_end(text, head.end);
    const auto line = text.substr(head.end, end - head.end);
    if (!all && !line.ends_with('\n')) return head;
    const auto kind = header_line_kind(without_end(line), head.end == head.begin);
    head.known = kind == HeaderLine::empty || kind == HeaderLine::other;
    head.empty_line = kind == HeaderLine::empty;
    if (head.known) return head;
    head.end = end;
  }
  head.known = head.empty_line = all;
  return head;
}

Flags flags_of(std::string_view text) {
  const auto head = find_head(text, true);
  return fields_of(text.substr(head.begin, head.end - head.begin)).flags;
}

std::string with_flags(std::string_view text, Flags flags) {
  const auto head = find_head(text, true);
  const auto header = text.substr(head.begin, head.end - head.begin);
  const auto fields = fields_of(header);
  const auto rest = text.substr(head.end);
  // A text that begins like a From_ line would become a message behind an empty line.
  const bool fragile = !head.empty_line && rest.starts_with("From ");
  if (fields.flags == flags || fragile) return std::string(text);
  const std::string_view line_break = text.substr(0, head.begin).ends_with("\r\n") ? "\r\n" : "\n";
  const auto field = [&](std::string_view name, const std::string& body) {
    return body.empty() ? std::string() : cat(name, ": ", body, line_break);
  };
  std::string others = fields.others;
  std::string from_line(text.substr(0, head.begin));
  auto& last = others.empty() ? from_line : others;
  if (!last.ends_with('\n')) last += line_break;  // of an mbox that ends within a header
  const std::string lines = with_insertions(
      others, {fields.status_at, field("Status", status_body(flags))},
      {fields.extended_at, field("X-Status", extended_body(flags, fields.foreign))});
  const bool separate = !head.empty_line && !lines.empty();
  return cat(from_line, lines, separate ? line_break : "", rest);
}

}  // namespace reader
