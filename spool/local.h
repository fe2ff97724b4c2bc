// local.h - the last step of mail that stays here: into a mailbox, a file, or a command. Called in
// a process that runs as the user whose mailbox it is, and has no other rights.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

#include "lib/base/clock.h"
#include "lib/rfc/envelope.h"
#include "lib/rfc/status.h"
#include "lib/store/entry.h"
#include "lib/store/mailbox.h"

namespace spool {

/// One message for one target.
struct LocalJob {
  std::string id;        ///< of the entry
  std::size_t line = 0;  ///< of the recipient in the entry
  int descriptor = -1;   ///< of the entry
  std::uint64_t message_offset = 0;
  store::Facts facts;
  rfc::Path sender;
  base::Time arrival;
  long utc_offset = 0;        ///< of local time at `arrival`, seconds east
  std::string original;       ///< the recipient as submitted: X-Original-To
  std::string final_address;  ///< qualified, whose target this is: Delivered-To
};

/// Who delivers, and how patiently.
struct LocalPlace {
  std::string user;      ///< login name
  uid_t uid = 0;         ///< the process's own
  std::string home;      ///< or empty
  std::string shell;     ///< for SHELL; or empty
  std::string commands;  ///< `[local] commands`: the folder that commands must be in, or empty
  int journal = -1;      ///< a folder where appends are noted (store::Journal), or -1
  std::chrono::milliseconds lock_limit{30'000};
  std::chrono::seconds command_limit{1000};
};

/// Into the user's mailbox: "delivered to mailbox", "… to maildir", "… to command: …". A command
/// that is configured as the mailbox is not bound to `commands`.
rfc::Outcome deliver_to_mailbox(const LocalJob& job, const LocalPlace& place,
                                const store::Mailbox& mailbox);
/// Into a file that an alias or .forward names by its absolute path; a slash at its end means
/// maildir, /dev/null takes everything. "delivered to file: PATH".
rfc::Outcome deliver_to_file(const LocalJob& job, const LocalPlace& place, const std::string& path);
/// To a command that an alias or .forward holds. "delivered to command: TEXT".
rfc::Outcome deliver_to_command(const LocalJob& job, const LocalPlace& place,
                                const std::string& command);

/// The From_ line and the fields Return-Path, X-Original-To and Delivered-To, each with its LF;
/// without the From_ line for a maildir. No text in them can begin another line.
std::string delivery_head(const LocalJob& job, bool from_line);

}  // namespace spool
