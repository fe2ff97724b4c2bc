// options.h - postbag-flush's command line. See postbag-flush(8).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/main.h"
#include "lib/base/result.h"

namespace spool {

/// Which waiting entries are made due before the run.
struct Wanted {
  bool all = false;
  std::optional<std::string> id, recipient, sender;  ///< an ID; parts of an address
  bool any() const { return all || id || recipient || sender; }
};

struct Options {
  std::optional<std::string> config;
  int lock = -1;  ///< a descriptor that holds flush.lock of `locked_spool`
  std::string locked_spool;
  Wanted wanted;
  std::vector<std::string> verify;  ///< addresses to tell about; empty: run the queue
  bool verbose = false, help = false, version = false;
};

/// Errors: usage.
base::Result<Options> parse_options(base::Args args);

}  // namespace spool
