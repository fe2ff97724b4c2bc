#include "sendmail/scratch.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

namespace submit {

base::Result<> Scratch::settle() {
  constexpr std::size_t large = 64 * 1024;
  if (buffer_.size() < large) return {};
  if (!file_ && folder_ >= 0)
    file_ = base::Fd(::openat(folder_, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file_) file_ = base::Fd(::memfd_create("header", MFD_CLOEXEC));  // no such files here
  if (!file_) return base::system_error("scratch file", "create", errno);
  TRY(base::write_all_at(file_.number(), buffer_, filed_, "scratch file"));
  filed_ += buffer_.size();
  buffer_.clear();
  return {};
}

}  // namespace submit
