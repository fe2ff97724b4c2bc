#include "mail/private_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "lib/base/text.h"

namespace reader {

using base::cat;
using base::Result;

namespace {
struct Closer {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

void remove_folder(const std::string& path) {
  if (const std::unique_ptr<DIR, Closer> folder(::opendir(path.c_str())); folder)
    while (const dirent* const entry = ::readdir(folder.get()))
      ::unlinkat(::dirfd(folder.get()), static_cast<const char*>(entry->d_name), 0);
  ::rmdir(path.c_str());
}

// In a session of its own, since what ends ours (a terminal that hangs up) must not end it first.
[[noreturn]] void sweep(const std::string& path, int parent) {
  ::setsid();
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) ::signal(signal, SIG_IGN);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (::dup2(parent, 0) < 0 || ::dup2(null, 1) < 0 || ::dup2(null, 2) < 0) ::_exit(71);
  ::close_range(3, ~0U, 0);
  char nothing = 0;
  while (::read(0, &nothing, 1) < 0 && errno == EINTR) continue;
  remove_folder(path);
  ::_exit(0);
}
}  // namespace

PrivateFolder::~PrivateFolder() {
  alive_.reset();
  if (sweeper_ <= 0) return;
  while (::waitpid(sweeper_, nullptr, 0) < 0 && errno == EINTR) continue;
}

Result<std::string> PrivateFolder::path(const std::string& parent) {
  if (!path_.empty()) return path_;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return base::system_error("pipe", "open", errno);
  const base::Fd theirs(ends[0]);
  base::Fd ours(ends[1]);
  std::string name = cat(parent, "/mail-XXXXXX");
  if (!::mkdtemp(name.data())) return base::system_error(parent, "mkdtemp", errno);
  const pid_t child = ::fork();
  if (child == 0) sweep(name, theirs.number());
  if (child < 0) {
    const int error = errno;
    ::rmdir(name.c_str());
    return base::system_error("mail", "fork", error);
  }
  sweeper_ = child;
  alive_ = std::move(ours);
  path_ = name;
  return path_;
}

}  // namespace reader
