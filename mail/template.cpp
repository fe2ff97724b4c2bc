#include "mail/template.h"

#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "mail/outgoing.h"

namespace reader {

using base::Result;

std::size_t template_header_size(std::string_view text) {
  std::size_t at = 0;
  for (bool first = true;; first = false) {
    const auto end = text.find('\n', at);
    auto line = text.substr(at, end == std::string_view::npos ? end : end - at);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto behind = end == std::string_view::npos ? text.size() : end + 1;
    if (line.empty()) return first ? 0 : behind;
    const bool continued = !first && (line[0] == ' ' || line[0] == '\t');
    const bool from_line = first && line.starts_with("From ");
    if (!continued && !from_line && rfc::field_name_length(line) == 0) return at;
    if (end == std::string_view::npos) return text.size();
    at = behind;
  }
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
