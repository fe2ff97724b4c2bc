// screen.h - headers, by the page and one by one.
#pragma once

#include <vector>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// Print the page of headers that holds a message. Unless it is the current one, the first message
/// of the page becomes that (bsd-mailx). Errors: usage ("Interrupt", "No more mail."), io.
base::Result<> list_page(Session& session, std::size_t index);

/// Print the headers of messages. Errors: usage ("Interrupt"), io.
base::Result<> print_headlines(Session& session, const std::vector<std::size_t>& messages);

}  // namespace reader
