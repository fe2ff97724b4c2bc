#include "lib/base/process.h"

#include <limits.h>
#include <unistd.h>

#include <cerrno>

#include "lib/base/text.h"

namespace base {

std::optional<std::string> sibling(const std::string& name, const std::string& installed) {
  char self[PATH_MAX];
  const auto length = ::readlink("/proc/self/exe", self, sizeof self);
  if (length > 0 && static_cast<std::size_t>(length) < sizeof self) {
    const std::string_view path(self, static_cast<std::size_t>(length));
    const std::string beside = cat(path.substr(0, path.rfind('/') + 1), name);
    if (::access(beside.c_str(), X_OK) == 0) return beside;
  }
  if (::access(installed.c_str(), X_OK) == 0) return installed;
  return std::nullopt;
}

Error exec(const std::string& path, const std::vector<std::string>& arguments,
           const std::vector<std::string>& environment) {
  const auto pointers = [](const std::vector<std::string>& words) {
    std::vector<char*> result;
    for (const auto& word : words) result.push_back(const_cast<char*>(word.c_str()));
    result.push_back(nullptr);
    return result;
  };
  const auto argv = pointers(arguments);
  const auto envp = pointers(environment);
  ::execve(path.c_str(), argv.data(), envp.data());
  return system_error(Kind::unavailable, path, "exec", errno);
}

std::vector<std::string> clean_environment(const std::string& home, const std::string& login) {
  return {"PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin", cat("HOME=", home),
          cat("USER=", login), cat("LOGNAME=", login), "LANG=C"};
}

}  // namespace base
