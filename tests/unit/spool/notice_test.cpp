#include "spool/notice.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "lib/base/text.h"

namespace {
using base::cat;
using spool::last_report;
using spool::Notice;
using spool::notice_text;
using spool::NoticeRecipient;
using Action = NoticeRecipient::Action;

base::Time at(std::int64_t seconds) { return base::Time(std::chrono::seconds(seconds)); }

NoticeRecipient refused(std::string address) {
  return {
      .address = std::move(address),
      .original = {},
      .orcpt = {},
      .outcome = {rfc::Outcome::Kind::failed,
                  {5, 1, 1},
                  "host smtp.example[192.0.2.1]:587 said: 550 5.1.1 no such user here (in reply "
                  "to RCPT TO)"},
      .action = Action::failed,
      .remote_mta = "smtp.example"};
}

Notice bounce() {
  Notice notice;
  notice.queue_id = "1IJKLMNOPQR0123";
  notice.host_name = "laptop.lan";
  notice.domain = "lan.example";
  notice.sender = rfc::Path::parse("jane@lan.example").value();
  notice.arrival = at(1'795'175'767);
  notice.now = at(1'795'175'768);
  notice.utc_offset = 3600;
  notice.original_size = 412;
  notice.original_message_id = "<1@lan.example>";
  notice.message_id = "<2@lan.example>";
  notice.recipients = {refused("ops@example.org")};
  return notice;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto i = text.find(part); i != std::string_view::npos; i = text.find(part, i + 1)) ++found;
  return found;
}

bool holds(const std::string& text, std::string_view part) { return count(text, part) > 0; }

std::size_t longest_line(std::string_view text) {
  std::size_t longest = 0;
  for (const auto line : base::split(text, '\n')) longest = std::max(longest, line.size());
  return longest;
}
}  // namespace

TEST_CASE("notice: a bounce, to the byte") {
  const auto text = notice_text(bounce());
  CHECK(text.head ==
        "Date: Fri, 20 Nov 2026 12:56:08 +0100\n"
        "From: \"Mail Delivery System\" <MAILER-DAEMON@lan.example>\n"
        "To: jane@lan.example\n"
        "Subject: Undelivered Mail Returned to Sender\n"
        "Message-ID: <2@lan.example>\n"
        "In-Reply-To: <1@lan.example>\n"
        "References: <1@lan.example>\n"
        "Auto-Submitted: auto-replied\n"
        "MIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status;\n"
        "\tboundary=\"=_1IJKLMNOPQR0123.1795175768000000\"\n"
        "\n"
        "This is a MIME-encapsulated message.\n"
        "\n"
        "--=_1IJKLMNOPQR0123.1795175768000000\n"
        "Content-Description: Notification\n"
        "Content-Type: text/plain; charset=us-ascii\n"
        "\n"
        "This is the mail system at host laptop.lan.\n"
        "\n"
        "I'm sorry: your message could not be delivered to this recipient,\n"
        "and it will not be tried again. It is attached below.\n"
        "\n"
        "<ops@example.org>: host smtp.example[192.0.2.1]:587 said: 550 5.1.1 no such\n"
        "    user here (in reply to RCPT TO)\n"
        "\n"
        "--=_1IJKLMNOPQR0123.1795175768000000\n"
        "Content-Description: Delivery report\n"
        "Content-Type: message/delivery-status\n"
        "\n"
        "Reporting-MTA: dns; laptop.lan\n"
        "X-Postbag-Queue-ID: 1IJKLMNOPQR0123\n"
        "X-Postbag-Sender: rfc822; jane@lan.example\n"
        "Arrival-Date: Fri, 20 Nov 2026 12:56:07 +0100\n"
        "\n"
        "Final-Recipient: rfc822; ops@example.org\n"
        "Action: failed\n"
        "Status: 5.1.1\n"
        "Remote-MTA: dns; smtp.example\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user here\n"
        "Last-Attempt-Date: Fri, 20 Nov 2026 12:56:08 +0100\n"
        "\n"
        "--=_1IJKLMNOPQR0123.1795175768000000\n"
        "Content-Description: Undelivered Message\n"
        "Content-Type: message/rfc822\n"
        "\n");
  CHECK(text.tail == "\n--=_1IJKLMNOPQR0123.1795175768000000--\n");
  CHECK(text.whole_original);
}

TEST_CASE("notice: the last report says so in its header, and no other does") {
  auto notice = bounce();
  CHECK(notice_text(notice).head.find(last_report) == std::string::npos);
  notice.last = true;
  const auto head = notice_text(notice).head;
  const auto place = head.find(cat("\n", last_report, " yes\n"));
  CHECK(place < head.find("\n\n"));
}

TEST_CASE("notice: what of the original comes back") {
  const struct {
    Notice::Kind kind;
    std::string_view ret;
    std::uint64_t size;
    bool whole;
  } table[] = {
      {Notice::Kind::failed, "", 50'000, true},      {Notice::Kind::failed, "", 50'001, false},
      {Notice::Kind::failed, "full", 1 << 30, true}, {Notice::Kind::failed, "hdrs", 10, false},
      {Notice::Kind::delayed, "full", 10, false},    {Notice::Kind::delivered, "full", 10, false},
  };
  for (const auto& [kind, ret, size, whole] : table) {
    auto notice = bounce();
    notice.kind = kind;
    notice.ret = ret;
    notice.original_size = size;
    const auto text = notice_text(notice);
    const std::string row = cat(ret, " ", size);
    CAPTURE(row);
    CHECK(text.whole_original == whole);
    CHECK(text.head.ends_with(whole ? "Content-Type: message/rfc822\n\n"
                                    : "Content-Type: text/rfc822-headers\n\n"));
    CHECK(holds(text.head, whole ? "It is attached" : "Its header is attached"));
  }
}

TEST_CASE("notice: of a message that could not go as it is only the header comes back") {
  for (const rfc::EnhancedStatus status :
       {rfc::EnhancedStatus{5, 3, 4}, rfc::EnhancedStatus{5, 6, 3}, rfc::EnhancedStatus{5, 6, 7}}) {
    auto notice = bounce();
    notice.ret = "full";
    notice.recipients.push_back(refused("b@example.org"));
    CHECK(notice_text(notice).whole_original);
    notice.recipients[1].outcome.status = status;
    CHECK_FALSE(notice_text(notice).whole_original);
  }
}

TEST_CASE("notice: an 8-bit original is declared where it is part of it") {
  auto notice = bounce();
  notice.eight_bit_body = true;
  CHECK(notice_text(notice).head.ends_with(
      "Content-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\n"));
  CHECK(count(notice_text(notice).head, "Content-Transfer-Encoding: 8bit\n") == 2);
  notice.ret = "hdrs";
  CHECK_FALSE(holds(notice_text(notice).head, "8bit"));
  notice.eight_bit_header = true;
  CHECK(notice_text(notice).head.ends_with(
      "Content-Type: text/rfc822-headers\nContent-Transfer-Encoding: 8bit\n\n"));
}

TEST_CASE("notice: a delay says until when it is tried") {
  auto notice = bounce();
  notice.kind = Notice::Kind::delayed;
  notice.now = at(1'795'175'767 + 4 * 3600);
  notice.retry_until = at(1'795'175'767 + 5 * 86'400);
  notice.recipients[0].action = Action::delayed;
  notice.recipients[0].outcome.status = {4, 4, 1};
  notice.recipients[0].outcome.text = "connect to smtp.example:587: Connection refused";
  notice.recipients[0].remote_mta.clear();
  const auto text = notice_text(notice).head;
  CHECK(holds(text, "Subject: Delayed Mail (still being retried)\n"));
  CHECK(holds(text, "sent 4 hours ago"));
  CHECK(holds(text, "until\nWed, 25 Nov 2026 12:56:07 +0100. "));
  CHECK(holds(text,
              "Action: delayed\nStatus: 4.4.1\n"
              "Diagnostic-Code: X-Postbag; connect to smtp.example:587: Connection refused\n"
              "Last-Attempt-Date: Fri, 20 Nov 2026 16:56:07 +0100\n"
              "Will-Retry-Until: Wed, 25 Nov 2026 12:56:07 +0100\n"));
}

TEST_CASE("notice: a success report tells delivered from handed on") {
  auto notice = bounce();
  notice.kind = Notice::Kind::delivered;
  notice.recipients = {{.address = "jane",
                        .original = "jane",
                        .orcpt = {},
                        .outcome = {rfc::Outcome::Kind::delivered, {2, 0, 0}, "to mailbox"},
                        .action = Action::delivered,
                        .remote_mta = {}},
                       {.address = "ops@example.org",
                        .original = "root",
                        .orcpt = {},
                        .outcome = {rfc::Outcome::Kind::delivered, {2, 0, 0}, "250 2.0.0 Ok"},
                        .action = Action::relayed,
                        .remote_mta = "smtp.example"},
                       {.address = "all",
                        .original = {},
                        .orcpt = {},
                        .outcome = {rfc::Outcome::Kind::delivered, {2, 0, 0}, ""},
                        .action = Action::expanded,
                        .remote_mta = {}}};
  const auto text = notice_text(notice).head;
  CHECK(holds(text, "Subject: Successful Mail Delivery Report\n"));
  CHECK(holds(text, "\n<jane@lan.example>: delivered: to mailbox\n"));
  CHECK(
      holds(text, "\n<ops@example.org>\n    (given as <root@lan.example>): handed on: 250 2.0.0"));
  CHECK(holds(text, "\n<all@lan.example>: expanded to several addresses\n"));
  CHECK(holds(text,
              "\n\nOriginal-Recipient: rfc822; root@lan.example\n"
              "Final-Recipient: rfc822; ops@example.org\nAction: relayed\nStatus: 2.0.0\n"
              "Remote-MTA: dns; smtp.example\nDiagnostic-Code: smtp; 250 2.0.0 Ok\n"));
  CHECK(holds(text, "Final-Recipient: rfc822; all@lan.example\nAction: expanded\n"));
}

TEST_CASE("notice: who is given up for age is told the age and the last problem") {
  auto notice = bounce();
  notice.now = notice.arrival + std::chrono::days(5);
  notice.recipients[0].expired = true;
  CHECK(holds(notice_text(notice).head,
              "<ops@example.org>: given up after 5 days; the last problem: host\n"));
}

TEST_CASE("notice: DSN parameters come back decoded") {
  const struct {
    std::string_view orcpt, field;
  } table[] = {
      {"rfc822;Bob+2BX@example.org", "Original-Recipient: rfc822; Bob+X@example.org\n"},
      {"x400;C=US", "Original-Recipient: x400; C=US\n"},  // '=' is no xtext: as it stands
      {"rfc822;a+0A+0Db@x.test", "Original-Recipient: rfc822; a+0A+0Db@x.test\n"},
      {"rfc822;+C3+BC@x.test", "Original-Recipient: rfc822; +C3+BC@x.test\n"},
  };
  for (const auto& [orcpt, field] : table) {
    auto notice = bounce();
    notice.recipients[0].orcpt = orcpt;
    const std::string row(orcpt);
    CAPTURE(row);
    CHECK(holds(notice_text(notice).head, cat("\n\n", field, "Final-Recipient:")));
  }
  auto notice = bounce();
  notice.recipients[0].orcpt = "rfc 822\nAction: delivered;x";
  CHECK_FALSE(holds(notice_text(notice).head, "Original-Recipient"));
  notice.envid = "QQ+20314159";
  CHECK(holds(notice_text(notice).head, "Original-Envelope-Id: QQ 314159\n"));
  notice.envid = "a+0AAction: failed";
  CHECK(holds(notice_text(notice).head, "Original-Envelope-Id: a+0AAction: failed\n"));
  notice.envid = "a+0Ab";
  CHECK(holds(notice_text(notice).head, "Original-Envelope-Id: a?b\n"));
}

TEST_CASE("notice: an address in UTF-8 takes the types of RFC 6533") {
  auto notice = bounce();
  notice.recipients[0].address = "j\xc3\xbcrgen@example.org";
  const auto text = notice_text(notice).head;
  CHECK(holds(text, "report-type=global-delivery-status;"));
  CHECK(holds(text, "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"));
  CHECK(holds(text,
              "Content-Type: message/global-delivery-status\nContent-Transfer-Encoding: 8bit\n"));
  CHECK(holds(text, "Final-Recipient: utf-8; j\xc3\xbcrgen@example.org\n"));
  CHECK(text.ends_with("Content-Type: message/global\n\n"));
}

TEST_CASE("notice: a reply in UTF-8 stays out of the ASCII report") {
  auto notice = bounce();
  notice.recipients[0].outcome.text = "host x said: 550 unbek\xc3\xa4nnt";
  const auto text = notice_text(notice).head;
  CHECK(holds(text, "Content-Type: message/delivery-status\n\n"));
  CHECK(holds(text, "Diagnostic-Code: smtp; 550 unbek??nnt\n"));
  CHECK(holds(text, "<ops@example.org>: host x said: 550 unbek\xc3\xa4nnt\n"));
  CHECK(holds(text, "charset=utf-8\nContent-Transfer-Encoding: 8bit\n"));
  CHECK(count(text, "Content-Transfer-Encoding: 8bit\n") == 2);  // the whole, and that part
}

TEST_CASE("notice: untrusted text neither ends a line nor makes a long one") {
  auto notice = bounce();
  const std::string evil = cat("x\r\n\r\n--=_1IJKLMNOPQR0123.1795175768000000--\nBcc: a@x\0\x1b[2J",
                               std::string(5000, 'y'), " ", std::string(5000, 'z'));
  notice.recipients[0] = {.address = evil,
                          .original = cat("o", evil),
                          .orcpt = cat("rfc822;", evil),
                          .outcome = {rfc::Outcome::Kind::failed, {5, 0, 0}, evil},
                          .action = Action::failed,
                          .remote_mta = evil};
  notice.host_name = notice.domain = notice.envid = evil;
  notice.original_message_id = cat("<", evil, ">");
  const auto text = notice_text(notice).head;
  CHECK(longest_line(text) <= 998);
  CHECK(text.find_first_of(std::string_view("\r\0\x1b", 3)) == std::string::npos);
  CHECK(count(text, "\n--=_1IJKLMNOPQR0123.1795175768000000\n") == 3);
  CHECK(count(text, "\nBcc") == 0);
  CHECK(count(text, "\n--") == 3);
  CHECK_FALSE(holds(text, "References"));
}

TEST_CASE("notice: an unqualified sender gets the domain, as do recipients") {
  auto notice = bounce();
  notice.sender = rfc::Path::parse("root").value();
  notice.recipients[0].address = "bob";
  const auto text = notice_text(notice).head;
  CHECK(holds(text, "To: root@lan.example\n"));
  CHECK(holds(text, "X-Postbag-Sender: rfc822; root@lan.example\n"));
  CHECK(holds(text, "Final-Recipient: rfc822; bob@lan.example\n"));
}

TEST_CASE("notice: a hundred thousand recipients are all reported and a hundred shown") {
  auto notice = bounce();
  auto recipient = refused("x");
  recipient.outcome.text = cat("host x said: 550 ", std::string(900, 'n'));
  notice.recipients.assign(100'000, recipient);
  const auto text = notice_text(notice).head;
  CHECK(count(text, "\nFinal-Recipient: ") == 100'000);
  CHECK(count(text, "\n<x@lan.example>:") == 100);
  CHECK(holds(text, "\nand 99900 more, which the delivery report names.\n"));
  CHECK(text.size() < std::size_t{50} << 20);
}
