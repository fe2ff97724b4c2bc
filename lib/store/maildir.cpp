#include "lib/store/maildir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

namespace store {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;

namespace {

constexpr int folder_flags = O_RDONLY | O_DIRECTORY;

// A folder inside another, made durably if it is not there.
Result<Fd> open_or_make(int parent, const std::string& name, int flags, const std::string& what) {
  auto folder = base::open_at(parent, name, folder_flags | flags, 0, what);
  if (folder || folder.error().system_error != ENOENT) return folder;
  if (::mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST)
    return base::system_error(what, "mkdir", errno);
  TRY(base::sync(parent, what));
  return base::open_at(parent, name, folder_flags | flags, 0, what);
}

struct Maildir {
  Fd folder, tmp, fresh, seen;  // fresh: new/, seen: cur/
};

Result<Maildir> open_maildir(const std::string& path, uid_t owner) {
  const auto slash = path.rfind('/');
  const bool here = slash == std::string::npos;
  const std::string above = here ? "." : slash == 0 ? "/" : path.substr(0, slash);
  Maildir maildir;
  auto there = base::open_at(AT_FDCWD, path, folder_flags, 0, path);
  if (!there && there.error().system_error == ENOENT) {
    TRY_LET(parent, base::open_at(AT_FDCWD, above, folder_flags, 0, above));
    there = open_or_make(parent.number(), path.substr(here ? 0 : slash + 1), 0, path);
  }
  if (!there) return std::move(there).error();
  maildir.folder = std::move(there).value();
  struct stat status;
  if (::fstat(maildir.folder.number(), &status) != 0)
    return base::system_error(path, "stat", errno);
  if (status.st_uid != owner)
    return Error{Kind::no_permission, cat(path, ": belongs to somebody else")};
  for (const char* name : {"cur", "new", "tmp"}) {
    TRY_LET(part, open_or_make(maildir.folder.number(), name, O_NOFOLLOW, cat(path, "/", name)));
    if (name[0] == 'n') maildir.fresh = std::move(part);
    else if (name[0] == 't') maildir.tmp = std::move(part);
    else maildir.seen = std::move(part);
  }
  return maildir;
}

Result<> write_text(Fd& file, const MaildirDelivery& delivery, const MessageText& text,
                    const std::string& what) {
  Rendering rendering(std::string(delivery.head), text, Rendering::Form::plain);
  for (;;) {
    TRY_LET(piece, rendering.next());
    if (piece.empty()) break;
    TRY(base::write_all(file.number(), piece, what));
  }
  if (delivery.time) {
    const timespec times[2] = {{0, UTIME_NOW}, {static_cast<time_t>(*delivery.time), 0}};
    ::futimens(file.number(), times);
  }
  TRY(base::sync(file.number(), what));
  return file.close(what);
}

// Whether NAME in new/ or cur/ holds just this text: an attempt that nobody was told of.
bool delivered_before(const Fd& folder, const std::string& name, std::string_view head,
                      const MessageText& text) {
  const auto file =
      base::open_at(folder.number(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, name);
  struct stat status;
  if (!file || ::fstat(file.value().number(), &status) != 0 || !S_ISREG(status.st_mode) ||
      static_cast<std::uint64_t>(status.st_size) != head.size() + text.size)
    return false;
  Rendering rendering(std::string(head), text, Rendering::Form::plain);
  std::string there;
  for (std::uint64_t offset = 0;; offset += there.size()) {
    const auto piece = rendering.next();
    if (!piece) return false;
    if (piece.value().empty()) return true;
    there.resize(piece.value().size());
    const auto got = base::read_at(file.value().number(), there, offset, name);
    if (!got || there != piece.value()) return false;
  }
}

using List = std::unique_ptr<DIR, int (*)(DIR*)>;

// Whether a reader has taken this very message to cur/ already, as NAME or with flags behind it.
Result<bool> seen_before(const Maildir& maildir, const std::string& name, std::string_view head,
                         const MessageText& text) {
  TRY_LET(own, base::open_at(maildir.seen.number(), ".", folder_flags, 0, "cur"));
  const List list(::fdopendir(own.number()), ::closedir);
  if (!list) return base::system_error("cur", "list", errno);
  (void)own.release();
  for (errno = 0; const dirent* entry = ::readdir(list.get()); errno = 0) {
    const std::string_view found = entry->d_name;
    if (found.substr(0, found.find(':')) == name &&
        delivered_before(maildir.seen, std::string(found), head, text))
      return true;
  }
  if (errno != 0) return base::system_error("cur", "list", errno);
  return false;
}

// The same where neither a careful rename nor a second name can be had (vfat, CIFS, FUSE): nobody
// else makes this name, which is of one delivery.
Result<bool> publish_plainly(int tmp, const std::string& from, int folder, const std::string& to,
                             const std::string& what) {
  struct stat status;
  if (::fstatat(folder, to.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return false;
  if (errno != ENOENT) return base::system_error(what, "stat", errno);
  if (::renameat(tmp, from.c_str(), folder, to.c_str()) == 0) return true;
  return base::system_error(what, "rename", errno);
}

// tmp/NAME gets its name in new/ or cur/ unless there is such a one: false then.
Result<bool> publish(int tmp, const std::string& from, int folder, const std::string& to,
                     const std::string& what) {
  if (::renameat2(tmp, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == ENOSYS || errno == EINVAL) {  // a file system without it
    if (::linkat(tmp, from.c_str(), folder, to.c_str(), 0) == 0) {
      ::unlinkat(tmp, from.c_str(), 0);
      return true;
    }
    if (errno == EPERM || errno == EOPNOTSUPP) return publish_plainly(tmp, from, folder, to, what);
  }
  if (errno == EEXIST) return false;
  return base::system_error(what, "rename", errno);
}

// Into new/ or cur/ under the first name that is free, or is this message's already.
Result<> enter(const Maildir& maildir, const MaildirDelivery& delivery, const MessageText& text,
               const std::string& what) {
  const std::string name(delivery.unique);
  const int tmp = maildir.tmp.number();
  TRY_LET(seen, seen_before(maildir, name, delivery.head, text));
  if (seen) {
    ::unlinkat(tmp, name.c_str(), 0);
    return base::sync(maildir.seen.number(), what);
  }
  const Fd& folder = delivery.flags ? maildir.seen : maildir.fresh;
  const std::string info = delivery.flags ? cat(":2,", *delivery.flags) : "";
  std::string chosen = name + info;
  for (unsigned other = 1;; ++other) {
    TRY_LET(entered, publish(tmp, name, folder.number(), chosen, what));
    if (entered) break;
    if (delivered_before(folder, chosen, delivery.head, text)) {
      ::unlinkat(tmp, name.c_str(), 0);
      return base::sync(folder.number(), what);
    }
    chosen = cat(name, ".", other, info);
  }
  auto durable = base::sync(folder.number(), what);
  if (!durable) ::unlinkat(folder.number(), chosen.c_str(), 0);
  return durable;
}

std::string flags_of(std::string_view name) {
  const auto colon = name.find(":2,");
  return std::string(colon == std::string_view::npos ? "" : name.substr(colon + 3));
}

Result<> list_part(int folder, const std::string& part, const std::string& what,
                   std::vector<MaildirMessage>& messages) {
  TRY_LET(own, base::open_at(folder, part, folder_flags | O_NOFOLLOW, 0, what));
  const List list(::fdopendir(own.number()), ::closedir);
  if (!list) return base::system_error(what, "list", errno);
  const int number = own.release();
  for (errno = 0; const dirent* entry = ::readdir(list.get()); errno = 0) {
    struct stat status;
    if (entry->d_name[0] == '.' ||
        ::fstatat(number, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(status.st_mode))
      continue;
    messages.push_back({cat(part, "/", entry->d_name), flags_of(entry->d_name),
                        static_cast<std::uint64_t>(status.st_size)});
  }
  if (errno != 0) return base::system_error(what, "list", errno);
  return {};
}

}  // namespace

Result<> deliver_maildir(const std::string& path, uid_t owner, const MaildirDelivery& delivery,
                         const MessageText& text) {
  TRY_LET(maildir, open_maildir(path, owner));
  const std::string name(delivery.unique), what = cat(path, "/tmp/", name);
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  ::unlinkat(maildir.tmp.number(), name.c_str(), 0);  // of an attempt that was cut off
  TRY_LET(file, base::open_at(maildir.tmp.number(), name, flags, 0600, what));
  auto delivered = write_text(file, delivery, text, what);
  if (delivered)
    delivered = enter(maildir, delivery, text, cat(path, delivery.flags ? "/cur/" : "/new/", name));
  if (!delivered) ::unlinkat(maildir.tmp.number(), name.c_str(), 0);
  return delivered;
}

Result<> deliver_maildir(const std::string& path, uid_t owner, std::string_view unique,
                         std::string_view head, const MessageText& text) {
  return deliver_maildir(path, owner, MaildirDelivery{unique, head, {}, {}}, text);
}

Result<std::vector<MaildirMessage>> list_maildir(const std::string& path) {
  TRY_LET(folder, base::open_at(AT_FDCWD, path, folder_flags, 0, path));
  std::vector<MaildirMessage> messages;
  for (const std::string part : {"new", "cur"})
    TRY(list_part(folder.number(), part, cat(path, "/", part), messages));
  std::sort(messages.begin(), messages.end(),
            [](const auto& a, const auto& b) { return a.name.substr(4) < b.name.substr(4); });
  return messages;
}

}  // namespace store
