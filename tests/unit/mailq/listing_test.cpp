#include "mailq/listing.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "lib/base/text.h"

namespace {

using base::cat;
using listing::Extent;
using listing::Form;
using listing::Report;

// Fri Nov 20 11:56:07 2026 UTC.
constexpr std::int64_t arrival = 1'795'175'767;
const std::string blanks(47, ' ');
const std::string heading =
    "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n";

struct To {
  std::string original, address;
  char status = store::pending;
  std::string reason = {};
};

using Recipients = std::vector<To>;

/// A message that lives as long as the items made of it.
struct Message {
  store::QueueId id = store::QueueId::parse("1J0MFMUDGU0J7GJ").value();
  store::Entry entry;
  store::Why why;
  bool leased = false;

  explicit Message(const Recipients& recipients, std::uint64_t bytes = 412,
                   std::string_view sender = "root@host.example") {
    entry.facts.bytes = bytes;
    entry.facts.lines = 12;
    entry.envelope.arrival = base::Time(std::chrono::seconds(arrival));
    entry.envelope.uid = 1000;
    entry.envelope.senders.push_back({rfc::Path::parse(sender).value(), "", ""});
    for (const auto& [original, address, status, reason] : recipients) {
      if (!reason.empty()) why.set(entry.done.size(), {"4.4.1", reason});
      entry.done.push_back(status);
      entry.envelope.recipients.push_back(
          {store::RecipientKind::remote, 0, "", "", original, address});
    }
  }
  listing::Item item(long offset = 0) const { return {id, entry, why, leased, offset}; }
};

std::string listed(const std::vector<Message>& messages, Form form = Form::postfix) {
  Report report(form);
  std::string text;
  for (const auto& message : messages) report.add(message.item(), text);
  return text + report.end(Extent::complete);
}

std::string listed(const Message& message, Form form = Form::postfix) {
  return listed(std::vector{message}, form);
}

std::string closing(std::string_view kilobytes, int requests) {
  return cat("\n\t\tTotal requests: ", requests, "\n-- ", kilobytes, " Kbytes in ", requests,
             requests == 1 ? " Request.\n" : " Requests.\n");
}

}  // namespace

TEST_CASE("listing: an empty queue says so, but only when all of it was read") {
  CHECK(Report(Form::postfix).end(Extent::complete) == "Mail queue is empty\n");
  CHECK(Report(Form::postfix).end(Extent::incomplete) ==
        "\n\t\tTotal requests: 0\n-- 0 Kbytes in 0 Requests.\n");
  CHECK(Report(Form::json).end(Extent::complete).empty());
}

TEST_CASE("listing: one message is Postfix's form for long IDs to the byte") {
  CHECK(listed(Message(Recipients{{"ops", "ops@example.org"}})) ==
        cat(heading, "1J0MFMUDGU0J7GJ        412 Fri Nov 20 11:56:07 root@host.example\n", blanks,
            "ops@example.org\n", closing("0", 1)));
}

TEST_CASE("listing: marks stand behind the ID, and a wide size moves what follows") {
  Message message({{"a@x.test", "a@x.test"}}, 123'456'789);
  message.leased = true;
  CHECK(listed(message) ==
        cat(heading, "1J0MFMUDGU0J7GJ*  123456789 Fri Nov 20 11:56:07 root@host.example\n", blanks,
            "a@x.test\n", closing("120563", 1)));
  message.entry.held = true;
  message.entry.facts.bytes = 1;
  CHECK(listed(message) == cat(heading,
                               "1J0MFMUDGU0J7GJ!         1 Fri Nov 20 11:56:07 root@host.example\n",
                               blanks, "a@x.test\n", closing("0", 1)));
}

TEST_CASE("listing: times are local, the null sender is MAILER-DAEMON") {
  const Message message({{"a@x.test", "a@x.test"}}, 1, "");
  Report report(Form::postfix);
  std::string text;
  report.add(message.item(3600), text);
  CHECK(text == cat(heading, "1J0MFMUDGU0J7GJ          1 Fri Nov 20 12:56:07 MAILER-DAEMON\n",
                    blanks, "a@x.test\n"));
}

