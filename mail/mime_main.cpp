// postbag-mime - reads and builds MIME messages for mail(1), which starts it on a socket. It has
// read hostile mail before long, so it gives up beforehand what it does not need: files, a network,
// other processes.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "lib/base/fd.h"
#include "lib/base/main.h"
#include "mail/mime_server.h"

namespace {

// No file is opened any more but below /usr, where charsets' converters lie. Kernels without
// Landlock leave the rest to the user's own rights.
base::Result<> renounce_files() {
  landlock_ruleset_attr all{};
  all.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  const base::Fd rules(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0)));
  if (!rules && (errno == ENOSYS || errno == EOPNOTSUPP)) return {};
  const base::Fd usr(::open("/usr", O_PATH | O_CLOEXEC));
  if (!rules || !usr) return base::system_error("Landlock", "begin", errno);
  landlock_path_beneath_attr below{};
  below.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
  below.parent_fd = usr.number();
  if (::syscall(SYS_landlock_add_rule, rules.number(), LANDLOCK_RULE_PATH_BENEATH, &below, 0) !=
          0 ||
      ::syscall(SYS_landlock_restrict_self, rules.number(), 0) != 0)
    return base::system_error("Landlock", "restrict files", errno);
  return {};
}

#if defined(__x86_64__)
constexpr unsigned architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned architecture = AUDIT_ARCH_AARCH64;
#else
constexpr unsigned architecture = 0;
#endif

constexpr unsigned refused[] = {
    SYS_clone,
    SYS_clone3,
#if defined(__x86_64__)
    SYS_fork,
    SYS_vfork,
#endif
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_process_vm_readv,
    SYS_process_madvise,
    SYS_process_mrelease,
    SYS_kcmp,
    SYS_sched_setaffinity,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_ioprio_set,
    SYS_move_pages,
    SYS_migrate_pages,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_getfd,
    SYS_pidfd_open,
    SYS_process_vm_writev,
    SYS_pidfd_send_signal,
    SYS_rt_sigqueueinfo,
    SYS_io_uring_setup,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_unshare,
    SYS_setns,
    SYS_truncate,
    SYS_fchmodat,
    SYS_fchownat,
    SYS_setxattr,
    SYS_removexattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SYS_fchmod,
    SYS_fchown,
    SYS_shmget,
    SYS_shmat,
    SYS_msgget,
    SYS_semget,
    SYS_mq_open,
    SYS_chroot,
    SYS_pivot_root,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_personality,
    SYS_utimensat,
    SYS_mount,
    SYS_setpriority,
#if defined(__x86_64__)
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#endif
};

// No socket is made, no process or program started, no other process touched, nor a file by those
// calls that Landlock does not see: these fail with EPERM, and all calls of another architecture's
// table kill. A kernel that has no such filters is the only one that need not take it.
base::Result<> renounce_calls() {
  if (architecture == 0) return {};
  std::vector<sock_filter> filter{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
#if defined(__x86_64__)
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1));  // the x32 table
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
#endif
  for (const unsigned call : refused) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
  // Limits are our own business, not other processes'.
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 3));
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return {};
  if (errno == EINVAL && ::prctl(PR_GET_SECCOMP) < 0) return {};
  return base::system_error("seccomp", "filter", errno);
}

// What libraries and their like have mapped, before anything was read; 0: not known.
rlim_t mapped = 0;

void note_mapped() {
  unsigned long pages = 0;
  FILE* const file = ::fopen("/proc/self/statm", "re");
  if (!file) return;
  if (::fscanf(file, "%lu", &pages) == 1)
    mapped = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
  ::fclose(file);
}

// The hard limit stays what it was: it could not be raised for the next message.
void limit(__rlimit_resource resource, rlim_t wanted) {
  rlimit now{};
  ::getrlimit(resource, &now);
  now.rlim_cur = std::min(wanted, now.rlim_max);
  ::setrlimit(resource, &now);
}

// A message of so many bytes may use so much time and memory, and no more: else the kernel ends us.
void limit_request(std::uint64_t size) {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
  limit(RLIMIT_CPU, seconds + 20 + size / 2'000'000);
  if (mapped > 0) limit(RLIMIT_AS, mapped + 512'000'000 + 4 * size);
}

base::Result<int> mime(base::Args args) {
  int type = 0;
  socklen_t length = sizeof type;
  const int channel = STDIN_FILENO;
  if (!args.empty() || ::getsockopt(channel, SOL_SOCKET, SO_TYPE, &type, &length) != 0 ||
      type != SOCK_SEQPACKET)
    return base::Error{base::Kind::usage, "this is a part of mail(1), which starts it"};
  ::close_range(3, ~0U, 0);
  ::clearenv();
  note_mapped();
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    return base::system_error("privileges", "give up", errno);
  TRY(renounce_files());
  TRY(renounce_calls());
  TRY(reader::serve_mime(channel, limit_request));
  return EX_OK;
}

}  // namespace

int main(int argc, char** argv) { return base::run_main("postbag-mime", argc, argv, mime); }
