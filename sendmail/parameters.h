// parameters.h - DSN parameters (RFC 3461) as clients, command lines and handed-over entries give
// them, into the one spelling that the spool takes; and the parameters of MAIL and RCPT. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/store/entry.h"

namespace submit {

/// NOTIFY: "never", or success, failure and delay with commas; letters of either case. The list in
/// lower case; nullopt if it is none.
std::optional<std::string> notify_list(std::string_view text);

/// RET: "full" or "hdrs"; nullopt if it is neither.
std::optional<std::string> ret_word(std::string_view text);

/// ENVID: xtext of 1 to 100 characters. Written anew, since xtext has several spellings and the
/// spool takes one; nullopt if it is none.
std::optional<std::string> envelope_id(std::string_view text);

/// ORCPT: a type, ';' and xtext, at most 500 characters, behind "utf-8;" also an address in UTF-8,
/// which becomes the ASCII form of RFC 6533 section 3. Written anew as ENVID is; nullopt if it is
/// none.
std::optional<std::string> original_recipient(std::string_view text);

/// Takes a word behind the address of MAIL into `sender`. What refuses it ("501 5.5.4 …"), or an
/// empty text. size_limit: 0 for none.
std::string mail_parameter(std::string_view word, store::Sender& sender, std::uint64_t size_limit);

/// The same behind the address of RCPT.
std::string rcpt_parameter(std::string_view word, store::Recipient& recipient);

/// Whether an envelope that another program wrote holds DSN parameters as they are written here.
/// Errors: data.
base::Result<> check_parameters(const store::Envelope& envelope);

}  // namespace submit
