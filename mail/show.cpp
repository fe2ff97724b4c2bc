// A message on the screen: show.h's message_text(). What can be shown without the helper is.
#include "mail/show.h"

#include "lib/base/text.h"
#include "mail/display.h"
#include "mail/html.h"
#include "mail/html_filter.h"
#include "mail/terminal.h"

namespace reader {

using base::cat;
using base::Result;

namespace {
bool has_shown_part(const MimeMessage& message) {
  for (const auto& part : message.parts)
    if (part.shown || !part.container) return true;
  return false;
}

std::string raw_body(std::string_view text, std::size_t start, const Look& look) {
  return displayed_text(from_charset(text.substr(start), {}), look);
}

// What stands behind the header's empty line.
std::size_t body_start(std::string_view text) {
  if (text.starts_with('\n')) return 1;
  const auto end = text.find("\n\n");
  return end == std::string_view::npos ? text.size() : end + 2;
}

Result<std::string> body_text(Session& session, const std::string& text, const FieldList& fields,
                              const Look& look) {
  const auto start = body_start(text);
  if (plain_message(std::string_view(text).substr(0, start))) return raw_body(text, start, look);
  const auto message = session.mime.read(text);
  if (!message && message.error().kind == base::Kind::usage) return message.error();  // interrupt
  if (!message) {
    const std::string note =
        cat("[-- not decoded: ", base::printable(message.error().text), " --]");
    return cat(coloured(note, Hue::mark, look), "\n\n", raw_body(text, start, look));
  }
  // A multipart that holds no part, say for its boundary's sake.
  if (!has_shown_part(message.value())) return raw_body(text, start, look);
  HtmlConverter converter(session);
  std::string shown = displayed_parts(
      message.value(), fields, look, [&](const std::string& html) { return converter.text(html); });
  if (converter.interrupted()) return base::Error{base::Kind::usage, "Interrupt"};
  return shown;
}
}  // namespace

Result<std::string> readable_text(Session& session, std::size_t index) {
  TRY_LET(text, session.folder->text(index));
  const auto start = body_start(text);
  if (plain_message(std::string_view(text).substr(0, start)))
    return from_charset(std::string_view(text).substr(start), {});
  TRY_LET(message, session.mime.read(text));
  std::string out;
  for (const auto& part : message.parts)
    if (part.shown) out += part.type == "text/html" ? html_text(part.text) : part.text;
  return out;
}

Result<std::string> message_text(Session& session, std::size_t index, const FieldList& fields) {
  const Look look{session.terminal.colour && !session.variables.is_set("nocolour")};
  TRY_LET(from, session.folder->from_line(index));
  TRY_LET(text, session.folder->text(index));
  const auto header = std::string_view(text).substr(0, body_start(text));
  std::string out = cat(coloured(cat("Message ", index + 1, ":"), Hue::name, look), "\n",
                        displayable_lines(from_charset(from, {})));
  if (!out.ends_with('\n')) out.push_back('\n');
  out.append(cat(displayed_fields(header, fields, look), "\n"));
  TRY_LET(body, body_text(session, text, fields, look));
  out.append(cat(body, "\n"));
  return for_charset(out, session.terminal.charset);
}

}  // namespace reader
