// user.h - who is running this, by passwd and never by the environment.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "lib/base/result.h"

namespace base {

/// A passwd entry.
struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name, full_name, home,
      shell;  ///< full_name: the first part of GECOS, '&' replaced by the name
};

std::optional<User> find_user(uid_t uid);
/// nullopt: passwd says that there is none of this name. Errors: retry (it could not be asked: a
/// name service that is down is no reason to say that somebody does not exist).
Result<std::optional<User>> find_user(const std::string& name);
/// The entry's home if it is absolute, a folder, and belongs to the user: the only home that is
/// trusted.
std::optional<std::string> own_home(const User& user);

/// The process's credentials and what they mean.
struct Identity {
  uid_t uid = 0, real_uid = 0;
  bool trusted_environment = true;  ///< false under AT_SECURE or ruid != euid
  std::optional<User> user;         ///< of the effective uid; uids without a passwd entry work
  std::string login() const;        ///< the user's name, else "uid-N"
};
Identity identity();

}  // namespace base
