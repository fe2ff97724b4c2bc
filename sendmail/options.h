// options.h - sendmail's command line: the union of what sendmail, Postfix, Exim, OpenSMTPD, dma,
// msmtp and nullmailer take. No letter is refused, because a refused letter is a lost report of
// somebody's cron job; no file named here is ever opened, because that door was used to break into
// web servers (CVE-2016-10033).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/main.h"
#include "lib/base/result.h"

namespace submit {

struct Invocation {
  enum class Mode { deliver, smtp, list_queue, build_aliases, verify, run_queue, nothing };
  Mode mode = Mode::deliver;
  bool recipients_from_header = false;     ///< -t
  bool ignore_dots = false;                ///< -i, -oi
  bool queue_only = false;                 ///< -odq, -odd
  bool verbose = false;                    ///< -v
  std::optional<std::string> sender;       ///< -f or -r, the last one; may be empty or "<>"
  std::string full_name;                   ///< -F
  std::string notify, ret, envid;          ///< DSN, as store::Recipient and store::Sender hold them
  std::vector<std::string> flush_options;  ///< for -q…, in postbag-flush's words
  std::vector<std::string> recipients;     ///< words of the command line, each an address list
  std::vector<std::string> remarks;  ///< what was ignored and deserves a word on standard error
};

/// Parsing ends at the first word that is no option, and behind "--". An unknown letter is ignored
/// with the rest of its word. Errors: usage (unknown -b mode, a missing value, a recipient that
/// begins with '-').
base::Result<Invocation> parse_options(base::Args args);

}  // namespace submit
