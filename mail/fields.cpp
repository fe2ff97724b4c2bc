#include "mail/fields.h"

#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "lib/rfc/header.h"

namespace reader {

namespace {

// Where the field that begins at `at` ends: behind the LF of its last line.
std::size_t field_end(std::string_view header, std::size_t at) {
  for (;;) {
    const auto newline = header.find('\n', at);
    if (newline == std::string_view::npos) return header.size();
    at = newline + 1;
    if (at == header.size() || (header[at] != ' ' && header[at] != '\t')) return at;
  }
}

bool named(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || !base::istarts_with(line, name)) return false;
  auto at = name.size();
  while (at < line.size() && (line[at] == ' ' || line[at] == '\t')) ++at;
  return at < line.size() && line[at] == ':';
}

bool is_date(std::string_view text) {
  constexpr std::string_view shape = "aaa aaa ?9 99:99";
  if (text.size() < shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const char c = text[i];
    if (shape[i] == 'a'   ? !base::alpha(c)
        : shape[i] == '9' ? !base::digit(c)
        : shape[i] == '?' ? c != ' ' && !base::digit(c)
                          : c != shape[i])
      return false;
  }
  return true;
}

std::string_view behind_from(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  if (line.starts_with("From ")) line.remove_prefix(5);
  return line;
}

}  // namespace

std::optional<std::string_view> field_body(std::string_view header, std::string_view name) {
  for (std::size_t at = 0; at < header.size();) {
    // The common line is told by its first letter alone.
    if (base::lower(header[at]) == base::lower(name[0]) && named(header.substr(at), name)) {
      const auto colon = header.find(':', at) + 1;
      auto body = header.substr(colon, field_end(header, at) - colon);
      if (body.ends_with('\n')) body.remove_suffix(1);
      return body;
    }
    const auto newline = header.find('\n', at);
    if (newline == std::string_view::npos) break;
    at = newline + 1;
  }
  return std::nullopt;
}

std::string bare_addresses(std::string_view body) {
  std::string list;
  rfc::AddressList addresses(body);
  while (const auto mailbox = addresses.next()) {
    if (!mailbox->problem.empty() || mailbox->address.empty()) continue;
    if (!list.empty()) list += ", ";
    list += mailbox->address;
  }
  return list.empty() ? rfc::unfolded(body) : list;
}

std::string_view envelope_sender(std::string_view from_line) {
  const auto rest = behind_from(from_line);
  const auto sender = rest.substr(0, rest.find(' '));
  return is_date(rest) ? std::string_view() : sender;
}

std::string_view envelope_date(std::string_view from_line) {
  const auto rest = behind_from(from_line);
  for (std::size_t at = 0; at < rest.size(); ++at)
    if ((at == 0 || rest[at - 1] == ' ') && is_date(rest.substr(at))) return rest.substr(at);
  const auto blank = rest.find(' ');
  return blank == std::string_view::npos ? std::string_view() : base::trim(rest.substr(blank + 1));
}

}  // namespace reader