TEST_CASE("listing: an empty line between messages, sizes summed up before they are divided") {
  const Message message({{"a@x.test", "a@x.test"}}, 1000);
  const std::string one = cat("1J0MFMUDGU0J7GJ       1000 Fri Nov 20 11:56:07 root@host.example\n",
                              blanks, "a@x.test\n");
  CHECK(listed({message, message}) == cat(heading, one, "\n", one, closing("1", 2)));
}

TEST_CASE("listing: a reason stands once, right-aligned, above those who share it") {
  const std::string reason = "connect to smtp.example[192.0.2.1]:587: Connection refused";
  const Message message({{"a@x.test", "a@x.test", store::pending, reason},
                         {"b@x.test", "b@x.test", store::pending, reason},
                         {"c@x.test", "c@x.test", store::pending, "other"},
                         {"d@x.test", "d@x.test"},
                         {"e@x.test", "e@x.test"}});
  CHECK(listed(message) ==
        cat(heading, "1J0MFMUDGU0J7GJ        412 Fri Nov 20 11:56:07 root@host.example\n",
            std::string(76 - reason.size(), ' '), "(", reason, ")\n", blanks, "a@x.test\n", blanks,
            "b@x.test\n", std::string(71, ' '), "(other)\n", blanks, "c@x.test\n",
            std::string(58, ' '), "(reason unavailable)\n", blanks, "d@x.test\n", blanks,
            "e@x.test\n", closing("0", 1)));
}

TEST_CASE("listing: the first recipients without a reason get no reason line") {
  const std::string text =
      listed(Message({{"a@x.test", "a@x.test"}, {"b@x.test", "b@x.test", store::pending, "late"}}));
  CHECK(text == cat(heading, "1J0MFMUDGU0J7GJ        412 Fri Nov 20 11:56:07 root@host.example\n",
                    blanks, "a@x.test\n", std::string(72, ' '), "(late)\n", blanks, "b@x.test\n",
                    closing("0", 1)));
}

TEST_CASE("listing: a reason wider than the column is not cut") {
  const std::string reason(100, 'r');
  const std::string text = listed(Message({{"a@x.test", "a@x.test", store::pending, reason}}));
  CHECK(text.find(cat("\n(", reason, ")\n")) != std::string::npos);
}

TEST_CASE("listing: recipients that are done are left out in both forms") {
  const Message message({{"a@x.test", "a@x.test", store::delivered, "x"},
                         {"b@x.test", "b@x.test"},
                         {"c@x.test", "c@x.test", store::bounced},
                         {"d@x.test", "d@x.test", store::handed_over}});
  CHECK(listed(message) == cat(heading,
                               "1J0MFMUDGU0J7GJ        412 Fri Nov 20 11:56:07 root@host.example\n",
                               blanks, "b@x.test\n", closing("0", 1)));
  CHECK(listed(message, Form::json).ends_with("\"recipients\": [{\"address\": \"b@x.test\"}]}\n"));
}

TEST_CASE("listing: what would drive a terminal is shown as '?', a long address whole") {
  const std::string command = cat("|cat ", std::string(2000, 'x'), "\x1b[2J\n\xc2\x9b");
  const std::string text = listed(Message({{"list", command, store::pending, "evil\x07\r"}}));
  CHECK(text.find(cat(blanks, "|cat ", std::string(2000, 'x'), "?[2J??\n")) != std::string::npos);
  CHECK(text.find("(evil?\?)\n") != std::string::npos);
}

TEST_CASE("listing: JSON has postqueue's keys in its order") {
  const Message message({{"ops", "ops@example.org", store::pending, "Connection \"refused\""},
                         {"b@x.test", "b@x.test"}});
  CHECK(listed(message, Form::json) ==
        "{\"queue_name\": \"deferred\", \"queue_id\": \"1J0MFMUDGU0J7GJ\", "
        "\"arrival_time\": 1795175767, \"message_size\": 412, \"forced_expire\": false, "
        "\"sender\": \"root@host.example\", \"recipients\": ["
        "{\"orig_address\": \"ops\", \"address\": \"ops@example.org\", "
        "\"delay_reason\": \"Connection \\\"refused\\\"\"}, {\"address\": \"b@x.test\"}]}\n");
}

