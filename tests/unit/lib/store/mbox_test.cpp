#include "lib/store/mbox.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "lib/base/text.h"

using base::cat;
using store::MboxMessage;

namespace {

std::vector<std::string> texts_of(const std::string& box, std::size_t step = 7) {
  store::MboxScanner scanner;
  for (std::size_t at = 0; at < box.size(); at += step)
    scanner.append(std::string_view(box).substr(at, step));
  std::vector<std::string> texts;
  for (const auto& message : scanner.finish())
    texts.push_back(box.substr(message.text, message.end - message.text));
  return texts;
}

std::string quoted(std::string_view text, std::size_t step) {
  store::Quoter quoter;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += step) quoter.append(text.substr(at, step), out);
  quoter.finish(out);
  return out;
}

// Text that is made of what could go wrong.
std::string awkward(std::mt19937& random) {
  constexpr std::string_view words[] = {
      "From ", ">",  "\n",   "\n\n",
      "a",     "\r", "F",    "From a@b Sat Jan  2 08:50:01 2021\n",
      "Fro",   " ",  "\xfc", std::string_view("\0", 1)};
  std::string text = "Subject: x\n\n";
  for (auto left = random() % 30; left > 0; --left) text += words[random() % std::size(words)];
  if (!text.ends_with('\n')) text.push_back('\n');
  return text;
}

}  // namespace

TEST_CASE("mbox: what ends like a date of asctime begins a message, prose does not") {
  for (const char* line :
       {"From a@b Sat Jan  2 08:50:01 2021", "From a@b Sat Jan 02 08:50:01 2021",
        "From a@b Sat Jan  2 08:50 2021", "From a@b Sat Jan  2 08:50:01 UTC 2021",
        "From a@b Sat Jan  2 08:50:01 2021 +0100", "From a@b Sat Jan  2 08:50:01 +0100 2021",
        "From - Sat Jan  2 08:50:01 2021", "From  Sat Jan  2 08:50:01 2021",
        "From two words Sat Jan  2 08:50:01 2021", "From a@b  Sat jan  2 08:50:01 2021\r"})
    CHECK_MESSAGE(store::is_from_line(line), line);
  for (const char* line :
       {"From a@b", "From ", "from a@b Sat Jan  2 08:50:01 2021", "From the beginning we knew",
        "From 10:30 until 2021 nobody came", "From a@b 2021-01-02T08:50:01", "From 2021",
        ">From a@b Sat Jan  2 08:50:01 2021", "From a@b Sat Xan  2 08:50:01 2021",
        "From a@b Sat Jan  2 08:50:01 20211", "From a@b Sat Jan 222 08:50:01 2021"})
    CHECK_MESSAGE(!store::is_from_line(line), line);
}

TEST_CASE("mbox: a From_ line holds one word, whoever sends") {
  const base::Time time(std::chrono::seconds(1'795'175'767));
  CHECK(store::from_line("tom@example.org", time, 3600) ==
        "From tom@example.org Fri Nov 20 12:56:07 2026\n");
  CHECK(store::from_line("", time, 0) == "From MAILER-DAEMON Fri Nov 20 11:56:07 2026\n");
  for (const char* sender : {"\"a b\"@c", "a\nFrom x", "a\rb", "\x7f", "a\tb", "-"}) {
    const auto line = store::from_line(sender, time, 0);
    CHECK(line.find('\n') == line.size() - 1);
    CHECK(std::count(line.begin(), line.end(), ' ') == 6);
    CHECK(store::is_from_line(line.substr(0, line.size() - 1)));
  }
}

TEST_CASE("mbox: messages begin at the start or behind an empty line") {
  const std::string from = "From a@b Sat Jan  2 08:50:01 2021\n";
  CHECK(texts_of(from + "A: 1\n\nx\n\n" + from + "B: 2\n\ny\n") ==
        std::vector<std::string>{"A: 1\n\nx\n", "B: 2\n\ny\n"});
  CHECK(texts_of(from + "A: 1\n\nx\n" + from + "y\n\n").size() == 1);
  CHECK(texts_of(from + "A: 1\r\n\r\nx\r\n\r\n" + from + "y\r\n").size() == 2);
  CHECK(texts_of("junk\n\n" + from + "x").size() == 1);
  CHECK(texts_of("").empty());
  CHECK(texts_of(from) == std::vector<std::string>{""});
  CHECK(texts_of(from.substr(0, from.size() - 1)) == std::vector<std::string>{""});
  CHECK(texts_of(from + "\n" + from + "\n\n") == std::vector<std::string>{"", "\n"});
  // A length that lies is not believed.
  CHECK(texts_of(from + "Content-Length: 5\n\nlonger than that\n\n" + from + "\n").size() == 2);
  store::MboxScanner scanner;
  scanner.append(from + "A: 1\n\nFrom the beginning\n\n");
  CHECK(scanner.finish().size() == 1);
  CHECK(scanner.doubtful() == 1);
}

TEST_CASE("mbox: a line of any length is one line") {
  const std::string from = "From a@b Sat Jan  2 08:50:01 2021\n", line(100'000, 'x');
  for (const std::size_t step : {1u, 4095u, 4096u, 4097u, 1u << 20}) {
    CAPTURE(step);
    CHECK(texts_of(from + "A: 1\n\n" + line + "\n\n" + from + line, step) ==
          std::vector<std::string>{"A: 1\n\n" + line + "\n", line});
    CHECK(texts_of(from + "\nFrom " + line + " Sat Jan  2 08:50:01 2021\n", step).size() == 1);
  }
}

TEST_CASE("mbox: each line of From gets one arrow more, and loses it again") {
  CHECK(quoted("From a\n>From b\n>>From c\n>x\nFrom\n> From \n", 3) ==
        ">From a\n>>From b\n>>>From c\n>x\nFrom\n> From \n");
  CHECK(quoted("x", 1) == "x\n");
  CHECK(quoted(">>Fro", 2) == ">>Fro\n");
  CHECK(quoted("", 1).empty());
  CHECK(store::mboxrd_unquoted(">From a\n>>From b\nFrom c\n>x\n") ==
        "From a\n>From b\nFrom c\n>x\n");
}

TEST_CASE("mbox: any sequence of messages is read as it was written") {
  std::mt19937 random(20261128);  // NOLINT(cert-msc51-cpp): the same ones each time
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> messages;
    std::string box;
    for (auto count = random() % 5 + 1; count > 0; --count) {
      messages.push_back(awkward(random));
      box += cat("From a@b Sat Jan  2 08:50:01 2021\n", quoted(messages.back(), random() % 9 + 1),
                 "\n");
    }
    auto read = texts_of(box, random() % 50 + 1);
    for (auto& text : read) text = store::mboxrd_unquoted(text);
    REQUIRE(read == messages);
  }
}
