// html_entity.h - character references of HTML: `&eacute;`, `&#233;`, `&#xe9;`.
#pragma once

#include <string>
#include <string_view>

namespace reader {

/// Text with its references replaced: numeric ones and the named ones that mail uses. Others stay
/// as they are. UTF-8 in and out.
std::string html_unescaped(std::string_view text);

}  // namespace reader
