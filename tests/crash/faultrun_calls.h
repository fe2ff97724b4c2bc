// tests/crash/faultrun_calls.h - the system calls that faultrun can count, and what each is about.
// A call that is missing here simply runs.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>

namespace faultrun {

enum class Class { state, fallible, open };  // open: state changing only if it creates or truncates
/// Where a call's descriptor, path or pair of paths is, by argument number; `at` is a folder's
/// descriptor and a path, or with no path the descriptor alone.
enum class On {
  nothing,
  process,
  sockets,
  fd0,
  fd2,
  address,
  path0,
  path1,
  at01,
  at12,
  two_paths01,
  two_ats0123
};
enum class Size { fixed, plain, vector, message };  // how --short can cut it; plain: by `shown`

struct Call {
  long number;
  const char* name;
  Class kind;
  On on;
  const char* label = "";  // how argument `shown` is named in the list
  unsigned shown = 0;
  Size size = Size::fixed;
};

constexpr auto state = Class::state;
constexpr auto fallible = Class::fallible;
constexpr Call calls[] = {
    {SYS_open, "open", Class::open, On::path0, "flags", 1},
    {SYS_openat, "openat", Class::open, On::at01, "flags", 2},
    {SYS_openat2, "openat2", Class::open, On::at01, "how", 2},
    {SYS_creat, "creat", state, On::path0, "mode", 1},
    {SYS_mkdir, "mkdir", state, On::path0, "mode", 1},
    {SYS_mkdirat, "mkdirat", state, On::at01, "mode", 2},
    {SYS_write, "write", state, On::fd0, "n", 2, Size::plain},
    {SYS_pwrite64, "pwrite64", state, On::fd0, "n", 2, Size::plain},
    {SYS_writev, "writev", state, On::fd0, "vectors", 2, Size::vector},
    {SYS_pwritev, "pwritev", state, On::fd0, "vectors", 2, Size::vector},
    {SYS_pwritev2, "pwritev2", state, On::fd0, "vectors", 2, Size::vector},
    {SYS_sendfile, "sendfile", state, On::fd0, "n", 3, Size::plain},
    {SYS_copy_file_range, "copy_file_range", state, On::fd2, "n", 4, Size::plain},
    {SYS_splice, "splice", state, On::fd2, "n", 4, Size::plain},
    {SYS_ftruncate, "ftruncate", state, On::fd0, "n", 1},
    {SYS_truncate, "truncate", state, On::path0, "n", 1},
    {SYS_fallocate, "fallocate", state, On::fd0, "n", 3},
    {SYS_fsync, "fsync", state, On::fd0},
    {SYS_fdatasync, "fdatasync", state, On::fd0},
    {SYS_sync_file_range, "sync_file_range", state, On::fd0},
    {SYS_syncfs, "syncfs", state, On::fd0},
    {SYS_rename, "rename", state, On::two_paths01},
    {SYS_renameat, "renameat", state, On::two_ats0123},
    {SYS_renameat2, "renameat2", state, On::two_ats0123},
    {SYS_link, "link", state, On::two_paths01},
    {SYS_linkat, "linkat", state, On::two_ats0123},
    {SYS_symlink, "symlink", state, On::path1},
    {SYS_symlinkat, "symlinkat", state, On::at12},
    {SYS_unlink, "unlink", state, On::path0},
    {SYS_unlinkat, "unlinkat", state, On::at01},
    {SYS_rmdir, "rmdir", state, On::path0},
    {SYS_utimensat, "utimensat", state, On::at01},
    {SYS_chmod, "chmod", state, On::path0, "mode", 1},
    {SYS_fchmod, "fchmod", state, On::fd0, "mode", 1},
    {SYS_fchmodat, "fchmodat", state, On::at01, "mode", 2},
    {SYS_chown, "chown", state, On::path0},
    {SYS_lchown, "lchown", state, On::path0},
    {SYS_fchown, "fchown", state, On::fd0},
    {SYS_fchownat, "fchownat", state, On::at01},
    {SYS_sendto, "sendto", state, On::fd0, "n", 2, Size::plain},
    {SYS_sendmsg, "sendmsg", state, On::fd0, "", 0, Size::message},
    {SYS_sendmmsg, "sendmmsg", state, On::fd0, "messages", 2},
    {SYS_memfd_create, "memfd_create", state, On::nothing},
    {SYS_read, "read", fallible, On::fd0, "n", 2, Size::plain},
    {SYS_pread64, "pread64", fallible, On::fd0, "n", 2, Size::plain},
    {SYS_readv, "readv", fallible, On::fd0, "vectors", 2, Size::vector},
    {SYS_preadv, "preadv", fallible, On::fd0, "vectors", 2, Size::vector},
    {SYS_recvfrom, "recvfrom", fallible, On::fd0, "n", 2, Size::plain},
    {SYS_recvmsg, "recvmsg", fallible, On::fd0, "", 0, Size::message},
    {SYS_close, "close", fallible, On::fd0},
    {SYS_flock, "flock", fallible, On::fd0, "operation", 1},
    {SYS_fcntl, "fcntl", fallible, On::fd0, "command", 1},
    {SYS_getdents64, "getdents64", fallible, On::fd0},
    {SYS_fstat, "fstat", fallible, On::fd0},
    {SYS_stat, "stat", fallible, On::path0},
    {SYS_lstat, "lstat", fallible, On::path0},
    {SYS_newfstatat, "newfstatat", fallible, On::at01},
    {SYS_statx, "statx", fallible, On::at01},
    {SYS_access, "access", fallible, On::path0},
    {SYS_faccessat, "faccessat", fallible, On::at01},
    {SYS_faccessat2, "faccessat2", fallible, On::at01},
    {SYS_readlink, "readlink", fallible, On::path0},
    {SYS_readlinkat, "readlinkat", fallible, On::at01},
    {SYS_statfs, "statfs", fallible, On::path0},
    {SYS_fstatfs, "fstatfs", fallible, On::fd0},
    {SYS_lseek, "lseek", fallible, On::fd0},
    {SYS_chdir, "chdir", fallible, On::path0},
    {SYS_fchdir, "fchdir", fallible, On::fd0},
    {SYS_dup, "dup", fallible, On::fd0},
    {SYS_dup2, "dup2", fallible, On::fd0, "to", 1},
    {SYS_dup3, "dup3", fallible, On::fd0, "to", 1},
    {SYS_socket, "socket", fallible, On::sockets},
    {SYS_socketpair, "socketpair", fallible, On::sockets},
    {SYS_bind, "bind", fallible, On::address},
    {SYS_connect, "connect", fallible, On::address},
    {SYS_accept, "accept", fallible, On::fd0},
    {SYS_accept4, "accept4", fallible, On::fd0},
    {SYS_poll, "poll", fallible, On::sockets, "descriptors", 1},
    {SYS_ppoll, "ppoll", fallible, On::sockets, "descriptors", 1},
    {SYS_pipe, "pipe", fallible, On::nothing},
    {SYS_pipe2, "pipe2", fallible, On::nothing},
    {SYS_setsid, "setsid", fallible, On::process},
    {SYS_getrandom, "getrandom", fallible, On::nothing, "n", 1},
    {SYS_fork, "fork", fallible, On::process},
    {SYS_vfork, "vfork", fallible, On::process},
    {SYS_clone, "clone", fallible, On::process},
    {SYS_clone3, "clone3", fallible, On::process},
    {SYS_execve, "execve", fallible, On::path0},
    {SYS_execveat, "execveat", fallible, On::at01},
};
constexpr unsigned creating_flags = O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);

inline const Call* call_of(long number) {
  for (const Call& call : calls) {
    if (call.number == number) return &call;
  }
  return nullptr;
}

}  // namespace faultrun
