#include "lib/base/result.h"

#include <cerrno>
#include <cstring>

#include "lib/base/text.h"

namespace base {

Error system_error(Kind kind, std::string_view object, std::string_view tried, int number) {
  return Error{kind, cat(object, ": ", tried, ": ", std::strerror(number)), number};
}

namespace {
Kind kind_of(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EROFS:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
    case EACCES:
    case EPERM:
    case EFBIG:
    case ENOENT:
    case ELOOP:
    case ENOTDIR:
    case EEXIST:
    case ENOBUFS:
    case ENOLCK: return Kind::retry;
    default: return Kind::io;
  }
}
}  // namespace

Error system_error(std::string_view object, std::string_view tried, int number) {
  return system_error(kind_of(number), object, tried, number);
}

}  // namespace base
