// floor_list - what a look over a queue costs at least.
//
//   floor_list FOLDER        names sorted, 4 KiB of each file read, a line printed (for mailq)
//   floor_list FOLDER stat   names as they come, fstatat for each (for an idle flush)
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

namespace {

std::vector<std::string> names(DIR* folder) {
  std::vector<std::string> found;
  while (const dirent* item = ::readdir(folder))
    if (item->d_name[0] != '.') found.emplace_back(item->d_name);
  std::sort(found.begin(), found.end());
  return found;
}

bool list(DIR* folder) {
  char text[4096];
  for (const auto& name : names(folder)) {
    const int fd = ::openat(::dirfd(folder), name.c_str(), O_RDONLY | O_CLOEXEC);
    const auto size = ::read(fd, text, sizeof text);
    if (fd < 0 || size <= 0) return false;
    ::close(fd);
    std::printf("%s %zd %.20s\n", name.c_str(), size, text);
  }
  return true;
}

bool examine(DIR* folder) {
  struct stat status;
  while (const dirent* item = ::readdir(folder))
    if (item->d_name[0] != '.' &&
        ::fstatat(::dirfd(folder), item->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
      return false;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  DIR* folder = argc < 2 ? nullptr : ::opendir(argv[1]);
  if (folder == nullptr) return 66;
  return (argc > 2 ? examine(folder) : list(folder)) ? 0 : 74;
}
