// mailer.h - sendmail is run: one message, its recipients, its words when it fails.
#pragma once

#include <string>
#include <vector>

#include "lib/base/result.h"

namespace reader {

/// A program as it is started: no shell is involved.
struct Mailer {
  std::vector<std::string> command;      ///< path and its first arguments
  std::vector<std::string> environment;  ///< "NAME=value"
};

/// How a program ended.
struct Finished {
  int status = 0;     ///< exit status; 128 + N where signal N ended it
  std::string words;  ///< what it wrote on standard error, at most 64 KiB
};

/// Run it with `input` (from where its position stands) as its standard input. A complete file, not
/// a pipe: our death must not look like the end of a message. Errors: unavailable (`PATH: exec: No
/// such file or directory`), retry, io.
base::Result<Finished> run_mailer(const Mailer& mailer, const std::vector<std::string>& arguments,
                                  int input);

/// An Error that says it: `sendmail: its words (exit status 75)`, on one line, with its exit status
/// as its kind.
base::Error mailer_error(const std::string& name, const Finished& finished);

}  // namespace reader
