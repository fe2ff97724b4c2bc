// route.h - [routes] of postbag.ini, sendmail's mailertable: which way mail for a domain goes.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lib/rfc/envelope.h"
#include "lib/rfc/status.h"

namespace spool {

/// A name and a port as one writes them: "name", "name:port", "[::1]:port".
struct Host {
  std::string
      name;  ///< as written: a domain name, an IPv4 address, or an IPv6 address without brackets
  std::uint16_t port = 587;
};
/// nullopt if it is none.
std::optional<Host> parse_host(std::string_view text, std::uint16_t default_port);

struct ToSmarthost {
  std::size_t index;  ///< into Settings::smarthosts
};
struct ToThisMachine {};
struct ToNowhere {
  rfc::EnhancedStatus status;
  std::string text;  ///< "550 no such department"
};
using Way = std::variant<ToSmarthost, ToThisMachine, ToNowhere>;

/// What stands behind the `=` of a route, not yet bound to a smarthost.
struct RouteValue {
  enum class Kind { smarthost, host, local, error };
  Kind kind = Kind::local;
  std::string name;  ///< of the smarthost; may be empty
  Host host;         ///< of smtp:[host]:port; the brackets say that no MX is asked for
  ToNowhere error;
};
/// "smarthost NAME", "smtp:[host]:port", "local", "error 5.7.0 550 text"; nullopt for anything
/// else. Port 25 where none is given.
std::optional<RouteValue> parse_route(std::string_view value);

class Routes {
 public:
  /// key: "domain", ".domain" (all below it), or "user@domain"; letters' case does not matter.
  void add(std::string_view key, Way way);
  /// The longest match wins: an address before its domain, a domain before those above it. nullptr
  /// when none fits.
  const Way* find(const rfc::Path& recipient) const;
  bool empty() const { return routes_.empty(); }
  /// Whether a key is one.
  static bool is_key(std::string_view key);

 private:
  struct Route {
    std::string key;
    Way way;
  };
  std::vector<Route> routes_;
};

}  // namespace spool
