// process.h - finding and starting sibling programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"

namespace base {

/// Where a program of the family lies: beside this one (build tree), else in `installed`; nullopt
/// if it is nowhere.
std::optional<std::string> sibling(const std::string& name, const std::string& installed);

/// exec `path`; returns only with an Error. Errors: unavailable.
Error exec(const std::string& path, const std::vector<std::string>& arguments,
           const std::vector<std::string>& environment);

/// The environment a program that outlives its caller gets: PATH, HOME, USER, LOGNAME, LANG=C.
std::vector<std::string> clean_environment(const std::string& home, const std::string& login);

}  // namespace base
