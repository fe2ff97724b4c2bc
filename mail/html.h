// html.h - HTML as text for a terminal, for when no converter is installed: tags stripped, blocks
// as paragraphs, lists with marks, links with their address behind them, scripts and styles left
// out.
#pragma once

#include <string>
#include <string_view>

namespace reader {

/// UTF-8 in, UTF-8 lines out (not wrapped). Any input, in linear time.
std::string html_text(std::string_view html);

/// Text with lines of at most so many columns, broken at blanks; what begins a line (blanks, `> `)
/// begins what is broken off it too. Longer words stay whole. In linear time.
std::string wrapped(std::string_view text, std::size_t columns);

}  // namespace reader
