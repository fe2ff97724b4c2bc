// smtp_session.cpp - an SMTP transaction with a server that says anything. The first byte of the
// input chooses the message, the second how many bytes come at once; the rest is what the server
// says, in which a byte 0xff ends what is there to be received.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "spool/transaction.h"
#include "tests/fuzz/require.h"

namespace {
using base::Result;

constexpr char pause_mark = '\xff';

/// The server's side: answers come from the fuzzer, what is sent is kept.
class ScriptedStream : public spool::Stream {
 public:
  ScriptedStream(std::string_view replies, std::size_t at_once)
      : replies_(replies), at_once_(at_once) {}

  Result<> send(std::string_view text, spool::Deadline) override {
    require(!text.empty(), "something is sent");
    if (closed_) return base::Error{base::Kind::io, "lost connection"};
    sent_.append(text);
    return {};
  }
  Result<std::size_t> receive(std::span<char> buffer, spool::Deadline deadline) override {
    // Whether something came unasked is for the unit tests: here nothing ever did.
    if (deadline <= std::chrono::steady_clock::now())
      return base::Error{base::Kind::retry, "timed out"};
    if (replies_.empty()) {
      closed_ = true;
      return std::size_t{0};
    }
    if (replies_[0] == pause_mark) {
      replies_.remove_prefix(1);
      closed_ = true;
      return base::Error{base::Kind::retry, "timed out"};
    }
    const auto there = std::min(replies_.find(pause_mark), replies_.size());
    const auto count = std::min({there, at_once_, buffer.size()});
    std::copy_n(replies_.begin(), count, buffer.begin());
    received_.append(replies_.substr(0, count));
    replies_.remove_prefix(count);
    return count;
  }
  void await_last_reply(bool) override {}

  const std::string& sent() const { return sent_; }
  /// The lines that came in.
  const std::string& received() const { return received_; }

 private:
  std::string_view replies_;
  std::size_t at_once_;
  bool closed_ = false;
  std::string sent_, received_;
};

struct Text {
  std::string_view text;
  int descriptor;
  store::Facts facts;
};

const std::vector<Text>& messages() {
  static const std::vector<Text> texts = [] {
    std::vector<Text> made;
    for (const std::string_view text : {std::string_view("Subject: x\n\nbody\n"),
                                        std::string_view("\n.\n..\nMAIL FROM:<e@x>\n.\n"),
                                        std::string_view("X: \xc3\xa9\n\n\xc3\xa9\r.\r\n.\n"),
                                        std::string_view("A: b\n\n\0\n", 8)}) {
      const int descriptor = ::memfd_create("message", MFD_CLOEXEC);
      require(::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()),
              "the message can be written");
      store::FactCounter counter;
      counter.append(text);
      made.push_back({text, descriptor, counter.facts()});
    }
    return made;
  }();
  return texts;
}

spool::Job job_of(unsigned char choice) {
  const auto& text = messages()[choice % messages().size()];
  spool::Job job;
  job.id = "1";
  job.sender = rfc::Path::parse(choice & 4 ? "" : "a@x.test").value();
  for (int i = 0; i < (choice >> 3) % 4 + 1; ++i)
    job.recipients.push_back(
        rfc::Path::parse(base::cat("r", i, choice & 32 ? "\xc3\xa9" : "", "@x.test")).value());
  if (choice & 64)
    for (int i = 0; i < 60; ++i) job.recipients.push_back(job.recipients[0]);
  job.facts = text.facts;
  job.descriptor = text.descriptor;
  return job;
}

// Whole lines only, no CR or LF but as CRLF; a dot alone at most once a transaction, as the last
// thing before the reply that decides.
void check_sent(const std::string& sent) {
  require(sent.empty() || sent.ends_with("\r\n"), "lines are sent whole");
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (sent[i] == '\n') require(i > 0 && sent[i - 1] == '\r', "no bare LF is sent");
    if (sent[i] == '\r') require(i + 1 < sent.size() && sent[i + 1] == '\n', "no bare CR is sent");
  }
}

void check_outcomes(const spool::Job& job, const spool::Verdict& verdict) {
  using Kind = rfc::Outcome::Kind;
  require(verdict.outcomes.size() == job.recipients.size(), "every recipient has one outcome");
  for (const auto& outcome : verdict.outcomes) {
    require(std::none_of(outcome.text.begin(), outcome.text.end(), base::control),
            "an outcome's text holds no control character");
    require(base::valid_utf8(outcome.text), "an outcome's text is UTF-8");
    const int expected = outcome.kind == Kind::delivered ? 2 : outcome.kind == Kind::failed ? 5 : 4;
    require(outcome.status.category == expected, "the status says what the outcome is");
    if (verdict.in_doubt) require(outcome.kind != Kind::delivered, "doubt is no delivery");
  }
}

bool delivered(const spool::Verdict& verdict) {
  return std::any_of(verdict.outcomes.begin(), verdict.outcomes.end(), [](const auto& outcome) {
    return outcome.kind == rfc::Outcome::Kind::delivered;
  });
}

/// How many replies of a class (their first digit) came in; continuation lines do not count.
std::size_t replies(std::string_view received, char digit) {
  std::size_t count = 0;
  while (!received.empty()) {
    const auto line = base::take(received, '\n');
    if (line.starts_with(digit) && (line.size() < 4 || line[3] != '-')) ++count;
  }
  return count;
}

void check_delivery(const spool::Verdict& verdict, std::string_view sent,
                    std::string_view received) {
  if (!delivered(verdict)) return;
  require(sent.find("\r\n.\r\n") != std::string_view::npos, "nothing is delivered without a dot");
  require(replies(received, '3') >= 1, "nothing is delivered that the server did not ask for");
  // To MAIL, to one RCPT at least, and to the final dot.
  require(replies(received, '2') >= 3, "nothing is delivered without a positive final reply");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto job = job_of(data[0]);
  ScriptedStream stream(text_of(data + 2, size - 2), data[1] % 64U + 1);
  int finishing = 0;
  const std::chrono::seconds limit(1);
  // Two messages on one session: what the first leaves behind must not decide the second, whose
  // commands ride with its final dot.
  const auto second = job;
  const spool::Job* next = &second;
  const auto finish = [&finishing]() -> base::Result<> {
    ++finishing;
    return {};
  };
  spool::Session session(stream, "host", {limit, limit, limit},
                         {[] { return base::Result<>(); }, finish, [&next] { return next; }});
  (void)session.greet("client.test");
  for (int message = 0; message < 2; ++message) {
    const auto sent_before = stream.sent().size();
    const auto received_before = stream.received().size();
    finishing = 0;
    const auto verdict = session.transact(message == 0 ? job : second);
    next = nullptr;
    check_outcomes(job, verdict);
    require(verdict.left_over.empty() || finishing == 1,
            "none is left over but by a whole message");
    for (const auto i : verdict.left_over)
      require(verdict.outcomes.at(i).kind == rfc::Outcome::Kind::delayed,
              "what is left over waits");
    const auto sent = std::string_view(stream.sent()).substr(sent_before);
    require(finishing <= 1, "a message is finished once");
    require(finishing == 1 || !verdict.in_doubt, "there is no doubt before the final dot");
    if (message == 0) check_delivery(verdict, sent, std::string_view(stream.received()));
    else if (delivered(verdict))
      require(stream.received().size() > received_before || finishing == 1,
              "nothing is delivered unasked");
    if (!verdict.session_usable) break;
  }
  session.quit();
  check_sent(stream.sent());
  return 0;
}
