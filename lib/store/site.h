// site.h - which configuration and which spool this process uses, and the settings that more than
// one program needs.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/user.h"
#include "lib/store/config.h"
#include "lib/store/queue.h"

namespace store {

constexpr const char* system_config = "/etc/postbag/postbag.ini";
constexpr const char* system_spool = "/var/spool/postbag";

/// Where to look, decided by the effective uid, its passwd entry and the two names a caller may
/// give.
struct Place {
  std::optional<std::string> config;  ///< the file to read; nullopt: there is none, defaults count
  bool named = false;                 ///< by --config or POSTBAG_CONFIG: a second account or a test
  bool system = false;                ///< system mode
  std::string home;                   ///< the user's own home, or empty
  std::string spool;                  ///< the default spool; empty: none can be determined
  std::string remark;                 ///< why POSTBAG_CONFIG was not used, or empty
};

/// option: of --config; variable: POSTBAG_CONFIG as it stands in the environment (nullptr: unset).
Place find_place(const base::Identity& who, const std::optional<std::string>& option,
                 const char* variable);

/// The settings of [site] and [spool].
struct Site {
  std::string host_name;  ///< the host's FQDN, or its bare name; never asked of DNS
  std::string domain;     ///< put behind unqualified addresses
  std::vector<std::string>
      local;  ///< domains delivered here: the host's names, localhost, and `local`
  std::string postmaster = "root";
  std::string spool;    ///< a folder
  bool shared = false;  ///< spool is a parent of per-uid spools
  std::chrono::seconds lifetime{5 * 86400}, warn_after{4 * 3600}, retry_first{300},
      retry_longest{4 * 3600};
  std::uint64_t size_limit = 50u << 20;  ///< bytes; 0: none
  std::vector<std::string> mistakes;     ///< of these sections, or why the file cannot be read
  /// Whether mail to this domain stays on this machine.
  bool is_local(std::string_view name) const;
};

/// The schemas of [site], [spool] and [local].
std::span<const Schema> site_schemas();

/// Read the settings. It never fails: what is wrong is told in `mistakes` and the default is used,
/// so that mail can be stored all the same.
Site load_site(const Place& place);
/// The same from a configuration that was read already (nullptr: none).
Site make_site(const Place& place, const Config* config);

constexpr const char* system_aliases = "/etc/aliases";
/// The aliases file: `aliases` of [local] with `~/` expanded, else in system mode /etc/aliases;
/// nullopt: there is none. config: nullptr: none was read. Errors: config (not a path).
base::Result<std::optional<std::string>> aliases_path(const Place& place, const Config* config);

/// Open or make the spool of this user: the site's folder, or in a shared one UID, or UID.RANDOM
/// where somebody else holds that name (it is then remembered in the user's home). Errors: config
/// (none can be determined), retry, io, …
base::Result<Spool> create_spool(const Site& site, const Place& place, const base::Identity& who);
/// Spools of this user that exist, its own and the remembered ones: what the flush visits and mailq
/// lists. Errors: no_permission, io: an unreadable spool is never "none".
base::Result<std::vector<Spool>> open_spools(const Site& site, const Place& place,
                                             const base::Identity& who);

}  // namespace store
