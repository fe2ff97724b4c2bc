// summary_name.h - whose name a message has in the list of headers.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// A field's body for people: unfolded, decoded, UTF-8. Controls stay in it.
std::string readable(std::string_view body);

struct SummaryName {
  std::string text;         ///< a bare address, or several
  bool recipients = false;  ///< "TO …": it is our own message (`showto`), or `show-rcpt` is set
};
/// From, else Sender, else the envelope's sender; To where the variables want it. Errors: io.
base::Result<SummaryName> summary_name(const Session& session, std::size_t index,
                                       std::string_view header);

/// Whether an address is ours: the login's, or one of `alternates`.
bool own_address(const Session& session, std::string_view address);

}  // namespace reader
