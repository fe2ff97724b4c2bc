// session.h - what a run of `mail` knows: who, where, what is set, which mailbox is open and what
// was done to its messages. Handlers of commands change it; nothing here prints.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "mail/folder.h"
#include "mail/input.h"
#include "mail/mime.h"
#include "mail/terminal.h"
#include "mail/variables.h"

namespace reader {

/// Who reads and writes, and on which machine.
struct Person {
  std::string user;    ///< login name
  std::string home;    ///< may be empty
  std::string host;    ///< of this machine, as in `user@host`
  std::string domain;  ///< behind unqualified addresses
  uid_t uid = 0;
};

/// What POSIX imports from the environment, and nothing else (CVE-2000-0703).
struct Environment {
  std::string shell = "/bin/sh";
  std::optional<std::string> mail;                   ///< MAIL
  std::optional<std::string> mailrc;                 ///< MAILRC
  std::optional<std::string> pager, editor, visual;  ///< also imported as variables
  std::string tmp = "/tmp";                          ///< TMPDIR
  std::vector<std::string> all;                      ///< for programs that are started
};

/// Programs of the family.
struct Programs {
  std::string sendmail, mime;
};

/// What happened to a message in this session, as bsd-mailx marks it.
enum Mark : std::uint16_t {
  used = 1,  ///< touched in this session: may go to mbox at the end
  deleted = 2,
  saved = 4,       ///< in another file now
  to_mbox = 8,     ///< `mbox`
  preserved = 16,  ///< `hold`
  is_new = 32,     ///< came since the last session
  is_read = 64,
  printed = 128,      ///< `next` goes on behind it
  replied = 256,      ///< gets the flag `answered`
  flag_mark = 512,    ///< gets the flag `flagged`
  changed = 1024,     ///< its status is to be written
  flag_taken = 2048,  ///< loses the flag `flagged`
};
using Marks = std::uint16_t;

/// Fields that are not shown, or the only ones that are (`ignore` and `retain`); lower-case.
struct FieldList {
  std::set<std::string, std::less<>> ignored, retained;
  /// retain goes before ignore.
  bool shows(std::string_view name) const;
};

/// `alias` and `alternates`.
struct Groups {
  std::map<std::string, std::vector<std::string>, std::less<>> aliases;
  std::vector<std::string> alternates;
};

/// An `if` whose `endif` has not come yet.
struct Condition {
  bool holds = false;  ///< the branch at hand is carried out
  bool spent = false;  ///< no later branch is
};

struct Session {
  Person person;
  Environment environment;
  Programs programs;
  Terminal terminal;
  Variables variables;
  Groups groups;
  FieldList shown, stored,
      forwarded;  ///< ignore/retain, saveignore/saveretain, fwdignore/fwdretain
  std::unique_ptr<Input> input;
  Mime mime{std::string()};
  base::Time (*clock)() = nullptr;

  // The open mailbox; no folder: none is open.
  std::unique_ptr<Folder> folder;
  std::string folder_name;            ///< as it is shown: a path
  std::string previous_folder;        ///< `#`
  std::string system_mailbox;         ///< `%`: a path, with a slash at its end for a maildir
  bool is_system_mailbox = false;     ///< read messages go to mbox when it is left
  bool read_only = false;             ///< -R
  std::vector<Marks> marks;           ///< one a message
  std::vector<std::uint32_t> order;   ///< sorted: indexes as they are listed; empty: by number
  std::vector<std::uint32_t> places;  ///< where each message stands in `order`: see set_order()
  std::vector<std::uint32_t> depth;   ///< of each message in its thread; empty: no threads
  std::string sorted_by;              ///< the word given to `sort`; empty: arrival
  std::vector<std::size_t> found;     ///< what `search` found, ascending
  std::size_t dot = 0;                ///< index of the current message
  std::size_t screen = 0;             ///< of the list of headers: index of its first line
  /// The first message that a person was told of at the prompt, but that `inc` has not shown.
  std::optional<std::size_t> announced;
  std::string last_command;  ///< for `bang`
  std::string last_search;   ///< what `/` alone stands for

  // Commands.
  bool sending = false;                     ///< what `if s` asks
  std::vector<Condition> conditions;        ///< `if`s that are open
  int letters = 0;                          ///< that are being written, one within the other
  bool starting = true;                     ///< start-up files: see Command::in_rc
  unsigned sourcing = 0;                    ///< depth of the files of commands that are read
  std::set<std::string, std::less<>> told;  ///< remarks on start-up files, each told once

  bool escapes = false;  ///< -~, -I: command escapes though no person types

  std::string text_when_left;  ///< "Held 3 messages in …", for the end
  int status = 0;              ///< the exit status so far
};

}  // namespace reader
