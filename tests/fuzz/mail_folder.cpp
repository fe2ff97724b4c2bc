// mail_folder.cpp - the reader of mailboxes finds the messages that lib/store finds, however the
// bytes come; and what it writes holds the messages that were kept, to the byte but for their
// status fields.
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#include "lib/store/mbox.h"
#include "mail/mbox_scan.h"
#include "mail/mbox_status.h"
#include "tests/fuzz/require.h"

namespace {

reader::MboxIndex index_of(std::string_view box, std::size_t step) {
  reader::MboxIndexer indexer;
  while (!box.empty()) {
    const auto room = indexer.room();
    const auto size = std::min({room.size(), step, box.size()});
    ::memcpy(room.data(), box.data(), size);
    indexer.filled(size);
    box.remove_prefix(size);
  }
  return indexer.finish();
}

std::vector<std::string_view> messages_of(std::string_view box, const reader::MboxIndex& index) {
  std::vector<std::string_view> messages;
  for (std::size_t i = 0; i < index.size(); ++i) {
    const auto end = i + 1 < index.size() ? index.starts[i + 1] : box.size();
    messages.push_back(box.substr(index.starts[i], end - index.starts[i]));
  }
  return messages;
}

// A message without its status fields and without the line ends that writing them may add.
std::string essence(std::string_view message) {
  const auto head = reader::find_head(message, true);
  std::string text(message.substr(0, head.begin));
  bool status = false;
  for (auto at = head.begin; at < head.end;) {
    const auto end = std::min(message.find('\n', at), message.size() - 1) + 1;
    const auto line = message.substr(at, end - at);
    at = end;
    if (line[0] == ' ' || line[0] == '\t') {
      if (!status) text += line;
      continue;
    }
    auto name = std::string(line.substr(0, std::min(line.find(':'), line.size())));
    name.erase(name.find_last_not_of(" \t") + 1);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    status = line.find(':') != std::string_view::npos && (name == "status" || name == "x-status");
    if (!status) text += line;
  }
  auto rest = message.substr(head.end);
  if (!text.ends_with('\n'))
    text += message.substr(0, head.begin).ends_with("\r\n") ? "\r\n" : "\n";
  return text + "|" + std::string(rest);
}

bool same_essence(std::string_view before, std::string_view after) {
  const auto a = essence(before), b = essence(after);
  if (a == b) return true;
  // A header that nothing ended has an empty line now.
  for (const std::string_view added : {"\n", "\r\n"})
    for (std::size_t at = b.find("|" + std::string(added)); at != std::string::npos;
         at = b.find("|" + std::string(added), at + 1)) {
      auto without = b;
      without.erase(at + 1, added.size());
      if (without == a) return true;
    }
  return false;
}

// Applies one choice to all messages and looks at what comes of it.
void rewritten_is_read(std::string_view box, std::uint8_t choice, std::size_t step) {
  const auto index = index_of(box, step);
  const auto messages = messages_of(box, index);
  std::string now(box.substr(0, index.size() == 0 ? box.size() : index.starts[0]));
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if ((choice >> (i % 8) & 1) != 0) continue;
    const auto flags = static_cast<reader::Flags>((choice * 31 + i * 7) & 63);
    const auto text = reader::with_flags(messages[i], flags);
    require(same_essence(messages[i], text), "only status fields change");
    require(text == messages[i] || reader::flags_of(text) == flags, "the flags are there");
    require(reader::with_flags(text, reader::flags_of(text)) == text,
            "the same flags change nothing");
    kept.push_back(text);
    now += text;
  }
  const auto again = index_of(now, now.size() + 1);
  const auto read = messages_of(now, again);
  require(std::equal(read.begin(), read.end(), kept.begin(), kept.end()), "what was kept is read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto text = text_of(data + 2, size - 2);
  const std::size_t step = data[0] % 16 + 1;
  store::MboxScanner scanner;
  scanner.append(text);
  const auto known = scanner.finish();
  const auto index = index_of(text, step), whole = index_of(text, text.size() + 1);
  require(
      index.starts == whole.starts && index.flags == whole.flags && index.prints == whole.prints,
      "pieces of any size give the same");
  require(index.size() == known.size(), "as many messages as lib/store finds");
  const auto messages = messages_of(text, index);
  for (std::size_t i = 0; i < known.size(); ++i) {
    require(index.starts[i] == known[i].start, "messages begin where lib/store says");
    require(index.flags[i] == reader::flags_of(messages[i]), "flags are read alike");
  }
  rewritten_is_read(text, data[1], step);
  return 0;
}
