// mbox.cpp - what is appended is read again, and no text makes a message of its own.
#include "lib/store/mbox.h"

#include <string>
#include <vector>

#include "lib/base/text.h"
#include "tests/fuzz/require.h"

namespace {

constexpr std::string_view from = "From a@b Sat Jan  2 08:50:01 2021\n";

std::vector<std::string> texts_of(std::string_view box, std::size_t step) {
  store::MboxScanner scanner;
  for (std::size_t at = 0; at < box.size(); at += step) scanner.append(box.substr(at, step));
  std::vector<std::string> texts;
  std::uint64_t end = 0;
  for (const auto& message : scanner.finish()) {
    require(end <= message.start && message.start < message.text && message.text <= message.end &&
                message.end <= box.size(),
            "messages lie in order and inside");
    end = message.end;
    texts.emplace_back(box.substr(message.text, message.end - message.text));
  }
  return texts;
}

std::string quoted(std::string_view text, std::size_t step) {
  store::Quoter quoter;
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += step) quoter.append(text.substr(at, step), out);
  quoter.finish(out);
  return out;
}

// One message of many bytes, or several between NUL bytes.
void written_is_read(std::string_view text, std::size_t step) {
  std::string box;
  std::vector<std::string> messages;
  for (const auto part : base::split(text, '\0')) {
    messages.emplace_back(part);
    if (!part.empty() && !part.ends_with('\n')) messages.back().push_back('\n');
    box += base::cat(from, quoted(part, step), "\n");
  }
  auto read = texts_of(box, step);
  for (auto& each : read) each = store::mboxrd_unquoted(each);
  require(read == messages, "what was written is read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto text = text_of(data, size);
  const std::size_t step = data[0] % 16 + 1;
  written_is_read(text, step);
  require(texts_of(text, step) == texts_of(text, size), "pieces of any size give the same");
  require(quoted(text, step) == quoted(text, size), "pieces of any size are quoted alike");
  const auto line = store::from_line(text, base::Time(std::chrono::seconds(1'795'175'767)), 0);
  require(line.find('\n') == line.size() - 1 && store::is_from_line(std::string_view(line).substr(
                                                    0, line.size() - 1)) == (line.size() <= 4097),
          "a sender makes one From_ line");
  return 0;
}
