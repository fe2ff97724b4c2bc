// display.h - a message as text for people: the fields that are shown, decoded; the parts that are
// read; a line for each other part. Pure: what cannot be done here (asking the helper, running a
// converter) is given.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "mail/mime.h"
#include "mail/session.h"

namespace reader {

/// How it looks.
struct Look {
  bool colour = false;
};
enum class Hue { name, mark, quote, deep_quote };
/// Text between the sequences that colour it, where colours are on. Without an LF.
std::string coloured(std::string_view text, Hue hue, const Look& look);

/// What stands at the end of the list of a message's parts that has an end before they have.
constexpr std::string_view too_many_parts = "[-- further parts are left out: `pipe`, `save` --]";

/// "83 kB"
std::string size_text(std::uint64_t bytes);

/// The fields of a header that `fields` shows, with their line ends, displayable UTF-8.
std::string displayed_fields(std::string_view header, const FieldList& fields, const Look& look);
/// Text as it was sent, displayable, with quotations coloured; ends in an LF where it is not empty.
std::string displayed_text(std::string_view text, const Look& look);

/// HTML as text: html_text() or what a converter makes of it.
using HtmlReader = std::function<std::string(const std::string& html)>;
/// The parts of a message, one behind the other.
std::string displayed_parts(const MimeMessage& message, const FieldList& fields, const Look& look,
                            const HtmlReader& html);

/// Whether a message with this header is one text that is shown as it stands (text/plain, no
/// encoding but 7bit or 8bit, a charset that is UTF-8's or none), so that nobody need be asked.
bool plain_message(std::string_view header);

}  // namespace reader
