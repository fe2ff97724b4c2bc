// folder.h - a temporary folder for tests that need files; it goes with them.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/postbag-unit-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

  /// Writes a file of mode 0600; returns its path.
  std::string write(std::string_view name, std::string_view content, unsigned mode = 0600) const {
    const std::string path = *this / name;
    std::ofstream(path, std::ios::binary) << content;
    if (::chmod(path.c_str(), mode) != 0) throw std::runtime_error("cannot write " + path);
    return path;
  }
  /// As if it had been written long ago.
  void age(std::string_view name) const {
    const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    if (::utimensat(AT_FDCWD, (*this / name).c_str(), times, 0) != 0)
      throw std::runtime_error("cannot set the times of a file");
  }
  static std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};
