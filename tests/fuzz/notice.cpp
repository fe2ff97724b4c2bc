// notice.cpp - bounces and reports: whatever addresses, replies and parameters hold, the text has
// the structure that was meant and not a line more. The first byte gives the kind, RET and the
// flags; what follows is divided at 0xff bytes among the texts.
#include "spool/notice.h"

#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "lib/rfc/header.h"
#include "tests/fuzz/require.h"

namespace {
using spool::Notice;
using spool::NoticeRecipient;

std::string next(std::string_view& text) { return std::string(base::take(text, '\xff')); }

Notice notice_of(unsigned flags, std::string_view text) {
  Notice notice;
  notice.kind = static_cast<Notice::Kind>(flags % 3);
  notice.ret = (flags & 4) != 0 ? "full" : "";
  notice.eight_bit_header = (flags & 8) != 0;
  notice.eight_bit_body = (flags & 16) != 0;
  notice.queue_id = "1IJKLMNOPQR0123";
  notice.message_id = "<2@lan.example>";
  notice.sender = rfc::Path::parse("jane@lan.example").value();
  if (auto path = rfc::Path::parse(next(text)); path && !path.value().null())
    notice.sender = path.value();
  for (auto* const each :
       {&notice.host_name, &notice.domain, &notice.envid, &notice.original_message_id})
    *each = next(text);
  do {
    NoticeRecipient recipient;
    recipient.action = static_cast<NoticeRecipient::Action>(flags / 32 % 5);
    recipient.expired = (flags & 32) != 0;
    for (auto* const each : {&recipient.address, &recipient.original, &recipient.orcpt,
                             &recipient.outcome.text, &recipient.remote_mta})
      *each = next(text);
    notice.recipients.push_back(std::move(recipient));
  } while (!text.empty());
  return notice;
}

/// Header fields only, each of a name that is known; folded lines hold more than blanks.
void check_fields(std::string_view fields, const std::vector<std::string_view>& known) {
  bool first = true;
  for (const auto line : base::split(fields, '\n')) {
    const bool folded = line.starts_with(' ') || line.starts_with('\t');
    require(!base::trim(line).empty(), "no field line is blank");
    require(!folded || !first, "the first line begins a field");
    first = false;
    const auto name = line.substr(0, rfc::field_name_length(line));
    require(folded || std::find(known.begin(), known.end(), name) != known.end(),
            "each line begins a field of ours or goes on with one");
  }
}

/// "HEADER\n\nBODY" taken apart.
std::string_view take_header(std::string_view& text) {
  const auto end = text.find("\n\n");
  require(end != std::string_view::npos, "an empty line ends the header");
  const auto header = text.substr(0, end);
  text.remove_prefix(end + 2);
  return header;
}

std::string_view take_part(std::string_view& text, std::string_view delimiter) {
  const auto end = text.find(delimiter);
  require(end != std::string_view::npos, "three parts begin");
  const auto part = text.substr(0, end);
  text.remove_prefix(end + delimiter.size());
  return part;
}

const std::vector<std::string_view> part_fields{"Content-Description", "Content-Type",
                                                "Content-Transfer-Encoding"};

void check_status(std::string_view status, std::size_t recipients) {
  check_fields(take_header(status), {"Reporting-MTA", "X-Postbag-Queue-ID", "X-Postbag-Sender",
                                     "Original-Envelope-Id", "Arrival-Date"});
  std::size_t blocks = 0;
  for (auto end = status.find("\n\n"); end != std::string_view::npos; end = status.find("\n\n")) {
    check_fields(status.substr(0, end),
                 {"Original-Recipient", "Final-Recipient", "Action", "Status", "Remote-MTA",
                  "Diagnostic-Code", "Last-Attempt-Date", "Will-Retry-Until"});
    status.remove_prefix(end + 2);
    ++blocks;
  }
  require(blocks == recipients, "each recipient has one block of fields");
}

void check_lines(std::string_view text) {
  for (const auto line : base::split(text, '\n')) {
    require(line.size() <= 998, "no line is over 998 bytes");
    require(std::none_of(line.begin(), line.end(),
                         [](char c) { return base::control(c) && c != '\t'; }),
            "no control comes out");
  }
  require(base::valid_utf8(text), "what comes out is UTF-8");
}

void check_head(std::string_view head, const Notice& notice) {
  const std::string delimiter = "\n--=_1IJKLMNOPQR0123.0\n";
  check_fields(take_header(head),
               {"Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References",
                "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"});
  take_part(head, delimiter);  // the preamble
  auto people = take_part(head, delimiter);
  const bool declared = people.find("8bit") < people.find("\n\n");
  check_fields(take_header(people), part_fields);
  require(declared == std::any_of(people.begin(), people.end(), base::eight_bit),
          "8-bit text is declared, and nothing else");
  auto status = take_part(head, delimiter);
  const auto fields = take_header(status);
  check_fields(fields, part_fields);
  require(fields.find("global") != std::string_view::npos ||
              std::none_of(status.begin(), status.end(), base::eight_bit),
          "message/delivery-status is ASCII");
  check_status(std::string(status) + "\n", notice.recipients.size());
  check_fields(take_header(head), part_fields);
  require(head.empty(), "the head ends where the original begins");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto notice = notice_of(data[0], text_of(data, size).substr(1));
  const auto text = spool::notice_text(notice);
  check_lines(text.head);
  check_head(text.head, notice);
  require(text.tail == "\n--=_1IJKLMNOPQR0123.0--\n", "the tail ends the last part");
  return 0;
}
