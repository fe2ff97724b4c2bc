// expand.h - where mail for an address of this machine ends up: virtual, aliases, .forward, one
// address until only mailboxes, remote addresses, commands and files are left. Pure: what the
// machine says comes through Lookups.
//
//   address   user@domain: the virtual table; then away, or here by its local part
//   name      a local part: aliases, full then without +detail; postmaster always leads somewhere
//   user      passwd: all_mail_to, the owner's .forward, the mailbox; or unknown
//   include   a list of addresses in a file
//
// A worklist, not recursion: neither depth nor length costs stack. Every alias, address and list is
// expanded once, so a list of n names costs n steps. An alias that is met again below itself is the
// user of that name (`jane: jane, bob`), else a loop; a loop fails only where it leads nowhere
// else. A user whose .forward leads back to the user is the mailbox.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/user.h"
#include "lib/rfc/envelope.h"
#include "lib/rfc/status.h"
#include "lib/store/entry.h"
#include "lib/store/site.h"
#include "lib/store/target.h"
#include "spool/local_settings.h"
#include "spool/route.h"
#include "spool/virtual.h"

namespace spool {

/// What a file or table leads to.
struct Listed {
  std::vector<store::Target> targets;
  /// Why commands, files and lists that it names are not to be used ("/etc/list: belongs to uid
  /// 1001"); empty: they may be.
  std::string untrusted = {};
};

/// What expansion asks of this machine. An Error delays whom it concerns, whatever its kind.
class Lookups {
 public:
  Lookups() = default;
  Lookups(const Lookups&) = delete;
  Lookups& operator=(const Lookups&) = delete;
  virtual ~Lookups() = default;
  /// nullopt: no line of the virtual table is about this address (qualified).
  virtual base::Result<std::optional<VirtualTarget>> in_virtual(const rfc::Path& address) = 0;
  /// name: a local part without quotes, letters of either case. nullopt: no such alias.
  virtual base::Result<std::optional<Listed>> alias(std::string_view name) = 0;
  /// nullopt: passwd says that there is no such user; that it could not be asked is an Error.
  virtual base::Result<std::optional<base::User>> user(const std::string& name) = 0;
  /// nullopt: plain delivery.
  virtual base::Result<std::optional<Listed>> forward(const base::User& user) = 0;
  virtual base::Result<Listed> include(const std::string& path) = 0;
};

/// Whose mail is expanded, and by which rules.
struct Rules {
  /// How other users of this machine get their mail.
  enum class Others {
    handed_over,  ///< unexpanded to the system's sendmail: kind `h`
    waiting,      ///< not yet: delayed
    nobody,       ///< there is no system installation: failed
  };
  store::Site site;
  LocalSettings local;
  Routes routes;
  std::uint32_t uid = 0;  ///< of the spool's owner, whose rights commands and files get
  std::string login;      ///< the owner's name
  bool alone = false;     ///< root and postmaster are the owner: there is no configuration at all
  Others others = Others::waiting;
};

/// One step on the way: what was looked at and which address came of it.
struct Step {
  enum class By {
    submission,  ///< the recipient as the entry has it
    virtual_table,
    alias,
    include,
    forward,
    postmaster,   ///< [site] postmaster
    all_mail_to,  ///< [site] all_mail_to
    unknown,      ///< [local] unknown
  };
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  By by = By::submission;
  std::size_t parent = none;  ///< index of the step before, of the same Expansion
  unsigned depth = 0;         ///< 0: submission
  std::string text;           ///< as the file or table names it: `root`, `:include:/etc/list`
};

/// Where some of the mail goes, or why it does not.
struct Action {
  /// mailbox (address: login name), remote (user@domain), command (without `|`), file, other_user
  /// (as it is to be given to the system's sendmail: `jane`, `jane+detail`, `\jane`). With an
  /// outcome it may be unqualified, address or local_user as well: expanding it again gives the
  /// same.
  store::RecipientKind kind = store::RecipientKind::mailbox;
  std::string address;
  /// The sender that a list's owner gives it; nullopt: that of the line. The null sender stays.
  std::optional<rfc::Path> sender;
  /// Set: it goes nowhere. delayed (our own trouble) or failed (Cause).
  std::optional<rfc::Outcome> outcome;
  /// The last user of this machine on the way, whose Delivered-To the message is to get: also a
  /// message that leaves by a .forward. Empty: none.
  std::string user;
  std::size_t step = 0;  ///< into Expansion::steps: the last one before it
};

/// What one recipient line of an entry leads to.
struct Line {
  std::size_t recipient = 0;    ///< index into the envelope
  std::vector<Action> actions;  ///< empty: all of it had the message already, or gets it by others
  bool thinned = false;         ///< some of it was left out for that reason
};

struct Expansion {
  std::vector<Line> lines;  ///< one for each pending recipient, in order
  std::vector<Step> steps;
  std::vector<std::string> remarks;  ///< what to log: loops that were left out
};

/// Whether each line leads to one action, which may be taken under the line's own status and is
/// recomputed in each run. Else the actions are to become the lines of the next generation first,
/// which remembers who got what; actions with a delay stand there by their kind and address.
bool settled(const Expansion& expansion);

/// Expands the pending recipients of an entry. Kinds `s`, `|`, `/` and `h` are what they are, and
/// of `m` only the user is looked up.
/// \param delivered_to the values of the message's Delivered-To fields: a user of this machine who
/// is named there had the message already, and to give it to him again would be a loop (5.4.6).
Expansion expand_entry(const store::Entry& entry, const std::vector<std::string>& delivered_to,
                       const Rules& rules, Lookups& lookups);

/// The Delivered-To of a user of this machine: NAME@HOST, the host's own name, since a domain may
/// be shared with servers that write such fields as well.
std::string delivered_to(std::string_view user, const store::Site& site);

/// The steps that lead to `step`, itself last.
std::vector<const Step*> trail(const Expansion& expansion, std::size_t step);

}  // namespace spool
