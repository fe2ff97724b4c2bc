#include "lib/store/mailbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace store {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

bool is_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

Result<std::string> expanded(const MailboxOwner& owner, std::string_view setting) {
  std::string path;
  if (setting.starts_with("~/")) {
    if (owner.home.empty()) return Error{Kind::config, cat(setting, ": there is no usable home")};
    path = owner.home;
    setting.remove_prefix(1);
  }
  for (std::size_t i = 0; i < setting.size(); ++i) {
    if (setting[i] != '%') {
      path.push_back(setting[i]);
    } else if (setting.substr(i).starts_with("%u")) {
      path += owner.user;
      ++i;
    } else {
      return Error{Kind::config, cat(setting, ": only %u may stand in a mailbox")};
    }
  }
  if (!path.starts_with('/')) return Error{Kind::config, cat(setting, ": not an absolute path")};
  return path;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_not_of('/') == std::string::npos
                         ? 0
                         : path.rfind('/', path.find_last_not_of('/'));
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

// What a login sets anyway says nothing.
bool usual(const MailboxOwner& owner, std::string_view variable) {
  return variable == "/var/mail/" + owner.user || variable == "/var/spool/mail/" + owner.user;
}

// The mailbox that MAIL names, if it counts.
std::optional<Mailbox> named(const MailboxOwner& owner, const char* variable, MailboxUse use) {
  if (variable == nullptr || variable[0] != '/' || usual(owner, variable)) return std::nullopt;
  Mailbox mailbox = mailbox_at(variable);
  struct stat status;
  const bool there = ::lstat(mailbox.place.c_str(), &status) == 0;
  if (there && S_ISDIR(status.st_mode)) mailbox.kind = Mailbox::Kind::maildir;
  if (use == MailboxUse::read) return mailbox;
  if (!there && ::stat(folder_of(variable).c_str(), &status) != 0) return std::nullopt;
  const bool suitable = !there || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode);
  return suitable && status.st_uid == owner.uid ? std::optional(mailbox) : std::nullopt;
}

Result<bool> exists(const std::string& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) return false;
  return base::system_error(path, "stat", errno);
}

bool holds_mail(const std::string& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0;
}

// Whether a file could be made there by somebody with our rights.
Result<bool> can_be_made(const std::string& path) {
  const auto folder = folder_of(path);
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0) return true;
  if (errno == EACCES || errno == EPERM || errno == ENOENT || errno == ENOTDIR) return false;
  return base::system_error(folder, "access", errno);
}

Result<Mailbox> usual_mailbox(const MailboxOwner& owner, MailboxUse use) {
  const Mailbox usual{Mailbox::Kind::mbox, "/var/mail/" + owner.user};
  if (!owner.own_spool || owner.home.empty()) return usual;
  const std::string folder = owner.home + "/.local/share/postbag/mail";
  const Mailbox stand_in{Mailbox::Kind::mbox, cat(folder, "/", owner.user)};
  // Mail that lies there would be out of sight, and mail is not scattered.
  if (holds_mail(stand_in.place)) return stand_in;
  TRY_LET(there, exists(usual.place));
  if (there) return usual;
  TRY_LET(in_use, exists(stand_in.place));
  if (in_use) return stand_in;
  TRY_LET(possible, can_be_made(usual.place));
  if (possible) return usual;
  if (use == MailboxUse::deliver) TRY(base::make_directories(folder));
  return stand_in;
}

}  // namespace

Mailbox mailbox_at(std::string path) {
  Mailbox mailbox{Mailbox::Kind::mbox, std::move(path)};
  while (mailbox.place.size() > 1 && mailbox.place.ends_with('/')) {
    mailbox.place.pop_back();
    mailbox.kind = Mailbox::Kind::maildir;
  }
  return mailbox;
}

Result<Mailbox> find_mailbox(const MailboxOwner& owner, const std::optional<std::string>& setting,
                             const char* variable, MailboxUse use) {
  if (setting && setting->starts_with('|') && use == MailboxUse::deliver)
    return Mailbox{Mailbox::Kind::command, std::string(base::trim(setting->substr(1)))};
  if (!is_file_name(owner.user))
    return Error{Kind::config, cat(base::printable(owner.user), ": not a name for a mailbox")};
  if (use == MailboxUse::read || !setting)
    if (auto mailbox = named(owner, variable, use)) return std::move(*mailbox);
  if (!setting || setting->starts_with('|')) return usual_mailbox(owner, use);
  TRY_LET(path, expanded(owner, *setting));
  return mailbox_at(std::move(path));
}

}  // namespace store
