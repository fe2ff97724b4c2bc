#include "lib/base/user.h"

#include <pwd.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "lib/base/text.h"

namespace base {

namespace {
std::string full_name(std::string_view gecos, std::string_view login) {
  std::string name;
  for (const char c : gecos.substr(0, gecos.find(','))) {
    if (c != '&') {
      name.push_back(c);
      continue;
    }
    name.append(login);  // BSD's shorthand: the login name, capitalised
    char& first = name[name.size() - login.size()];
    if (!login.empty() && first >= 'a' && first <= 'z') first = static_cast<char>(first - 32);
  }
  return name;
}
}  // namespace

std::optional<User> find_user(uid_t uid) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  int error;
  while ((error = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < 1 << 20)
    buffer.resize(buffer.size() * 4);
  if (error != 0 || found == nullptr) return std::nullopt;
  return User{entry.pw_uid, entry.pw_gid,  entry.pw_name, full_name(entry.pw_gecos, entry.pw_name),
              entry.pw_dir, entry.pw_shell};
}

std::optional<std::string> own_home(const User& user) {
  struct stat status;
  if (user.home.empty() || user.home[0] != '/') return std::nullopt;
  if (::stat(user.home.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != user.uid)
    return std::nullopt;
  std::string home = user.home;
  while (home.size() > 1 && home.back() == '/') home.pop_back();
  return home;
}

std::string Identity::login() const {
  return user && !user->name.empty() ? user->name : cat("uid-", uid);
}

Identity identity() {
  Identity who;
  who.uid = ::geteuid();
  who.real_uid = ::getuid();
  who.trusted_environment =
      ::getauxval(AT_SECURE) == 0 && who.uid == who.real_uid && ::getgid() == ::getegid();
  who.user = find_user(who.uid);
  return who;
}

}  // namespace base
