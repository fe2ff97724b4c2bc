// virtual.h - the virtual table, sendmail's virtusertable: what an address with a domain stands
// for. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "lib/base/result.h"
#include "lib/rfc/envelope.h"
#include "spool/route.h"

namespace spool {

/// What a line of the table makes of an address: addresses of any kind, or an error.
using VirtualTarget = std::variant<std::vector<rfc::Path>, ToNowhere>;

class Virtual {
 public:
  Virtual() = default;
  /// The text of a table: a line each of a key (`user@domain`, `user+*@domain`, `@domain`), white
  /// space, and addresses separated by commas, `@domain`, or `error:5.X.Y:5XX text`. In addresses
  /// %1 is the user, %2 the detail and %3 `+detail` of the address that is looked up. Blank lines
  /// and those that begin with '#' are passed over. What is wrong is in mistakes().
  static Virtual parse(std::string_view file, std::string_view text);

  /// "FILE:LINE: text" each.
  const std::vector<std::string>& mistakes() const { return mistakes_; }
  /// A table that could not be read: every look-up of a local address is that Error.
  void add_mistake(std::string text) { mistakes_.push_back(std::move(text)); }
  bool empty() const { return table_.empty(); }

  /// By `user+detail@domain`, `user+*@domain`, `user@domain`, `@domain`, in this order, letters of
  /// either case, with quotes or without; nullopt: itself. Errors: config where the table has
  /// mistakes and the address is local or of a domain that the table knows; data where what comes
  /// of it is no address.
  base::Result<std::optional<VirtualTarget>> find(const rfc::Path& address, bool local) const;

 private:
  struct Value {
    std::vector<std::string> addresses;
    std::optional<ToNowhere> error;
  };
  std::string add(std::string_view key, std::string_view value);
  const Value* value_of(const rfc::Path& address) const;
  std::unordered_map<std::string, Value> table_;  // by canonical keys
  std::unordered_set<std::string> domains_;       // of keys, lower-case
  std::vector<std::string> mistakes_;
};

}  // namespace spool
