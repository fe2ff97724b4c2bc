#include "mail/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <cerrno>

#include "lib/base/fd.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/store/mbox.h"
#include "mail/maildir_folder.h"
#include "mail/mbox_folder.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using store::Mailbox;

namespace {

bool is_folder(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Whether something lies in a part of a maildir.
bool holds_files(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(path.c_str()), ::closedir);
  if (!list) return false;
  while (const dirent* entry = ::readdir(list.get()))
    if (entry->d_name[0] != '.') return true;
  return false;
}

// Empty lines or prose may stand before the first message; no more than this is looked at.
constexpr std::size_t looked_at = 256 << 10;

Result<bool> holds_mail(const std::string& path) {
  auto file = base::open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, path);
  if (!file && file.error().system_error == ENOENT) return false;
  if (!file) return std::move(file).error();
  std::string text(4097, '\0');
  TRY_LET(first, base::read_at(file.value().number(), text, 0, path));
  if (store::is_from_line(std::string_view(text).substr(0, text.find('\n')))) return true;
  if (first < text.size()) text.resize(first);
  else text.resize(looked_at);
  TRY_LET(got, base::read_at(file.value().number(), text, 0, path));
  store::MboxScanner scanner;
  scanner.append(std::string_view(text).substr(0, got));
  return !scanner.finish().empty();
}

}  // namespace

Result<std::unique_ptr<Folder>> open_folder(const Mailbox& mailbox, const Owner& owner) {
  const bool folder = is_folder(mailbox.place);
  if (mailbox.kind == Mailbox::Kind::maildir || (folder && is_maildir(mailbox.place)))
    return open_maildir(mailbox.place, owner);
  if (folder) return Error{Kind::no_input, cat(mailbox.place, ": ", ::strerror(EISDIR)), EISDIR};
  return open_mbox(mailbox.place, owner);
}

Result<bool> has_mail(const Mailbox& mailbox) {
  if (mailbox.kind != Mailbox::Kind::maildir && !is_maildir(mailbox.place))
    return holds_mail(mailbox.place);
  return holds_files(mailbox.place + "/new") || holds_files(mailbox.place + "/cur");
}

}  // namespace reader
