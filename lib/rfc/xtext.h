// xtext.h - text that must not hold spaces or brackets: xtext (RFC 3461 section 4) for DSN
// parameters, and the percent form in which the spool writes addresses.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rfc {

/// Whether `text` is xtext: printable ASCII but '+' and '=', and "+HH" with upper-case hex digits.
bool is_xtext(std::string_view text);
/// The same text as xtext, in which '<' and '>' are "+HH" too.
std::string xtext(std::string_view text);
/// nullopt if it is not xtext.
std::optional<std::string> from_xtext(std::string_view text);

/// Bytes up to 0x20, 0x7f, '<', '>' and '%' as "%XX" (upper-case hex), all others as they are.
/// Injective.
std::string percent(std::string_view text);
/// nullopt unless percent() of the result gives exactly `text` back.
std::optional<std::string> from_percent(std::string_view text);

}  // namespace rfc
