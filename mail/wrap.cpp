// Lines for a terminal: html.h's wrapped().
#include <algorithm>

#include "lib/base/text.h"
#include "mail/html.h"
#include "mail/terminal.h"

namespace reader {

namespace {
void append_wrapped(std::string_view line, std::size_t columns, std::string& out) {
  const auto start = std::min(line.size(), line.find_first_not_of(" >"));
  // A start that leaves no room for words is not repeated.
  const auto indent = start < columns / 2 ? line.substr(0, start) : std::string_view();
  out.append(line.substr(0, start));
  std::size_t column = start;
  bool first = true;
  for (std::string_view rest = line.substr(start); !rest.empty();) {
    const auto end = std::min(rest.size(), rest.find(' ', 1));
    auto word = rest.substr(0, end);
    rest.remove_prefix(end);
    auto width = display_width(word);
    if (!first && column + width > columns) {
      out.append("\n");
      out.append(indent);
      column = indent.size();
      if (word.starts_with(' ')) {
        word.remove_prefix(1);
        --width;
      }
    }
    out.append(word);
    column += width;
    first = false;
  }
}
}  // namespace

std::string wrapped(std::string_view text, std::size_t columns) {
  std::string out;
  while (!text.empty()) {
    const bool ended = text.find('\n') != std::string_view::npos;
    append_wrapped(base::take(text, '\n'), columns, out);
    if (ended) out.push_back('\n');
  }
  return out;
}

}  // namespace reader
