// header_fixup.cpp - the header of a message on its way in. The first byte gives the size of the
// pieces long lines come in and whether recipients are collected.
#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "sendmail/fixup.h"
#include "tests/fuzz/require.h"

namespace {
using submit::HeaderFixup;

struct Fixed {
  std::string text;
  std::vector<std::string> lists;
  std::size_t taken = 0;  // bytes of the input that were header
};

Fixed fixed(std::string_view text, bool collect, std::size_t piece) {
  HeaderFixup fixup("lan.example", collect);
  Fixed result;
  while (result.taken < text.size()) {
    const auto rest = text.substr(result.taken);
    const auto line = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
    // As the caller does it: the beginning of a long line, then more of it.
    const auto begin = line.size() > 1000 + piece ? line.substr(0, 1000) : line;
    if (fixup.line(begin, result.text) != HeaderFixup::Taken::yes) break;
    for (auto more = line.substr(begin.size()); !more.empty();
         more.remove_prefix(std::min(piece, more.size())))
      fixup.more_of_line(more.substr(0, piece), result.text);
    result.taken += line.size();
  }
  fixup.finish(result.text);
  result.lists = fixup.recipient_fields();
  if (!collect) require(result.lists.empty(), "recipients are collected where they are asked for");
  const submit::Origin origin{"a@x.test", "now", "<1@x.test>"};
  result.text += submit::missing_fields(fixup, origin);
  return result;
}

bool goes(rfc::Field field) {
  return field == rfc::Field::bcc || field == rfc::Field::resent_bcc ||
         field == rfc::Field::return_path || field == rfc::Field::content_length;
}

void check_lines(std::string_view header) {
  bool first = true;
  std::size_t from = 0, date = 0, message_id = 0;
  while (!header.empty()) {
    require(header.find('\n') != std::string_view::npos, "every line ends");
    const auto line = base::take(header, '\n');
    require(!line.empty(), "no empty line ends the header early");
    if (!std::exchange(first, false) && (line[0] == ' ' || line[0] == '\t')) continue;
    const auto length = rfc::field_name_length(line);
    require(length > 0, "every line is a field or continues one");
    const auto field = rfc::field_of(line.substr(0, length));
    require(!goes(field), "what must not travel is gone");
    from += field == rfc::Field::from;
    date += field == rfc::Field::date;
    message_id += field == rfc::Field::message_id;
  }
  require(from > 0 && date > 0 && message_id > 0, "the fields every message needs are there");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool collect = (data[0] & 1) != 0;
  const std::size_t piece = data[0] * 16U + 1;
  std::string text(text_of(data + 1, size - 1));
  // The caller takes CR for a line end and ends the last line.
  std::replace(text.begin(), text.end(), '\r', '\n');
  if (!text.ends_with('\n')) text.push_back('\n');
  const auto once = fixed(text, collect, piece);
  check_lines(once.text);
  require(fixed(text, collect, text.size()).text == once.text, "pieces make no difference");
  require(fixed(once.text, collect, piece).text == once.text, "a fixed header is left as it is");
  return 0;
}
