// mailbox_driver.cpp - opens a mailbox as a reader does, so that tests can watch one act alone.
//
//   mailbox_driver [--NAME VALUE ...] list BOX | last BOX | text BOX N | header BOX N | stored BOX
//   N | commit BOX VERDICT ... | append BOX FILE ... | prepend BOX FILE ...
//
// list prints "lines/bytes flags From_ line" for each message, last prints the same of the last 20.
// A verdict is dN (message N goes) or sN=LETTERS (its flags, of R O A F D T); commit prints "left N
// arrived N", and "removed". Options: journals (a folder), lock-limit (ms), keep (yes: an emptied
// file stays), wait (yes: "open" is printed, and commit waits until standard input ends).
#include <unistd.h>

#include <cstdio>
#include <map>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/append.h"
#include "mail/leave.h"

namespace {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using Options = std::map<std::string, std::string>;

constexpr std::string_view letters = "ROAFDT";

std::string shown_flags(reader::Flags flags) {
  std::string text;
  for (std::size_t bit = 0; bit < letters.size(); ++bit)
    if ((flags >> bit & 1) != 0) text.push_back(letters[bit]);
  return text.empty() ? "-" : text;
}

std::string text(const Options& options, const std::string& name) {
  const auto found = options.find(name);
  return found == options.end() ? "" : found->second;
}

Result<int> list(reader::Folder& folder, std::size_t first) {
  for (std::size_t i = first; i < folder.count(); ++i) {
    TRY_LET(lines, folder.lines(i));
    TRY_LET(line, folder.from_line(i));
    base::print(cat(lines, "/", folder.size(i), " ", shown_flags(folder.flags(i)), " ", line));
  }
  base::print(cat(folder.count(), " messages\n"));
  return 0;
}

Result<std::vector<reader::Verdict>> verdicts_of(const reader::Folder& folder, base::Args words) {
  std::vector<reader::Verdict> verdicts;
  for (std::size_t i = 0; i < folder.count(); ++i) verdicts.push_back({false, folder.flags(i)});
  for (std::string_view word : words) {
    const bool remove = word.starts_with('d');
    word.remove_prefix(1);
    const auto number = base::to_number<std::size_t>(base::take(word, '='));
    if (!number || *number == 0 || *number > verdicts.size())
      return Error{Kind::usage, "no such message"};
    auto& verdict = verdicts[*number - 1];
    verdict.remove = remove;
    if (!remove) verdict.flags = 0;
    for (const char letter : word)
      verdict.flags = static_cast<reader::Flags>(verdict.flags | 1U << letters.find(letter));
  }
  return verdicts;
}

Result<int> commit(reader::Folder& folder, base::Args words, const Options& options) {
  TRY_LET(verdicts, verdicts_of(folder, words));
  if (text(options, "wait") == "yes") {
    (void)base::write_all(1, "open\n", "standard output");
    char buffer[16];
    while (::read(0, buffer, sizeof buffer) > 0) {}
  }
  using WhenEmpty = reader::Folder::WhenEmpty;
  TRY_LET(left, folder.commit(verdicts, text(options, "keep") == "yes" ? WhenEmpty::keep
                                                                       : WhenEmpty::remove));
  base::print(
      cat("left ", left.messages, " arrived ", left.arrived, left.removed ? " removed" : "", "\n"));
  return 0;
}

Result<int> put(const std::string& how, const std::string& box, base::Args files,
                const Options& options) {
  reader::Session session;
  session.person.uid = ::geteuid();
  session.person.home = text(options, "home");
  session.clock = base::now;
  std::vector<std::string> messages;
  for (const auto& file : files) {
    TRY_LET(message, base::read_file(file, 1 << 24));
    messages.push_back(std::move(message));
  }
  if (how == "prepend") {
    TRY(reader::prepend_each(session, box, reader::one_by_one(messages)));
    return 0;
  }
  TRY_LET(appended, reader::append_messages(session, box, messages));
  base::print(appended == reader::Appended::to_new ? "new\n" : "appended\n");
  return 0;
}

Result<int> show(reader::Folder& folder, const std::string& how, base::Args words) {
  const auto number = base::to_number<std::size_t>(words.empty() ? "" : words[0]).value_or(0);
  if (number == 0 || number > folder.count()) return Error{Kind::usage, "no such message"};
  auto shown = how == "text"     ? folder.text(number - 1)
               : how == "header" ? folder.header(number - 1)
                                 : folder.stored(number - 1);
  if (!shown) return std::move(shown).error();
  base::print(shown.value());
  return 0;
}

Result<int> run(base::Args args) {
  Options options;
  std::size_t i = 0;
  for (; i + 1 < args.size() && args[i].starts_with("--"); i += 2)
    options[args[i].substr(2)] = args[i + 1];
  if (i + 1 >= args.size()) return Error{Kind::usage, "nothing to do"};
  const std::string how = args[i], box = args[i + 1];
  const auto words = args.subspan(i + 2);
  if (how == "append" || how == "prepend") return put(how, box, words, options);
  reader::Owner owner{::geteuid(), text(options, "journals")};
  if (const auto limit = base::to_number<long>(text(options, "lock-limit")))
    owner.lock_limit = std::chrono::milliseconds(*limit);
  TRY_LET(folder, reader::open_folder(store::mailbox_at(box), owner));
  if (!folder->remark().empty()) base::complain(folder->remark());
  if (how == "list") return list(*folder, 0);
  if (how == "last") return list(*folder, folder->count() < 20 ? 0 : folder->count() - 20);
  if (how == "commit") return commit(*folder, words, options);
  return show(*folder, how, words);
}

}  // namespace

int main(int argc, char** argv) { return base::run_main("mailbox_driver", argc, argv, run); }
