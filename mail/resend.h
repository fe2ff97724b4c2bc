// resend.h - a message goes on to somebody else as it is (RFC 5322 section 3.6.6).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "mail/letter.h"
#include "mail/session.h"

namespace reader {

enum class ResentFields { add, leave_out };

/// The message without what its mailbox added (Status, X-Status, Return-Path, …) and without Bcc;
/// `fields` before it. Pure. text: as Folder::text().
std::string resent_text(std::string_view text, std::string_view fields);

/// Errors: usage (an address), and what sendmail's exit status says.
base::Result<> resend(Session& session, std::size_t index, const Addresses& to,
                      ResentFields fields);

}  // namespace reader
