// options.h - mailq's command line. See mailq(1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/main.h"
#include "lib/base/result.h"
#include "mailq/listing.h"

namespace listing {

enum class Action { list, remove, hold, release, retry, requeue, show, help, version };

struct Options {
  Action action = Action::list;
  Form form = Form::postfix;
  std::optional<std::string> config;  ///< --config
  std::vector<std::string>
      ids;  ///< as typed; the word ALL among them; never empty where the action takes some
};

/// -v, -C ARG and -A ARG, which monitors and people used to other mailers give, mean nothing.
/// Errors: usage.
base::Result<Options> parse_options(base::Args args);

/// What --help prints.
std::string_view usage();

}  // namespace listing
