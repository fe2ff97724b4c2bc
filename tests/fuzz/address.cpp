// address.cpp - address lists, paths and phrases from anybody.
#include "lib/rfc/address.h"

#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "lib/rfc/envelope.h"
#include "tests/fuzz/require.h"

namespace {
bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), base::control);
}

void check_path(std::string_view text) {
  const auto path = rfc::Path::parse(text);
  if (!path) {
    require(!has_control(path.error().text), "an error shows no control");
    return;
  }
  const rfc::Path& value = path.value();
  require(!has_control(value.text()), "a path holds no control");
  require(base::valid_utf8(value.text()), "a path is UTF-8");
  require(!value.domain().empty() == value.qualified(), "qualified means that there is a domain");
  const auto again = rfc::Path::parse(value.text());
  require(again && again.value().text() == value.text(), "a path parsed again is the same");
  if (value.null()) return;
  const auto whole = value.qualified_with("example.org");
  require(whole.qualified(), "qualified_with qualifies");
  require(whole.local() == value.local(), "qualified_with keeps the local part");
}

std::size_t check_list(std::string_view list) {
  std::size_t count = 0, last_end = 0;
  rfc::AddressList mailboxes(list);
  while (const auto mailbox = mailboxes.next()) {
    ++count;
    require(mailbox->end <= list.size(), "end is within the list");
    require(mailbox->problem.empty() ? mailbox->end >= last_end : true, "ends go forward");
    require(!has_control(mailbox->display), "a display name holds no control");
    if (mailbox->problem.empty()) last_end = mailbox->end;
    check_path(mailbox->address);
  }
  return count;
}

void check_qualified(std::string_view list) {
  const std::string once = rfc::qualified(list, "example.org");
  require(rfc::qualified(once, "example.org") == once, "qualified is idempotent");
  require(check_list(once) == check_list(list), "qualified keeps the number of mailboxes");
  rfc::AddressList mailboxes(once);
  while (const auto mailbox = mailboxes.next()) {
    const auto path = rfc::Path::parse(mailbox->address);
    if (!mailbox->problem.empty() || mailbox->address.empty() || !path) continue;
    require(path.value().qualified(), "qualified leaves no address without a domain");
  }
}

void check_phrase(std::string_view name) {
  const std::string field = base::cat(rfc::phrase(name), " <me@here>");
  rfc::AddressList mailboxes(field);
  const auto mailbox = mailboxes.next();
  require(mailbox && mailbox->problem.empty() && mailbox->address == "me@here",
          "a phrase adds no address of its own");
  require(!mailboxes.next(), "a phrase adds no second address");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  check_path(text);
  check_qualified(text);
  check_phrase(text);
  return 0;
}
