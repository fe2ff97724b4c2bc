#include "newaliases/options.h"

#include "lib/base/text.h"

namespace newaliases {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr std::string_view long_options[] = {"config=", "help", "version"};

// All letters are known; these take the rest of their word or the next one, as for sendmail.
constexpr std::string_view with_value = "ABCFLMNOQRVXfhopr";
constexpr std::string_view flags = "DEGHIJKPSTUWYZabcdegijklmnqstuvwxyz0123456789";

// Called for help or a version, with whatever else, a program tells it and does nothing.
void take(Options& options, const base::Option& option) {
  if (option.name == "help") options.action = Options::Action::help;
  if (option.name == "version") options.action = Options::Action::version;
  if (option.name == "config") options.config = option.value;
  if (option.name == "v") options.verbose = true;
}

}  // namespace

Result<Options> parse_newaliases(base::Args args) {
  TRY_LET(line, base::parse_command_line(args, flags, with_value, long_options));
  Options options;
  for (const auto& option : line.options) take(options, option);
  if (options.action == Options::Action::work && !line.operands.empty())
    return Error{Kind::usage, cat(base::printable(line.operands[0]),
                                  ": the file is named in postbag.ini, not here")};
  return options;
}

Result<Options> parse_praliases(base::Args args) {
  TRY_LET(line, base::parse_command_line(args, "v", "Cf", long_options));
  Options options;
  for (const auto& option : line.options) {
    take(options, option);
    if (option.name == "f") options.file = option.value;
  }
  options.names = std::move(line.operands);
  return options;
}

std::string_view newaliases_usage() {
  return "usage: newaliases [-v] [--config FILE]\n"
         "       newaliases --help | --version\n"
         "\n"
         "Checks the aliases file and makes its database.\n"
         "  -v         tell where the database lies\n"
         "  --config   another postbag.ini\n"
         "Other options of sendmail's are accepted and mean nothing.\n";
}

std::string_view praliases_usage() {
  return "usage: praliases [--config FILE] [-f FILE] [NAME...]\n"
         "       praliases --help | --version\n"
         "\n"
         "Prints aliases as they count now: all of them, or those named.\n"
         "  -f         another aliases file\n"
         "  --config   another postbag.ini\n";
}

Result<std::string> configured_file(const store::Place& place) {
  std::optional<store::Config> config;
  if (place.config) {
    TRY_LET(loaded, store::Config::load(*place.config));
    config = std::move(loaded);
  }
  TRY_LET(path, store::aliases_path(place, config ? &*config : nullptr));
  if (path) return std::move(*path);
  const auto own = place.home.empty() ? "postbag.ini" : place.home + "/.config/postbag/postbag.ini";
  return Error{Kind::config, cat("no aliases file: none is named by 'aliases' in [local] of ",
                                 place.config.value_or(own))};
}

}  // namespace newaliases
