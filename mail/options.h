// options.h - the command line of mail: POSIX mailx's, and the dialects of bsd-mailx, mailutils and
// s-nail where scripts depend on them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/main.h"
#include "lib/base/result.h"
#include "mail/mime.h"

namespace reader {

struct Invocation {
  enum class Mode {
    send,
    read,     ///< the system mailbox, or with -f a file
    exists,   ///< -e
    headers,  ///< -H: list them and end
    version,
    help,
  };
  Mode mode = Mode::read;

  // Reading.
  bool file_given = false;          ///< -f
  std::string file;                 ///< its operand; empty: MBOX
  std::optional<std::string> user;  ///< -u
  bool no_summary = false;          ///< -N
  bool read_only = false;           ///< -R

  // Both.
  bool no_system_rc = false;            ///< -n
  bool no_user_rc = false;              ///< -:/
  bool ignore_interrupts = false;       ///< -i
  bool interactive = false;             ///< -I: as if a person typed
  bool escapes = false;                 ///< -~: tilde escapes though no person types
  bool verbose = false, debug = false;  ///< -v, -d
  std::vector<std::pair<std::string, std::string>> variables;  ///< -S, -E 'set …', in order
  std::vector<std::string> unset;                              ///< -E 'set noescape' …
  std::vector<std::string> commands;                           ///< -X, run before anything is read
  std::vector<std::string> session_commands;  ///< -Y, -p: as if they were typed first
  bool print_all = false;                     ///< -p: those print all and end; no greeting

  // Sending.
  bool record_by_recipient = false;  ///< -F
  bool skip_empty = false;           ///< -E
  bool from_header = false;          ///< -t
  std::optional<std::string> subject;
  std::vector<std::string> to, cc, bcc;  ///< words, each an address list
  std::optional<std::string> from;       ///< -r
  std::vector<std::string> fields;       ///< -a, -C: "Name: value"
  std::vector<Attachment> attachments;   ///< -A, -a
  std::string type;                      ///< -M, empty: text/plain
  std::string quoted_file;               ///< -q: the start of the body
  std::string body_file;                 ///< -m: the whole of it

  std::vector<std::string> remarks;  ///< what was ignored; told under -v
};

/// is_file: whether a path names a readable file or pipe (-a, -A and -q mean a file only then).
/// posixly_correct: options end at the first operand. Line ends in -s become spaces. Errors: usage
/// (`-a: 'X' is neither …`, a line end or NUL in -a, -C, -r or an address, no recipient).
base::Result<Invocation> parse_options(base::Args args, bool posixly_correct,
                                       bool (*is_file)(const std::string&));

}  // namespace reader
