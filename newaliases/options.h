// options.h - the command lines of newaliases and praliases, and the file they are about.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/main.h"
#include "lib/base/result.h"
#include "lib/store/site.h"

namespace newaliases {

struct Options {
  enum class Action { work, help, version };
  Action action = Action::work;
  bool verbose = false;
  std::optional<std::string> config;  ///< --config
  std::optional<std::string> file;    ///< praliases -f
  std::vector<std::string> names;     ///< praliases: what to look up; empty: all
};

/// sendmail's options, which scripts give to newaliases too, mean nothing here. Errors: usage.
base::Result<Options> parse_newaliases(base::Args args);
/// Errors: usage.
base::Result<Options> parse_praliases(base::Args args);

std::string_view newaliases_usage();
std::string_view praliases_usage();

/// The aliases file that the configuration names. Errors: config (there is none, or it cannot be
/// told).
base::Result<std::string> configured_file(const store::Place& place);

}  // namespace newaliases
