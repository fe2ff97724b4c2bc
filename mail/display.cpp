#include "mail/display.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "mail/encoded_word.h"
#include "mail/terminal.h"

namespace reader {

using base::cat;

namespace {
// A field with its folded lines and line ends.
std::string_view take_field(std::string_view& rest) {
  std::size_t end = 0;
  do {
    const auto line_end = rest.find('\n', end);
    end = line_end == std::string_view::npos ? rest.size() : line_end + 1;
  } while (end < rest.size() && (rest[end] == ' ' || rest[end] == '\t'));
  const auto field = rest.substr(0, end);
  rest.remove_prefix(end);
  return field;
}

// As it stands.
std::optional<std::string_view> field_body(std::string_view header, std::string_view name) {
  while (!header.empty() && header[0] != '\n') {
    const auto field = take_field(header);
    const auto length = rfc::field_name_length(field.substr(0, field.find('\n')));
    if (length > 0 && base::iequals(field.substr(0, length), name))
      return field.substr(field.find(':', length) + 1);
  }
  return std::nullopt;
}

std::string displayed_field(std::string_view field, std::size_t name_length, const Look& look) {
  const auto colon = field.find(':', name_length);
  const auto name = field.substr(0, colon + 1);
  const auto body = field.substr(colon + 1);
  std::string out = coloured(displayable(name), Hue::name, look);
  // Folded lines stay as they are unless decoding moves their words.
  if (body.find("=?") != std::string_view::npos)
    return cat(out, " ", displayable(decoded_words(body)), "\n");
  out.append(displayable_lines(from_charset(body, {})));
  if (!out.ends_with('\n')) out.push_back('\n');
  return out;
}

std::string part_line(const MimePart& part, const Look& look) {
  std::string line = "[--";
  // The only part of a message is its part 1 for who asks for it.
  line.append(cat(" ", part.number.empty() ? "1" : part.number));
  if (!part.name.empty()) line.append(cat(" ", displayable(part.name), ","));
  line.append(cat(" ", displayable(part.type)));
  if (part.size > 0) line.append(cat(", ", size_text(part.size)));
  if (!part.shown && part.attachment) line.append(": `write`, `open`");
  line.append(" --]");
  return coloured(line, Hue::mark, look);
}

// The parts, with what stands between them.
class PartPrinter {
 public:
  PartPrinter(const FieldList& fields, const Look& look, const HtmlReader& html)
      : fields_(fields), look_(look), html_(html) {}

  void print(const MimePart& part) {
    if (part.depth > hidden_depth_) return;  // within a message that is not shown
    hidden_depth_ = 1'000'000;
    if (part.container) container(part);
    else if (part.shown) text(part);
    else line(part);
  }

  std::string take() { return std::move(out_); }

 private:
  void container(const MimePart& part) {
    if (!part.type.starts_with("message/")) return;
    line(part);
    if (part.shown) out_.append(displayed_fields(part.text, fields_, look_));
    else hidden_depth_ = part.depth;
    after_text_ = true;
  }

  void text(const MimePart& part) {
    if (!part.name.empty()) line(part);
    const std::string shown = part.type == "text/html" ? html_(part.text) : part.text;
    separate();
    out_.append(displayed_text(shown, look_));
    after_text_ = true;
  }

  void line(const MimePart& part) {
    separate();
    out_.append(part_line(part, look_) + "\n");
    after_text_ = part.shown;
  }

  // An empty line between what is read and all else; none between lines for parts.
  void separate() {
    if (after_text_ && !out_.empty() && !out_.ends_with("\n\n")) out_.push_back('\n');
    after_text_ = true;
  }

  const FieldList& fields_;
  const Look& look_;
  const HtmlReader& html_;
  std::string out_;
  int hidden_depth_ = 1'000'000;
  bool after_text_ = false;
};

// "text/plain; charset=utf-8" without blanks and quotes, lower-case.
std::string squeezed(std::string_view body) {
  std::string out;
  for (const char c : body)
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '"') out.push_back(base::lower(c));
  return out;
}
}  // namespace

std::string coloured(std::string_view text, Hue hue, const Look& look) {
  if (!look.colour) return std::string(text);
  constexpr std::string_view codes[] = {"36", "35", "32", "33"};
  return cat("\033[", codes[static_cast<std::size_t>(hue)], "m", text, "\033[0m");
}

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1000) return cat(bytes, bytes == 1 ? " byte" : " bytes");
  if (bytes < 1'000'000) return cat((bytes + 500) / 1000, " kB");
  const auto tenths = (bytes + 50'000) / 100'000;
  return cat(tenths / 10, ".", tenths % 10, " MB");
}

std::string displayed_fields(std::string_view header, const FieldList& fields, const Look& look) {
  std::string out;
  while (!header.empty() && header[0] != '\n') {
    const auto field = take_field(header);
    const auto length = rfc::field_name_length(field.substr(0, field.find('\n')));
    // What is no field is shown: nothing of a header is hidden but what is asked for.
    if (length == 0) out.append(displayable_lines(from_charset(field, {})));
    else if (fields.shows(field.substr(0, length)))
      out.append(displayed_field(field, length, look));
    if (!out.empty() && !out.ends_with('\n')) out.push_back('\n');
  }
  return out;
}

std::string displayed_text(std::string_view text, const Look& look) {
  std::string shown = displayable_lines(text);
  if (!shown.empty() && !shown.ends_with('\n')) shown.push_back('\n');
  if (!look.colour) return shown;
  std::string out;
  for (std::string_view rest = shown; !rest.empty();) {
    const auto line = base::take(rest, '\n');
    std::size_t depth = 0;
    for (const char c : line) {
      if (c != '>' && c != ' ') break;
      depth += c == '>';
    }
    const bool quoted = line.starts_with('>');
    const Hue hue = depth % 2 == 1 ? Hue::quote : Hue::deep_quote;
    out.append(quoted ? coloured(line, hue, look) : std::string(line));
    out.push_back('\n');
  }
  return out;
}

std::string displayed_parts(const MimeMessage& message, const FieldList& fields, const Look& look,
                            const HtmlReader& html) {
  PartPrinter printer(fields, look, html);
  for (const auto& part : message.parts) printer.print(part);
  std::string shown = printer.take();
  if (message.truncated) shown.append(coloured(too_many_parts, Hue::mark, look) + "\n");
  return shown;
}

bool plain_message(std::string_view header) {
  const std::string encoding =
      squeezed(field_body(header, "content-transfer-encoding").value_or(""));
  if (encoding != "" && encoding != "7bit" && encoding != "8bit" && encoding != "binary")
    return false;
  constexpr std::string_view types[] = {"",
                                        "text",  // RFC 822's
                                        "text/plain",
                                        "text/plain;charset=utf-8",
                                        "text/plain;charset=us-ascii",
                                        "text/plain;charset=unknown-8bit"};
  const std::string type = squeezed(field_body(header, "content-type").value_or(""));
  return field_body(header, "content-disposition") == std::nullopt &&
         std::find(std::begin(types), std::end(types), type) != std::end(types);
}

}  // namespace reader
