// print_commands.h - handlers of the commands that show messages and take them apart. Their rows
// are in cmd_print.cpp.
#pragma once

#include "mail/command.h"

namespace reader {

// cmd_parts.cpp
base::Result<Next> write_messages(Session& session, const Call& call);
base::Result<Next> detach_parts(Session& session, const Call& call);
base::Result<Next> list_parts(Session& session, const Call& call);
base::Result<Next> open_part(Session& session, const Call& call);
// cmd_pipe.cpp
base::Result<Next> pipe_messages(Session& session, const Call& call);
base::Result<Next> pipe_displayed(Session& session, const Call& call);

}  // namespace reader
