// What there is, and what it does.
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/command.h"
#include "mail/input.h"
#include "mail/set_commands.h"
#include "mail/show.h"
#include "mail/table.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::string_view overview =
    R"(Mail Command			Description
-------------------------	--------------------------------------------
t [message list]		type message(s).
more [message list]		read message(s), through the $PAGER
n				goto and type next message.
e [message list]		edit message(s).
f [message list]		give head lines of messages.
d [message list]		delete message(s).
s [message list] <file>		append message(s) to file.
w [message list] <file>		write text and attachments to file(s).
u [message list]		undelete message(s).
R [message list]		reply to message sender(s).
r [message list]		reply to message sender(s) and all recipients.
p [message list]		print message list.
pre [message list]		make messages go back to the system mailbox.
m <recipient list>		mail to specific recipient(s).
q				quit, saving unresolved messages in mbox.
x				quit, do not change the system mailbox.
h				print out active message headers.
z				next screen of headers; z- the one before.
!				shell escape.
| [msglist] command		pipe message(s) to shell command.
pi [msglist] command		pipe message(s) to shell command.
cd [directory]			chdir to directory or home if none given
fi <file>			switch to file (%=system inbox, %user=user's
				system inbox).  + searches in your folder
				directory for the file.
set variable[=value]		set Mail variable.
list				names of all commands.
help <command>			what a command does.

A [message list] consists of integers, ranges of same, :status, /subject, or
user names separated by spaces.  If omitted, Mail uses the current message.

A <recipient list> consists of recipient addresses or aliases separated by
spaces.  Aliases are defined in .mailrc in your home directory.

<file> is a full or relative pathname, +folder, % (system inbox), %user
(specified user's system inbox), # (previous file), & (mbox file), or a
pattern that fits one file.
)";

// "d[elete] [messages]  delete messages".
std::string explained(const Command& command) {
  const auto rest = command.name.substr(command.shortest);
  const bool arguments = command.help.find("  ") != std::string_view::npos;
  const std::string_view gap = !arguments ? "  " : command.help.starts_with(' ') ? "" : " ";
  return cat(command.name.substr(0, command.shortest), rest.empty() ? "" : "[", rest,
             rest.empty() ? "" : "]", gap, command.help, "\n");
}

Result<Next> help(Session& session, const Call& call) {
  if (call.words.empty()) page(session, overview);
  for (const auto& word : call.words) {
    const auto* const command = find_command(word);
    if (command == nullptr) return Error{Kind::usage, cat("Unknown command: \"", word, "\"")};
    show(session, explained(*command));
  }
  return Next::go_on;
}

Result<Next> list(Session&, const Call&) {
  constexpr std::size_t width = 72;
  std::string text = "Commands are:\n";
  std::size_t column = 0;
  for (const auto& command : commands()) {
    column += command.name.size() + 2;
    if (column > width) {
      text += "\n";
      column = command.name.size() + 2;
    }
    text += command.name;
    text += &command == &commands().back() ? "\n" : ", ";
  }
  base::print(text);
  return Next::go_on;
}

Result<Next> version(Session&, const Call&) {
  base::print("Version " POSTBAG_VERSION "\n");
  return Next::go_on;
}

Result<Next> history(Session& session, const Call&) {
  std::size_t number = 0;
  for (const auto& line : typed_lines()) show(session, cat(++number, "\t", line, "\n"));
  return Next::go_on;
}

constexpr Command rows[] = {
    {"help", 3, Takes::words, true, help, "[command …]  what commands there are, or what one does"},
    {"?", 1, Takes::words, true, help, "[command …]  the same as help"},
    {"list", 1, Takes::nothing, true, list, "  names of all commands"},
    {"version", 2, Takes::nothing, true, version, "  which version this is"},
    {"history", 2, Takes::nothing, false, history, "  lines that were typed"},
};

}  // namespace

std::span<const Command> help_commands() { return rows; }

}  // namespace reader
