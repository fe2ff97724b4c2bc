#include "mail/flowed.h"

#include "lib/base/text.h"

namespace reader {

namespace {
std::string marks(std::size_t depth) {
  std::string out(depth, '>');
  if (depth > 0) out.push_back(' ');
  return out;
}
}  // namespace

std::string unflowed(std::string_view text, bool delsp) {
  std::string out;
  bool open = false;           // the last line goes on
  std::size_t open_depth = 0;  // of its quotation
  while (!text.empty()) {
    const bool ended = text.find('\n') != std::string_view::npos;
    std::string_view line = base::take(text, '\n');
    std::size_t depth = 0;
    while (depth < line.size() && line[depth] == '>') ++depth;
    line.remove_prefix(depth);
    if (line.starts_with(' ')) line.remove_prefix(1);
    const bool signature = line == "-- ";  // section 4.3: never flowed
    if (open && (depth != open_depth || signature)) {
      out.push_back('\n');
      open = false;
    }
    if (!open) out.append(marks(depth));
    open = line.ends_with(' ') && !signature && ended;
    open_depth = depth;
    if (open && delsp) line.remove_suffix(1);
    out.append(line);
    if (!open && ended) out.push_back('\n');
  }
  if (open) out.push_back('\n');
  return out;
}

}  // namespace reader
