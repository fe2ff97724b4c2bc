// table.h - commands looked up, and whether they are carried out just now.
#pragma once

#include <string_view>

#include "mail/command.h"

namespace reader {

/// The command of this name or abbreviation; nullptr: there is none.
const Command* find_command(std::string_view word);

/// What a line begins with: its command ("" where an argument stands first, as in `5`), and the
/// rest. The line has no blanks at its start.
struct CommandWord {
  std::string_view word, rest;
};
CommandWord split_command(std::string_view line);

/// Whether all open `if`s hold.
bool carried_out(const Session& session);

/// Print messages as `print` does.
base::Result<Next> print_messages(Session& session, std::vector<std::size_t> messages);

/// Text of any origin on standard output, fit for the terminal; lines keep their LF.
void show(const Session& session, std::string_view text);
/// A diagnostic on standard error, what was printed before standing before it; LF is added.
void tell(const Session& session, std::string_view text);

}  // namespace reader
