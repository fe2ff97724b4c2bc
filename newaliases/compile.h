// compile.h - from the text of aliases(5) to the database beside it.
#pragma once

#include <string>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/result.h"
#include "lib/store/alias_text.h"

namespace newaliases {

struct Compiled {
  store::AliasCount count;
  std::vector<std::string> mistakes;  ///< "FILE:LINE: problem"; the database is as before if any
};

/// Make the database of the aliases file `path`; the old one stays until the new one is whole and
/// durable, and stays for good on any error. Memory: the text, its names, and one alias. Errors:
/// no_input (there is no text), no_permission, data, retry (full disk; the text changed
/// meanwhile), io.
base::Result<Compiled> compile(const std::string& path, base::Time (*clock)());

}  // namespace newaliases
