#include "mail/template.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "mail/outgoing.h"

namespace reader {

using base::Result;

namespace {

// A field, the rest of one, or the From_ line before all.
bool of_a_header(std::string_view line, bool first) {
  if (rfc::field_name_length(line) > 0) return true;
  return first ? line.starts_with("From ") : line[0] == ' ' || line[0] == '\t';
}

}  // namespace

std::size_t template_header_size(std::string_view text) {
  std::size_t at = 0;
  for (bool first = true; at < text.size(); first = false) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    const auto behind = std::min(end + 1, text.size());
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) return first ? 0 : behind;
    if (!of_a_header(line, first)) return at;
    at = behind;
  }
  return at;
}

namespace {
bool of_the_way(rfc::Field field) {
  return field == rfc::Field::received || field == rfc::Field::return_path ||
         field == rfc::Field::delivered_to || field == rfc::Field::content_length;
}
}  // namespace

Result<> read_template(std::string_view header, Letter& letter) {
  std::vector<Letter::Field> fields;
  while (!header.empty()) {
    auto line = base::take(header, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto length = rfc::field_name_length(line);
    if (!line.empty() && (line[0] == ' ' || line[0] == '\t') && !fields.empty())
      fields.back().body.append(" ").append(base::trim(line));
    else if (length > 0)
      fields.push_back({std::string(line.substr(0, length)),
                        std::string(base::trim(line.substr(line.find(':', length) + 1)))});
  }
  for (auto& field : fields)
    if (!of_the_way(rfc::field_of(field.name)) && !base::trim(field.body).empty())
      letter.fields.push_back(std::move(field));
  return adopt_fields(letter);
}

}  // namespace reader
