#include "spool/options.h"

#include "lib/base/text.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

Result<Options> parse_options(base::Args args) {
  static constexpr std::string_view names[] = {
      "config=", "lock=", "id=", "recipient=", "sender=", "all", "help", "version", "verbose"};
  TRY_LET(line, base::parse_command_line(args, "v", "", names));
  if (!line.operands.empty())
    return Error{Kind::usage, cat(line.operands.front(), ": no operand is taken")};
  Options options;
  for (auto& [name, value] : line.options) {
    if (name == "v" || name == "verbose") options.verbose = true;
    else if (name == "help") options.help = true;
    else if (name == "version") options.version = true;
    else if (name == "config") options.config = value;
    else if (name == "all") options.wanted.all = true;
    else if (name == "id") options.wanted.id = value;
    else if (name == "recipient") options.wanted.recipient = value;
    else if (name == "sender") options.wanted.sender = value;
    else if (name == "lock") {
      std::string_view rest = value;
      const auto number = base::to_number<int>(base::take(rest, ':'));
      if (!number || *number < 3 || rest.empty())
        return Error{Kind::usage, "--lock: not DESCRIPTOR:SPOOL"};
      options.lock = *number;
      options.locked_spool = rest;
    }
  }
  return options;
}

}  // namespace spool
