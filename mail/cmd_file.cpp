// Messages are put into other files.
#include <algorithm>
#include <array>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/rfc/address.h"
#include "mail/append.h"
#include "mail/command.h"
#include "mail/fields.h"
#include "mail/leave.h"
#include "mail/select.h"
#include "mail/walk.h"
#include "mail/words.h"

namespace reader {

using base::cat;
using base::Result;

namespace {

constexpr std::string_view good_marks = "._+-";

enum class After { saved, copied };

struct Target {
  std::vector<std::size_t> messages;
  std::string path;
};

// `save 1 2 file`; with one word that is the file, with none it is mbox (POSIX mailx, "save").
Result<Target> messages_and_file(Session& session, std::string_view text) {
  const auto last = split_last_word(text);
  TRY_LET(messages, select_messages(session, split_words(last.before), Among::present));
  TRY_LET(path, expand_name(session, last.word.empty() ? "&" : last.word));
  return Target{std::move(messages), std::move(path)};
}

// Copies of messages, one by one; `taken` gets those that there are. One that another program
// removed is passed over, unless it is the only one.
store::StoredMessages copies(const Session& session, const std::vector<std::size_t>& messages,
                             std::vector<std::size_t>& taken) {
  return [&session, &messages, &taken, next = std::size_t{0}]() mutable -> Result<std::string> {
    while (next < messages.size()) {
      const auto index = messages[next++];
      auto copy = stored_copy(session, index);
      const bool gone = !copy && copy.error().kind == base::Kind::no_input;
      const bool others = next < messages.size() || !taken.empty();
      if (gone && others) continue;
      if (copy) taken.push_back(index);
      return copy;
    }
    return std::string();
  };
}

// bsd-mailx's sentence. Copies are in the state in which the messages are before they are saved.
Result<Next> put(Session& session, const Target& target, After after) {
  std::vector<std::size_t> taken;
  TRY_LET(appended, append_each(session, target.path, copies(session, target.messages, taken)));
  const char* what = appended == Appended::to_new ? "[New file]" : "[Appended]";
  base::print(cat("\"", base::printable(target.path), "\" ", what, "\n"));
  for (const auto index : taken) {
    if (after == After::copied) continue;
    touch(session, index);
    session.marks[index] |= Mark::saved;
  }
  session.dot = target.messages.back();
  return Next::go_on;
}

// The login of whoever wrote a message, as the name of a file: nobody's name is a path or hidden.
Result<std::string> author_file(const Session& session, std::size_t index) {
  TRY_LET(header, session.folder->header(index));
  std::string address;
  if (const auto body = field_body(header, "From"))
    if (const auto mailbox = rfc::AddressList(*body).next()) address = mailbox->address;
  if (address.empty()) {
    TRY_LET(line, session.folder->from_line(index));
    address = envelope_sender(line);
  }
  std::string name = address.substr(0, address.rfind('@'));
  std::erase_if(name, [](char c) {
    return !base::digit(c) && !base::alpha(c) && good_marks.find(c) == std::string_view::npos;
  });
  name.erase(0, name.find_first_not_of('.'));
  name.resize(std::min<std::size_t>(name.size(), 200));
  return name.empty() ? std::string("unknown") : name;
}

Result<Next> put_by_author(Session& session, const Call& call, After after) {
  TRY_LET(name, author_file(session, call.messages.front()));
  const bool in_folder =
      session.variables.is_set("outfolder") && !session.variables.text("folder").empty();
  TRY_LET(path, expand_name(session, in_folder ? cat("+", name) : cat("./", name)));
  return put(session, {call.messages, in_folder ? path : name}, after);
}

Result<Next> save(Session& session, const Call& call) {
  TRY_LET(target, messages_and_file(session, call.text));
  return put(session, target, After::saved);
}

Result<Next> copy(Session& session, const Call& call) {
  TRY_LET(target, messages_and_file(session, call.text));
  return put(session, target, After::copied);
}

Result<Next> save_by_author(Session& session, const Call& call) {
  return put_by_author(session, call, After::saved);
}

Result<Next> copy_by_author(Session& session, const Call& call) {
  return put_by_author(session, call, After::copied);
}

Result<Next> mbox(Session& session, const Call& call) {
  for (const auto index : call.messages) {
    auto& marks = session.marks[index];
    marks = static_cast<Marks>((marks & ~Mark::preserved) | Mark::used | Mark::to_mbox);
  }
  session.dot = call.messages.back();
  return Next::go_on;
}

constexpr std::array commands_here = {
    Command{"save", 1, Takes::text, false, save, "[messages] [file]  append messages to a file"},
    Command{"Save", 1, Takes::messages, false, save_by_author,
            "[messages]  the same, to a file named after the author"},
    Command{"copy", 1, Takes::text, false, copy,
            "[messages] [file]  append messages to a file; they stay here"},
    Command{"Copy", 1, Takes::messages, false, copy_by_author,
            "[messages]  the same, to a file named after the author"},
    Command{"mbox", 2, Takes::messages, false, mbox, "[messages]  move to mbox when leaving"},
};

}  // namespace

std::span<const Command> file_commands() { return commands_here; }

}  // namespace reader