TEST_CASE("listing: JSON names the queue in which Postfix would have the message") {
  const auto queue = [](const Message& message) {
    const std::string text = listed(message, Form::json);
    const auto begin = text.find(": \"") + 3;
    return text.substr(begin, text.find('"', begin) - begin);
  };
  Message message({{"a@x.test", "a@x.test"}}, 1, "");
  CHECK(queue(message) == "incoming");
  CHECK(listed(message, Form::json).find("\"sender\": \"MAILER-DAEMON\"") != std::string::npos);
  message.why.attempts = 1;
  CHECK(queue(message) == "deferred");
  message.leased = true;
  CHECK(queue(message) == "active");
  message.entry.held = true;
  CHECK(queue(message) == "hold");
}

TEST_CASE("listing: JSON lines stand one under the other, controls escaped") {
  const Message message(Recipients{{"list", "|cat \x1b\xc2\x9b"}});
  const std::string text = listed({message, message}, Form::json);
  const auto half = text.size() / 2;
  CHECK(text.substr(0, half) == text.substr(half));
  CHECK(text.substr(0, half).find('\n') == half - 1);
  CHECK(text.find("\"|cat \\u001b\\u009b\"") != std::string::npos);
}

TEST_CASE("description: the envelope in words") {
  Message message({{"ops", "ops@example.org", store::pending, "Greylisted"},
                   {"b@x.test", "b@x.test"},
                   {"c@x.test", "c@x.test", store::delivered},
                   {"d@x.test", "d@x.test", store::bounced},
                   {"e@x.test", "e@x.test", store::handed_over}});
  message.why.attempts = 2;
  const listing::Schedule schedule{{arrival + 60, 0}, {arrival + 3600, 3600}, false};
  CHECK(listing::description(message.item(), schedule) ==
        "Queue ID:     1J0MFMUDGU0J7GJ\n"
        "State:        waiting\n"
        "Arrival:      Fri Nov 20 11:56:07 2026\n"
        "Submitted by: uid 1000\n"
        "Size:         412 bytes, 12 lines\n"
        "Attempts:     2, the last on Fri Nov 20 11:57:07 2026\n"
        "Next attempt: Fri Nov 20 13:56:07 2026\n"
        "Sender:       root@host.example\n"
        "Recipient:    ops@example.org (submitted as ops), waiting: Greylisted\n"
        "Recipient:    b@x.test, waiting\n"
        "Recipient:    c@x.test, delivered\n"
        "Recipient:    d@x.test, returned to the sender\n"
        "Recipient:    e@x.test, handed over\n"
        "\n");
}

TEST_CASE("description: a held message has no next attempt, an untried one no last") {
  Message message({{"a@x.test", "a@x.test"}}, 1, "");
  message.entry.facts.lines = 1;
  const std::string head =
      "Queue ID:     1J0MFMUDGU0J7GJ\n"
      "State:        ";
  const std::string middle =
      "\nArrival:      Fri Nov 20 11:56:07 2026\n"
      "Submitted by: uid 1000\n"
      "Size:         1 byte, 1 line\n"
      "Attempts:     none\n";
  const std::string tail =
      "Sender:       MAILER-DAEMON\n"
      "Recipient:    a@x.test, waiting\n"
      "\n";
  const listing::Schedule due{{}, {}, true};
  CHECK(listing::description(message.item(), due) ==
        cat(head, "waiting", middle, "Next attempt: due\n", tail));
  message.leased = true;
  CHECK(listing::description(message.item(), due) == cat(head, "being delivered", middle, tail));
  message.entry.held = true;
  CHECK(listing::description(message.item(), due) == cat(head, "on hold", middle, tail));
}
