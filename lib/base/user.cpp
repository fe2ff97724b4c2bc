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

namespace {
// What getpwuid_r and getpwnam_r say; the error number, or 0. ask(entry, buffer, size, found).
template <typename Ask>
int ask_passwd(Ask ask, std::optional<User>& user) {
  std::vector<char> buffer(4096);
  passwd entry{};
  passwd* found = nullptr;
  int error;
  while ((error = ask(&entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < 1 << 20)
    buffer.resize(buffer.size() * 4);
  if (error == 0 && found != nullptr)
    user =
        User{entry.pw_uid, entry.pw_gid,  entry.pw_name, full_name(entry.pw_gecos, entry.pw_name),
             entry.pw_dir, entry.pw_shell};
  return error;
}
}  // namespace

std::optional<User> find_user(uid_t uid) {
  std::optional<User> user;
  ask_passwd([uid](auto... rest) { return ::getpwuid_r(uid, rest...); }, user);
  return user;
}

Result<std::optional<User>> find_user(const std::string& name) {
  std::optional<User> user;
  const int error =
      ask_passwd([&](auto... rest) { return ::getpwnam_r(name.c_str(), rest...); }, user);
  // glibc says 0 where a service answered that there is none. ENOENT and ESRCH, which getpwnam_r(3)
  // tells of, come from services that could not answer: LDAP without its daemon, no passwd file.
  if (error == 0) return user;
  return system_error(Kind::retry, cat("user ", printable(name)), "passwd", error);
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
