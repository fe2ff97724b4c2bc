// mail_select.cpp - whatever is typed as a message list names messages that are there, each once,
// in order; and nothing changes by it.
#include <algorithm>

#include "mail/select.h"
#include "mail/words.h"
#include "tests/fuzz/require.h"
#include "tests/unit/mail/fake_folder.h"

namespace {

using reader::Among;

reader::Session some_session(std::uint8_t state) {
  std::vector<FakeMessage> messages;
  for (std::size_t i = 0; i < 9; ++i) {
    const auto flags = static_cast<reader::Flags>((state >> (i % 5)) & 0x0f);
    messages.push_back({"From: Name <u" + std::to_string(i) + "@x>\nSubject: about " +
                            std::to_string(i * 7) + "\n",
                        "", flags});
  }
  auto session = session_with(std::move(messages));
  for (std::size_t i = 0; i < session.marks.size(); ++i)
    if (((state >> (i % 8)) & 1) != 0) session.marks[i] |= reader::deleted;
  session.dot = state % session.marks.size();
  if ((state & 2) != 0) session.order = {8, 1, 7, 2, 6, 3, 5, 4, 0};
  if ((state & 4) != 0) session.variables.set("searchheaders", "");
  return session;
}

void look(reader::Session& session, std::string_view list, Among among) {
  const auto marks = session.marks;
  const auto dot = session.dot;
  const auto found = reader::select_messages(session, reader::split_words(list), among);
  require(session.marks == marks && session.dot == dot, "a list changes nothing");
  if (!found) {
    require(!found.error().text.empty(), "a refusal has words");
    return;
  }
  const auto& messages = found.value();
  require(!messages.empty(), "a list names something");
  require(std::adjacent_find(messages.begin(), messages.end(), std::greater_equal<>()) ==
              messages.end(),
          "messages ascend, each once");
  for (const auto index : messages) {
    require(index < marks.size(), "messages are there");
    require(among == Among::deleted || (marks[index] & reader::deleted) == 0,
            "deleted messages are out of reach");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  auto session = some_session(data[0]);
  const auto list = text_of(data + 1, size - 1);
  look(session, list, Among::present);
  look(session, list, Among::deleted);
  return 0;
}
