// mailer.h - programs that get letters: sendmail, and what a person pipes one through.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "mail/session.h"

namespace reader {

/// A program as it is started: no shell is involved.
struct Mailer {
  std::vector<std::string> command;      ///< path and its first arguments
  std::vector<std::string> environment;  ///< "NAME=value"
};
/// What `sendmail` or `mta` names, else the family's own. Errors: config.
base::Result<Mailer> mailer_of(const Session& session);

/// How many bytes of recipients one call of it may have behind these words (see batches_of()).
std::size_t room_for_addresses(const Mailer& mailer, const std::vector<std::string>& words);

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
base::Error mailer_error(const Mailer& mailer, const Finished& finished);

/// Run a command line through the user's SHELL with `input` (from its start) and `output`; -1 is
/// ours. Returns its exit status, 128 + N for signal N. Errors: retry, unavailable, io.
base::Result<int> run_filter(const Session& session, std::string_view command, int input,
                             int output);

}  // namespace reader
