#include "spool/options.h"

#include "lib/base/text.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

Result<> take_lock(std::string_view value, Options& options) {
  const auto number = base::to_number<int>(base::take(value, ':'));
  if (!number || *number < 3 || value.empty())
    return Error{Kind::usage, "--lock: not DESCRIPTOR:SPOOL"};
  options.lock = *number;
  options.locked_spool = value;
  return {};
}

Result<> take(const std::string& name, const std::string& value, Options& options) {
  if (name == "lock") return take_lock(value, options);
  if (name == "v" || name == "verbose") options.verbose = true;
  if (name == "help") options.help = true;
  if (name == "version") options.version = true;
  if (name == "config") options.config = value;
  if (name == "all") options.wanted.all = true;
  if (name == "id") options.wanted.id = value;
  if (name == "recipient") options.wanted.recipient = value;
  if (name == "sender") options.wanted.sender = value;
  return {};
}

}  // namespace

Result<Options> parse_options(base::Args args) {
  static constexpr std::string_view names[] = {"config=", "lock=",  "id=",    "recipient=",
                                               "sender=", "all",    "verify", "help",
                                               "version", "verbose"};
  TRY_LET(line, base::parse_command_line(args, "v", "", names));
  Options options;
  bool verify = false;
  for (const auto& [name, value] : line.options) {
    TRY(take(name, value, options));
    verify = verify || name == "verify";
  }
  if (!verify && !line.operands.empty())
    return Error{Kind::usage, cat(line.operands.front(), ": no operand is taken")};
  if (verify && line.operands.empty()) return Error{Kind::usage, "--verify: there is no address"};
  options.verify = std::move(line.operands);
  return options;
}

}  // namespace spool
