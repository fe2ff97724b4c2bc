// tests/crash/faultrun_start.h - start the command under ptrace, with a seccomp filter that stops
// it, and all that it will ever fork, at the selected calls and nowhere else.
#pragma once

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <vector>

#include "faultrun_options.h"

namespace faultrun {

/// Stop at the selected calls only; where an open's flags are an argument they are judged here.
inline void install_filter(const Options& o) {
  constexpr auto put = [](unsigned code, unsigned k, unsigned char yes = 0, unsigned char no = 0) {
    return sock_filter{static_cast<unsigned short>(code), yes, no, k};
  };
  constexpr unsigned load = BPF_LD | BPF_W | BPF_ABS;
  constexpr unsigned equal = BPF_JMP | BPF_JEQ | BPF_K;
  std::vector<sock_filter> filter = {
      put(load, offsetof(seccomp_data, arch)), put(equal, AUDIT_ARCH_X86_64, 1, 0),
      put(BPF_RET, SECCOMP_RET_ALLOW), put(load, offsetof(seccomp_data, nr))};
  for (const Call& call : calls) {
    if (!selected(o, call)) continue;
    const auto nr = static_cast<unsigned>(call.number);
    if (call.kind == Class::open && !o.fallible && call.number != SYS_openat2) {
      filter.push_back(put(equal, nr, 0, 4));
      filter.push_back(put(load, offsetof(seccomp_data, args) + call.shown * 8));
      filter.push_back(put(BPF_JMP | BPF_JSET | BPF_K, creating_flags, 0, 1));
      filter.push_back(put(BPF_RET, SECCOMP_RET_TRACE));
      filter.push_back(put(BPF_RET, SECCOMP_RET_ALLOW));
    } else {
      filter.push_back(put(equal, nr, 0, 1));
      filter.push_back(put(BPF_RET, SECCOMP_RET_TRACE));
    }
  }
  filter.push_back(put(BPF_RET, SECCOMP_RET_ALLOW));
  sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) return;
  // Without CAP_SYS_ADMIN a filter costs the right to run set-uid programs.
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    refuse("seccomp filters not allowed");
}

/// The command, traced and still waiting to be executed.
inline pid_t start(const Options& o, char** argv) {
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) refuse("pipe");
  const pid_t child = fork();
  if (child < 0) refuse("fork");
  if (child == 0) {
    char go = 0;
    close(gate[1]);
    if (read(gate[0], &go, 1) != 1) _exit(125);
    install_filter(o);
    execvp(argv[0], argv);
    std::fprintf(stderr, "faultrun: %s: %s\n", argv[0], std::strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
  }
  constexpr long follow = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                          PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACESECCOMP |
                          PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SEIZE, child, 0, follow) != 0) refuse("ptrace not allowed");
  if (write(gate[1], "g", 1) != 1) refuse("pipe");
  close(gate[0]);
  close(gate[1]);
  return child;
}

}  // namespace faultrun
