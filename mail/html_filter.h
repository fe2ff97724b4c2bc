// html_filter.h - HTML through a converter that people have installed.
#pragma once

#include <string>

#include "mail/session.h"

namespace reader {

/// HTML as text for this terminal: the command in the variable `html-filter`, else w3m, lynx or
/// elinks where one is installed, else (or where `html-filter` is empty, or the converter fails)
/// html_text(). Any bytes may come of it.
std::string readable_html(const Session& session, const std::string& html);

}  // namespace reader
