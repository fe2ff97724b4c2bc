// command.h - the table of commands, and how a line becomes a call of one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

enum class Next { go_on, quit, exit };

/// What stands behind a command's name, and in which form its handler wants it.
enum class Takes {
  nothing,
  messages,  ///< a message list; none is the current one (Call::messages, in ascending order)
  undelete,  ///< a message list over deleted messages
  words,     ///< words, unquoted (Call::words)
  text,      ///< the rest of the line (Call::text)
};

struct Call {
  std::string_view name;  ///< of the table
  std::vector<std::size_t> messages;
  std::vector<std::string> words;
  std::string text;
};

/// An Error is a diagnostic: its text is printed as it is, and the session goes on.
using Handler = base::Result<Next> (*)(Session&, const Call&);

struct Command {
  std::string_view name;
  std::size_t shortest;  ///< letters of its shortest abbreviation
  Takes takes;
  bool in_rc;  ///< valid in a start-up file
  Handler handler;
  std::string_view help;  ///< "[messages]  delete messages"
};

/// Every command. Abbreviations are told apart by `shortest` alone: no two names share so many
/// letters.
std::span<const Command> commands();

/// Run one line (comments and continuation undone by the caller's reader). Errors: a diagnostic, to
/// be printed; where no person types, session.status tells of it, but not of a mistake in the line.
base::Result<Next> run_line(Session& session, std::string_view line);

// Rows of the table, by file.
std::span<const Command> list_commands();  ///< headers, from, z, =, size, …
std::span<const Command> print_commands();  ///< print, type, top, next, more, write, pipe, parts, …
std::span<const Command> state_commands();   ///< delete, undelete, hold, touch, unread, …
std::span<const Command> file_commands();    ///< save, copy, mbox, …
std::span<const Command> folder_commands();  ///< file, folders, inc, quit, exit
std::span<const Command> set_commands();     ///< set, alias, ignore, if, source, help, !, …
std::span<const Command> send_commands();    ///< mail, reply, followup, forward, …
std::span<const Command> sort_commands();    ///< sort, thread, search

}  // namespace reader
