// tests/crash/faultrun_task.h - the registers, memory and descriptors of a task stopped by ptrace.
// Whatever fails here fails because the task was killed meanwhile; it is not reported.
#pragma once

#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/user.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>

namespace faultrun {

using Word = unsigned long long;
using Registers = user_regs_struct;

inline Word peek(pid_t task, Word address) {
  return static_cast<Word>(ptrace(PTRACE_PEEKDATA, task, address, 0));
}

inline void poke(pid_t task, Word address, Word word) {
  ptrace(PTRACE_POKEDATA, task, address, word);
}

inline Word& argument(Registers& r, unsigned i) {
  Word* all[] = {&r.rdi, &r.rsi, &r.rdx, &r.r10, &r.r8, &r.r9};
  return *all[i];
}

inline std::string read_memory(pid_t task, Word address, size_t length) {
  std::string bytes;
  for (; bytes.size() < length; address += sizeof(Word)) {
    const Word word = peek(task, address);
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return bytes.substr(0, length);
}

inline std::string read_path(pid_t task, Word address) {
  std::string path;
  while (address != 0 && path.size() < 4096) {
    errno = 0;
    const std::string part = read_memory(task, address, sizeof(Word));
    if (errno != 0) break;
    const size_t end = part.find('\0');
    path.append(part, 0, end);
    if (end != part.npos) break;
    address += sizeof(Word);
  }
  return path;
}

inline std::string read_link(pid_t task, const std::string& name) {
  char target[4096];
  const std::string link = "/proc/" + std::to_string(task) + "/" + name;
  const ssize_t length = readlink(link.c_str(), target, sizeof target);
  return length < 0 ? std::string() : std::string(target, static_cast<size_t>(length));
}

/// The file's path, or for what has none (its inode number would differ in every run) fdN:pipe.
inline std::string name_of_descriptor(pid_t task, int fd) {
  const std::string path = read_link(task, "fd/" + std::to_string(fd));
  if (path.starts_with('/')) return path;
  return "fd" + std::to_string(fd) + ":" +
         (path.empty() ? "closed" : path.substr(0, path.find(':')));
}

inline std::string name_at(pid_t task, Word folder, Word address) {
  const std::string path = read_path(task, address);
  const int fd = static_cast<int>(folder);
  if (path.empty()) return name_of_descriptor(task, fd);
  if (path.front() == '/') return path;
  const std::string base = fd == AT_FDCWD ? read_link(task, "cwd") : name_of_descriptor(task, fd);
  return (std::filesystem::path(base) / path).lexically_normal();
}

inline std::string name_of_address(pid_t task, Word address, size_t length) {
  const std::string bytes = read_memory(task, address, std::min(length, sizeof(sockaddr_un)));
  sockaddr_un local = {};
  std::memcpy(&local, bytes.data(), bytes.size());
  if (local.sun_family == AF_UNIX) {
    return bytes.substr(std::min(bytes.size(), offsetof(sockaddr_un, sun_path))).c_str();
  }
  return local.sun_family == AF_INET || local.sun_family == AF_INET6 ? "internet" : "other";
}

}  // namespace faultrun
