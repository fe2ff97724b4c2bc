#include "lib/store/entry.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "lib/base/text.h"

namespace {
using namespace std::string_literals;
using base::cat;
using store::Envelope;
using store::Facts;
using store::Recipient;
using store::RecipientKind;

/// Numbers that are the same in every run.
class Numbers {
 public:
  explicit Numbers(std::uint32_t seed) : state_(seed) {}
  std::size_t below(std::size_t limit) {
    state_ = state_ * 1'103'515'245 + 12'345;
    return state_ / 65'536 % limit;
  }
  template <typename List>
  auto one_of(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::uint32_t state_;
};

const std::string nasty[] = {
    "a",
    "jane@lan.example",
    "\"a b\"@x.test",
    "\"<>\"@x.test",
    "a>b<c",
    "100%25@x.test",
    "%",
    "\xc3\xa9t\xc3\xa9@\xc3\xbc.test",
    "x\nto s 0 <root> <root>\n",
    "\n\n",
    "tab\there",
    "nul\0byte"s,
    "\x7f\x01\xff",
    "|cat > \"/tmp/a b\"",
    "/var/mail/list of mine",
    std::string(5000, 'z'),
};
const std::string senders[] = {
    "",        "jane",          "owner-list@x.test",    "\"a b>\"@x.test",
    "100%@ok", "\xc3\xa9@x.eu", "MAILER-DAEMON@x.test", "a!b%c@d"};

Envelope generated(Numbers& numbers) {
  Envelope envelope;
  envelope.arrival = base::Time(
      std::chrono::microseconds(numbers.below(30'000) * 60'000'000'000 + numbers.below(30'000)));
  envelope.uid = static_cast<std::uint32_t>(numbers.below(30'000) * numbers.below(30'000));
  for (std::size_t left = 1 + numbers.below(3); left > 0; --left) {
    auto path = rfc::Path::parse(numbers.one_of(senders));
    REQUIRE(path);
    const char* const envids[] = {"", "Q1", "a+3Db"};
    const char* const rets[] = {"", "full", "hdrs"};
    envelope.senders.push_back(
        {std::move(path).value(), numbers.one_of(rets), numbers.one_of(envids)});
  }
  for (std::size_t left = 1 + numbers.below(5); left > 0; --left) {
    const char* const notifies[] = {"", "never", "success,failure"};
    const char* const orcpts[] = {"", "rfc822;a+2Bb@x.test", "utf-8;x"};
    envelope.recipients.push_back({static_cast<RecipientKind>(numbers.one_of("ualms|/h"s)),
                                   static_cast<unsigned>(numbers.below(envelope.senders.size())),
                                   numbers.one_of(notifies), numbers.one_of(orcpts),
                                   numbers.one_of(nasty), numbers.one_of(nasty),
                                   numbers.below(2) == 0 ? "" : numbers.one_of(nasty)});
  }
  return envelope;
}

std::string head_of(const Envelope& envelope, const Facts& facts = {}, std::size_t pad = 6) {
  auto head = store::entry_head(envelope, facts);
  REQUIRE(head);
  return head.value() + store::entry_pad(pad);
}

void check_same(const Envelope& a, const Envelope& b) {
  CHECK(a.arrival == b.arrival);
  CHECK(a.uid == b.uid);
  REQUIRE(a.senders.size() == b.senders.size());
  for (std::size_t i = 0; i < a.senders.size(); ++i) {
    CHECK(a.senders[i].path.text() == b.senders[i].path.text());
    CHECK(a.senders[i].ret == b.senders[i].ret);
    CHECK(a.senders[i].envid == b.senders[i].envid);
  }
  REQUIRE(a.recipients.size() == b.recipients.size());
  for (std::size_t i = 0; i < a.recipients.size(); ++i) {
    const Recipient &x = a.recipients[i], &y = b.recipients[i];
    CHECK(x.kind == y.kind);
    CHECK(x.sender == y.sender);
    CHECK(x.notify == y.notify);
    CHECK(x.orcpt == y.orcpt);
    CHECK(x.original == y.original);
    CHECK(x.address == y.address);
    CHECK(x.user == y.user);
  }
}

Envelope small() {
  Envelope envelope;
  envelope.arrival = base::Time(std::chrono::microseconds(1'795'175'767'123'456));
  envelope.uid = 1000;
  envelope.senders.push_back({rfc::Path::parse("jane@lan.example").value(), "hdrs", "Q1"});
  envelope.senders.push_back({rfc::Path(), "", ""});
  envelope.recipients.push_back({RecipientKind::unqualified, 0, "", "", "root", "root"});
  envelope.recipients.push_back(
      {RecipientKind::remote, 1, "never", "rfc822;j@x.test", "Jane@x.test", "jane>@x.test"});
  return envelope;
}

// CRC-64/XZ bit by bit, from its parameters: not the code under test.
std::string checksum(std::string_view text) {
  std::uint64_t value = ~std::uint64_t{0};
  for (const char c : text) {
    value ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit)
      value = (value >> 1) ^ ((value & 1) != 0 ? 0xC96C5795D7870F42u : 0);
  }
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(~value));
  return digits;
}

/// The head with the checksum that fits its lines.
std::string sealed(std::string_view head) {
  std::string checked, out;
  for (auto line : base::split(head.substr(0, head.size() - 2), '\n')) {
    if (line.starts_with("check ")) out += cat("check ", checksum(checked), "\n");
    else out += cat(line, "\n");
    const auto word = line.substr(0, line.find(' '));
    if (word == "postbag" || word == "time" || word == "uid" || word == "from" || word == "to")
      checked += cat(line, "\n");
  }
  return out + "\n";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string refusal(std::string_view head) {
  const auto entry = store::parse_entry(head);
  if (entry) return "";
  CHECK(entry.error().kind == base::Kind::data);
  return entry.error().text;
}
}  // namespace

TEST_CASE("entry: the text is exactly the documented one") {
  Facts facts;
  facts.bytes = 12;
  facts.lines = 2;
  facts.dot_lines = 1;
  facts.longest = 998;
  facts.eight_bit_body = facts.bare_cr = true;
  const std::string checked =
      "postbag 1\ntime 1795175767.123456\nuid 1000\n"
      "from 0 <jane@lan.example> ret=hdrs envid=Q1\nfrom 1 <>\n"
      "to u 0 <root> <root>\n"
      "to s 1 notify=never orcpt=rfc822;j@x.test <Jane@x.test> <jane%3E@x.test>\n";
  const std::string expected =
      cat("postbag 1\nstate --\n"
          "facts bytes=0000000000000012 lines=0000000000000002 dots=0000000000000001 "
          "longest=0000000000000998 header8=0 body8=1 nul=0 cr=1\n",
          checked.substr(10, checked.find("to u") - 10), "done 2 ..\n",
          checked.substr(checked.find("to u")), "check ", checksum(checked), "\npad \n\n");
  CHECK(head_of(small(), facts) == expected);
  CHECK(expected.substr(store::state_offset, 3) == "--\n");
  CHECK(expected.substr(store::facts_offset, 6) == "facts ");
  CHECK(checksum("123456789") == "995dc9bbdf1939fa");  // CRC-64/XZ's own check value
}

TEST_CASE("entry: what is written is read again, whatever the addresses") {
  Numbers numbers(1);
  for (int round = 0; round < 500; ++round) {
    CAPTURE(round);
    const auto envelope = generated(numbers);
    Facts facts;
    facts.bytes = numbers.below(30'000);
    facts.lines = numbers.below(30'000);
    facts.dot_lines = numbers.below(30'000);
    facts.longest = numbers.below(30'000);
    facts.eight_bit_header = numbers.below(2) != 0;
    facts.eight_bit_body = numbers.below(2) != 0;
    facts.nul = numbers.below(2) != 0;
    facts.bare_cr = numbers.below(2) != 0;
    const auto pad = 6 + numbers.below(200);
    const auto text = head_of(envelope, facts, pad);
    auto entry = store::parse_entry(text + "to s 0 <x> <y>\n\nbody");
    REQUIRE_MESSAGE(entry, entry.error().text);
    check_same(entry.value().envelope, envelope);
    CHECK(entry.value().facts == facts);
    CHECK(entry.value().message_offset == text.size());
    CHECK(entry.value().done == std::string(envelope.recipients.size(), '.'));
    CHECK(text.substr(entry.value().done_offset, envelope.recipients.size()) == entry.value().done);
    CHECK(!entry.value().held);
    CHECK(!entry.value().delay_notified);
  }
}

TEST_CASE("entry: facts are equally long, whatever they say") {
  Facts large;
  large.bytes = large.lines = large.dot_lines = large.longest = 9'999'999'999'999'999u;
  large.nul = large.bare_cr = large.eight_bit_body = large.eight_bit_header = true;
  CHECK(store::facts_line(large).size() == store::facts_line({}).size());
  CHECK(store::parse_entry(head_of(small(), large)).value().facts == large);
}

TEST_CASE("entry: every flipped bit of a checked line is refused") {
  const std::string head = head_of(small());
  const auto entry = store::parse_entry(head);
  REQUIRE(entry);
  const auto facts_end = store::facts_offset + store::facts_line({}).size();
  const auto done = entry.value().done_offset;
  const auto pad = head.find("\npad ");
  std::size_t tried = 0;
  for (std::size_t at = 0; at < pad; ++at) {
    const bool state = at == store::state_offset || at == store::state_offset + 1;
    const bool facts = at >= store::facts_offset && at < facts_end;
    const bool status = at >= done && at < done + 2;
    if (state || facts || status) continue;
    for (int bit = 0; bit < 8; ++bit, ++tried) {
      std::string damaged = head;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      CAPTURE(at);
      CAPTURE(bit);
      CHECK(!store::parse_entry(damaged));
    }
  }
  CHECK(tried > 1500);
}

TEST_CASE("entry: a flipped bit of facts, state or status changes no more than that") {
  const std::string head = head_of(small());
  const auto facts_end = store::facts_offset + store::facts_line({}).size();
  for (std::size_t at = store::state_offset; at < facts_end; ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = head;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const auto entry = store::parse_entry(damaged);
      if (entry) check_same(entry.value().envelope, small());
    }
}

TEST_CASE("entry: every truncation is refused") {
  const std::string head = head_of(small(), {}, 40);
  for (std::size_t length = 0; length < head.size(); ++length) {
    CAPTURE(length);
    CHECK(!store::parse_entry(std::string_view(head).substr(0, length)));
    CHECK(!store::head_complete(std::string_view(head).substr(0, length)));
  }
  CHECK(store::head_complete(head));
}

TEST_CASE("entry: a missing, doubled or exchanged line is refused") {
  const std::string head = head_of(small());
  const auto lines = base::split(std::string_view(head).substr(0, head.size() - 2), '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string without, doubled, exchanged;
    for (std::size_t k = 0; k < lines.size(); ++k) {
      if (k != i) without += cat(lines[k], "\n");
      doubled += cat(lines[k], "\n", k == i ? cat(lines[k], "\n") : "");
      const auto other = k == i && i > 0 ? i - 1 : k + 1 == i ? i : k;
      exchanged += cat(lines[other], "\n");
    }
    CAPTURE(lines[i]);
    CHECK(!store::parse_entry(without + "\n"));
    CHECK(!store::parse_entry(doubled + "\n"));
    if (i > 0) CHECK(!store::parse_entry(exchanged + "\n"));
  }
}

TEST_CASE("entry: state and status bytes may change, to known values only") {
  const std::string head = head_of(small());
  const auto done = store::parse_entry(head).value().done_offset;
  for (const std::string_view state : {"--", "h-", "-w", "hw"}) {
    auto entry = store::parse_entry(replaced(head, "state --", cat("state ", state)));
    REQUIRE(entry);
    CHECK(entry.value().held == (state[0] == 'h'));
    CHECK(entry.value().delay_notified == (state[1] == 'w'));
  }
  for (int byte = 0; byte < 256; ++byte) {
    std::string changed = head;
    changed[done + 1] = static_cast<char>(byte);
    CAPTURE(byte);
    const bool known = byte == '.' || byte == 'D' || byte == 'B' || byte == 'X';
    auto entry = store::parse_entry(changed);
    CHECK(static_cast<bool>(entry) == known);
    if (entry) CHECK(entry.value().done == cat(".", std::string(1, static_cast<char>(byte))));
    changed = head;
    changed[store::state_offset] = static_cast<char>(byte);
    CHECK(static_cast<bool>(store::parse_entry(changed)) == (byte == '-' || byte == 'h'));
  }
}

TEST_CASE("entry: nothing but the one spelling is accepted, even with a checksum that fits") {
  const std::string head = head_of(small());
  REQUIRE(sealed(head) == head);
  const struct {
    std::string_view from, to, line;
  } table[] = {
      {"postbag 1\n", "postbag 2\n", "line 1"},
      {"time 1795175767.123456", "time 01795175767.123456", "line 4"},
      {"time 1795175767.123456", "time 1795175767.-23456", "line 4"},
      {"time 1795175767.123456", "time -795175767.123456", "line 4"},
      {"time 1795175767.123456", "time 1795175767.12345", "line 4"},
      {"time 1795175767.123456", "time 99999999999999.123456", "line 4"},
      {"uid 1000", "uid 01000", "line 5"},
      {"uid 1000", "uid -1", "line 5"},
      {"uid 1000", "uid 4294967296", "line 5"},
      {"uid 1000", "uid 1000 ", "line 5"},
      {"from 1 <>", "from 1 <> ", "line 7"},
      {"from 1 <>", "from 1 <> ret=", "line 7"},
      {"from 1 <>", "from 2 <>", "line 7"},
      {"from 1 <>", "from 1 <%3Ca@x.test%3E>", "line 7"},
      {"from 1 <>", "from 1 <%20a@x.test>", "line 7"},
      {"from 1 <>", "from 1 <@y.test:a@x.test>", "line 7"},
      {"from 1 <>", "from 1 <%41@x.test>", "line 7"},
      {"from 1 <>", "from 1 <a%0a@x.test>", "line 7"},
      {"from 1 <>", "from 1 <> envid=a ret=full", "line 7"},
      {"from 1 <>", "from 1 <>ret=full", "line 7"},
      {"done 2 ..", "done 02 ..", "line 8"},
      {"done 2 ..", "done 3 ..", "line 8"},
      {"done 2 ..", "done 1 .", "line 10"},
      {"done 2 ..", "done 0 ", "line 8"},
      {"to u 0 ", "to u 00 ", "line 9"},
      {"to u 0 ", "to u 2 ", "line 9"},
      {"to u 0 ", "to x 0 ", "line 9"},
      {"to u 0 ", "to  0 ", "line 9"},
      {"to u 0 <", "to u 0 notify= <", "line 9"},
      {"to u 0 <", "to u 0  <", "line 9"},
      {"<root> <root>", "<root> <>", "line 9"},
      {"<root> <root>", "<root>  <root>", "line 9"},
      {"<root> <root>", "<root> <root> ", "line 9"},
      {"<root> <root>", "<root> <%72oot>", "line 9"},
      {"notify=never", "orcpt=x notify=never", "line 10"},
      {"notify=never", "notify=a<b", "line 10"},
      {"notify=never", "notify=a\tb", "line 10"},
      {"pad ", "pad  x", "line 12"},
      {"pad ", "pad", "line 12"},
  };
  for (const auto& row : table) {
    CAPTURE(row.from);
    CAPTURE(row.to);
    CHECK(refusal(sealed(replaced(head, row.from, row.to))).substr(0, row.line.size() + 1) ==
          cat(row.line, ":"));
  }
}

TEST_CASE("entry: what cannot be written is refused") {
  const auto refused = [](auto&& change) {
    auto envelope = small();
    change(envelope);
    const auto head = store::entry_head(envelope, {});
    CHECK(!head);
    if (!head) CHECK(head.error().kind == base::Kind::data);
  };
  refused([](Envelope& e) { e.recipients.clear(); });
  refused([](Envelope& e) { e.senders.clear(); });
  refused([](Envelope& e) { e.recipients[0].sender = 2; });
  refused([](Envelope& e) { e.recipients[0].notify = "a b"; });
  refused([](Envelope& e) { e.recipients[0].orcpt = "a\nb"; });
  refused([](Envelope& e) { e.senders[0].envid = "a<b"; });
  refused([](Envelope& e) { e.senders[0].ret = "x\0y"s; });
  refused([](Envelope& e) { e.arrival = base::Time(std::chrono::microseconds(-1)); });
  refused([](Envelope& e) { e.recipients[0].address.clear(); });
}

TEST_CASE("facts: the same in pieces of any size") {
  const struct {
    std::string text;
    Facts facts;
  } table[] = {
      {"", {}},
      {"\n", {1, 1, 0, 0}},
      {"a", {1, 1, 0, 1}},
      {"S: x\n\n.\n..a\nb.\n", {15, 5, 2, 4}},
      {"S: \xc3\xa9\n\nx\n", {9, 3, 0, 5, true, false}},
      {"S: x\n\n\xc3\xa9\n", {9, 3, 0, 4, false, true}},
      {"\n\xff", {2, 2, 0, 1, false, true}},
      {"a\rb\n\0\n"s, {6, 2, 0, 3, false, false, true, true}},
  };
  for (const auto& row : table)
    for (std::size_t size = 1; size <= row.text.size() + 1; ++size) {
      store::FactCounter counter;
      for (std::size_t at = 0; at < row.text.size(); at += size)
        counter.append(std::string_view(row.text).substr(at, size));
      CAPTURE(row.text);
      CAPTURE(size);
      CHECK(counter.facts() == row.facts);
    }
}

TEST_CASE("facts: header lines put in above later count as header, wherever the text has got to") {
  for (const std::string_view begun : {"S: x\n\nbo", "S: x\n\n", "S: x\n"}) {
    store::FactCounter counter, straight;
    counter.append(begun);
    counter.append_header("X: \xc3\xa9\n");
    counter.append("dy\n.\n");
    straight.append(cat("X: \xc3\xa9\n", begun, "dy\n.\n"));
    CHECK(counter.facts() == straight.facts());
    CHECK(counter.facts().eight_bit_header);
    CHECK(!counter.facts().eight_bit_body);
  }
}
