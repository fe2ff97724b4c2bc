// local_settings.h - [local] of postbag.ini and what [site] says of local mail.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/config.h"
#include "lib/store/site.h"

namespace spool {

constexpr const char* system_virtual = "/etc/postbag/virtual";

/// What becomes of mail for users that passwd does not know.
struct Unknown {
  enum class Way { bounce, smarthost, address };
  Way way = Way::bounce;
  std::string address;  ///< of Way::address
};

struct LocalSettings {
  std::string mailbox = "/var/mail/%u";  ///< as written: `~` is the recipient's home
  std::string aliases;                   ///< a path; empty: none
  bool aliases_named = false;            ///< by the configuration: it has to be there
  std::string virtual_table;             ///< a path; empty: none
  bool virtual_named = false;            ///< by the configuration: it has to be there
  std::string commands;                  ///< the folder that commands must be in; empty: any
  Unknown unknown;
  std::string all_mail_to;  ///< an address; empty: none
};

inline constexpr std::array local_keys{store::Key{"mailbox", store::Type::path_or_command},
                                       store::Key{"aliases", store::Type::path},
                                       store::Key{"virtual", store::Type::path},
                                       store::Key{"generic", store::Type::path},
                                       store::Key{"commands", store::Type::path},
                                       store::Key{"unknown"}};

/// config: nullptr where there is none. What is wrong is added to `mistakes`, "FILE:LINE: text".
LocalSettings read_local(const store::Config* config, const store::Place& place,
                         std::vector<std::string>& mistakes);

}  // namespace spool
