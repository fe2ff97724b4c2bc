// set_commands.h - the parts of set_commands(), by file.
#pragma once

#include <span>

#include "mail/command.h"

namespace reader {

std::span<const Command> variable_commands();  ///< set, alias, ignore, …
std::span<const Command> flow_commands();      ///< if, source, echo, cd, !, shell
std::span<const Command> help_commands();      ///< help, ?, list, version, history

}  // namespace reader
