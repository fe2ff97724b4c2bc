#include "mail/flowed.h"

#include <algorithm>

#include "lib/base/text.h"

namespace reader {

namespace {
std::string marks(std::size_t depth) {
  std::string out(depth, '>');
  if (depth > 0) out.push_back(' ');
  return out;
}

struct FlowedLine {
  std::string_view text;
  std::size_t depth = 0;  // of its quotation
  bool ended = false, signature = false;
};

FlowedLine take_line(std::string_view& text) {
  FlowedLine line;
  line.ended = text.find('\n') != std::string_view::npos;
  line.text = base::take(text, '\n');
  line.depth = std::min(line.text.size(), line.text.find_first_not_of('>'));
  line.text.remove_prefix(line.depth);
  if (line.text.starts_with(' ')) line.text.remove_prefix(1);
  line.signature = line.text == "-- ";  // section 4.3: never flowed
  return line;
}
}  // namespace

std::string unflowed(std::string_view text, bool delsp) {
  std::string out;
  bool open = false;           // the last line goes on
  std::size_t open_depth = 0;  // of its quotation
  while (!text.empty()) {
    auto line = take_line(text);
    if (open && (line.depth != open_depth || line.signature)) {
      out.push_back('\n');
      open = false;
    }
    if (!open) out.append(marks(line.depth));
    open = line.text.ends_with(' ') && !line.signature && line.ended;
    open_depth = line.depth;
    if (open && delsp) line.text.remove_suffix(1);
    out.append(line.text);
    if (!open && line.ended) out.push_back('\n');
  }
  if (open) out.push_back('\n');
  return out;
}

}  // namespace reader
