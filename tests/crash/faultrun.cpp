// tests/crash/faultrun.cpp - run a program and let one of its system calls go wrong.
//
// A seccomp filter stops only the calls of interest, in the program and in all that it ever forks
// (daemons too); one counter numbers them over the whole tree. Call N can be preceded by SIGKILL or
// another signal, fail, be cut short, or be performed and reported as failed. Nothing is counted in
// a program image before its loader jumps to the entry point. Options: faultrun_options.h;
// exit status: the program's (128 + signal if killed), 124 after the time limit, 125 for misuse.

#include <elf.h>
#include <fnmatch.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "faultrun_options.h"
#include "faultrun_start.h"
#include "faultrun_task.h"

#if !defined(__x86_64__) || defined(__ILP32__)
#error "faultrun knows only the registers and the call numbers of x86_64"
#endif

using namespace faultrun;

namespace {

struct Record {
  int process = 0;
  const Call* call = nullptr;
  std::string path, second_path, shown, result = "?";
  bool hit = false;
};

struct Patch {
  Word address, old;
};

struct Task {
  int ordinal = 0;
  bool loading = false;  // from exec until the loader has done its work
  Word entry = 0, entry_word = 0;
  bool in_call = false;
  size_t record = 0;
  Registers before = {};
  std::optional<Registers> repeating;  // an interrupted call that comes again under its old number
  size_t repeating_record = 0;
  std::vector<Patch> patches;  // memory changed for --short, put back when the call returns
};

/// Even a signal handler's calls in between do not have the same stack.
bool same_call(const Registers& a, const Registers& b) {
  return a.orig_rax == b.orig_rax && a.rip == b.rip && a.rsp == b.rsp && a.rdi == b.rdi &&
         a.rsi == b.rsi && a.rdx == b.rdx;
}

volatile std::sig_atomic_t time_is_up = 0;

class Tracer {
 public:
  Tracer(const Options& asked, pid_t child) : o_(asked), main_(child) {
    task(child).loading = true;
  }
  int run();
  void report(std::FILE* out) const;

 private:
  Task& task(pid_t id);
  void on_stop(pid_t id, int status);
  int on_signal(pid_t id, Task& t, int signal);
  void on_exec(pid_t id);
  void on_call(pid_t id, Task& t);
  void on_return(pid_t id, Task& t);
  void kill_tree();
  [[nodiscard]] std::optional<Record> describe(pid_t id, const Task& t, Registers r) const;
  [[nodiscard]] bool counted(const Record& record, const Registers& r) const;
  [[nodiscard]] bool due(const Record& record);
  void commit_fault(pid_t id, Task& t, Registers r);
  void shorten(pid_t id, Task& t, Registers& r) const;
  Word cut_vector(pid_t id, Task& t, Word vector, Word count) const;

  const Options& o_;
  pid_t main_;
  std::map<pid_t, Task> tasks_;
  std::set<pid_t> early_;  // seen before their parents' fork events
  std::vector<Record> records_;
  const Call* failing_ = nullptr;  // --from has begun, with this call
  long matches_ = 0;
  int ordinals_ = 0, status_ = 125;
  bool dying_ = false;
};

Task& Tracer::task(pid_t id) {
  Task& found = tasks_[id];
  if (found.ordinal == 0) found.ordinal = ++ordinals_;
  return found;
}

void Tracer::kill_tree() {
  dying_ = true;
  for (const auto& [id, ignored] : tasks_) kill(id, SIGKILL);
}

int Tracer::run() {
  for (;;) {
    int status = 0;
    const pid_t id = waitpid(-1, &status, __WALL);
    if (time_is_up && !dying_) kill_tree();
    if (id < 0 && errno == EINTR) continue;
    if (id < 0) break;
    if (WIFSTOPPED(status)) {
      on_stop(id, status);
      continue;
    }
    tasks_.erase(id);
    if (id == main_) status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return time_is_up ? 124 : status_;
}

/// A child's own first stop, or even its end, may come before its parent's fork event.
void Tracer::on_stop(pid_t id, int status) {
  const int signal = WSTOPSIG(status), event = status >> 16;
  int deliver = 0;
  if (event == PTRACE_EVENT_EXEC) on_exec(id);
  if (!tasks_.contains(id)) early_.insert(id);
  Task& t = task(id);
  if (dying_) {
    kill(id, SIGKILL);
  } else if (event == PTRACE_EVENT_SECCOMP) {
    on_call(id, t);
  } else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
    ptrace(PTRACE_LISTEN, id, 0, 0);  // stopped by job control: stays so until SIGCONT
    return;
  } else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
             event == PTRACE_EVENT_CLONE) {
    unsigned long child = 0;
    ptrace(PTRACE_GETEVENTMSG, id, 0, &child);
    if (child != 0 && early_.erase(static_cast<pid_t>(child)) == 0) task(static_cast<pid_t>(child));
  } else if (event == 0 && signal == (SIGTRAP | 0x80)) {
    on_return(id, t);
  } else if (event == 0) {
    deliver = on_signal(id, t, signal);
  }
  ptrace(t.in_call ? PTRACE_SYSCALL : PTRACE_CONT, id, 0, deliver);
}

/// Returns the signal to deliver: all but that of the breakpoint at the entry point.
int Tracer::on_signal(pid_t id, Task& t, int signal) {
  Registers r = {};
  if (signal != SIGTRAP || t.entry == 0) return signal;
  ptrace(PTRACE_GETREGS, id, 0, &r);
  if (r.rip != t.entry + 1) return signal;
  poke(id, t.entry, t.entry_word);
  r.rip = t.entry;
  ptrace(PTRACE_SETREGS, id, 0, &r);
  t.entry = 0;
  t.loading = false;
  return 0;
}

/// A thread that executes a program takes over its process's id.
void Tracer::on_exec(pid_t id) {
  unsigned long former = 0;
  ptrace(PTRACE_GETEVENTMSG, id, 0, &former);
  const auto old = static_cast<pid_t>(former);
  if (old != id && tasks_.contains(old)) {
    tasks_[id] = std::move(tasks_[old]);
    tasks_.erase(old);
  }
  Task& t = task(id);
  t.patches.clear();
  const std::string auxiliary = "/proc/" + std::to_string(id) + "/auxv";
  std::FILE* in = std::fopen(auxiliary.c_str(), "re");
  for (Word pair[2]; in != nullptr && std::fread(pair, sizeof pair, 1, in) == 1;) {
    if (pair[0] == AT_ENTRY) t.entry = pair[1];
  }
  if (in != nullptr) std::fclose(in);
  t.loading = t.entry != 0;
  if (!t.loading) return;
  t.entry_word = peek(id, t.entry);
  poke(id, t.entry, (t.entry_word & ~Word{0xff}) | 0xcc);
}

void Tracer::on_call(pid_t id, Task& t) {
  Registers r = {};
  if (t.loading || ptrace(PTRACE_GETREGS, id, 0, &r) != 0) return;
  const bool repeated = t.repeating && same_call(*t.repeating, r);
  if (repeated) {
    t.record = t.repeating_record;
    t.repeating.reset();
  } else {
    std::optional<Record> record = describe(id, t, r);
    if (!record) return;
    t.record = records_.size();
    records_.push_back(std::move(*record));
    records_.back().hit = due(records_.back());
  }
  t.in_call = true;
  t.before = r;
  if (!records_[t.record].hit || (repeated && o_.deed == Deed::signal)) return;
  commit_fault(id, t, r);
}

/// What the call is and does, if it is one that counts.
std::optional<Record> Tracer::describe(pid_t id, const Task& t, Registers r) const {
  const Call* call = call_of(static_cast<long>(r.orig_rax));
  if (call == nullptr || !selected(o_, *call)) return std::nullopt;
  Record record;
  record.process = t.ordinal;
  record.call = call;
  const auto at = [&](unsigned folder) {
    return name_at(id, argument(r, folder), argument(r, folder + 1));
  };
  const auto plain = [&](unsigned i) {
    return name_at(id, static_cast<Word>(AT_FDCWD), argument(r, i));
  };
  const auto descriptor = [&](unsigned i) {
    return name_of_descriptor(id, static_cast<int>(argument(r, i)));
  };
  switch (call->on) {
    case On::nothing:
    case On::process:
    case On::sockets: break;
    case On::fd0: record.path = descriptor(0); break;
    case On::fd2: record.path = descriptor(2); break;
    case On::path0: record.path = plain(0); break;
    case On::path1: record.path = plain(1); break;
    case On::at01: record.path = at(0); break;
    case On::at12: record.path = at(1); break;
    case On::two_paths01: record.path = plain(0), record.second_path = plain(1); break;
    case On::two_ats0123: record.path = at(0), record.second_path = at(2); break;
    case On::address:
      record.path = descriptor(0);
      record.second_path = name_of_address(id, r.rsi, static_cast<socklen_t>(r.rdx));
      break;
  }
  Word value = argument(r, call->shown);
  if (call->number == SYS_openat2) value = peek(id, value);
  if (!value_counts(o_, *call, value) || !counted(record, r)) return std::nullopt;
  record.shown = shown_value(*call, value);
  return record;
}

bool Tracer::counted(const Record& record, const Registers& r) const {
  const On on = record.call->on;
  const auto under = [](const std::string& path) {
    return [&path](const std::string& prefix) { return path.starts_with(prefix); };
  };
  for (const std::string* path : {&record.path, &record.second_path}) {
    if (std::any_of(o_.paths.begin(), o_.paths.end(), under(*path))) return true;
  }
  if (o_.sockets && (on == On::sockets || record.path.ends_with(":socket"))) return true;
  const Word fd = on == On::fd0 ? r.rdi & 0xffffffff : 99;
  if (o_.standard_input && fd == 0 && record.path != "/dev/null") return true;
  if (o_.standard_output && (fd == 1 || fd == 2) && record.path != "/dev/null") return true;
  const bool narrowed = !o_.paths.empty() || o_.standard_input || o_.standard_output || o_.sockets;
  const bool no_object = on == On::nothing || on == On::process || on == On::sockets ||
                         record.call->number == SYS_execve || record.call->number == SYS_execveat;
  return o_.all && (!narrowed || no_object);
}

/// Called once for each counted call, after it has been numbered.
bool Tracer::due(const Record& record) {
  const auto n = static_cast<long>(records_.size());
  if (o_.at > 0) return n == o_.at;
  if (o_.nth > 0) {
    const auto fits = [&](const std::string& path) {
      return fnmatch(o_.point_path.c_str(), path.c_str(), 0) == 0;
    };
    const bool match = (o_.point_call == "*" || o_.point_call == record.call->name) &&
                       (fits(record.path) || fits(record.second_path));
    return match && ++matches_ >= o_.nth && matches_ < o_.nth + o_.times;
  }
  if (o_.from == 0 || n < o_.from) return false;
  if (n == o_.from) failing_ = record.call;
  return !o_.names.empty() || record.call == failing_;
}

void Tracer::commit_fault(pid_t id, Task& t, Registers r) {
  Record& record = records_[t.record];
  switch (o_.deed) {
    case Deed::none:
    case Deed::error_after: return;
    case Deed::kill_tree: kill_tree(); return;
    case Deed::kill_process: kill(id, SIGKILL); return;
    case Deed::shorten: shorten(id, t, r); break;
    case Deed::error:
      r.orig_rax = ~Word{0};  // no such call: the kernel skips it and returns what is in rax
      r.rax = static_cast<Word>(-o_.value);
      record.result = strerrorname_np(static_cast<int>(o_.value));
      t.in_call = false;
      break;
    case Deed::signal:  // skip the call, go back onto its instruction; the signal comes in between
      kill(id, static_cast<int>(o_.value));
      r.rax = r.orig_rax;
      r.orig_rax = ~Word{0};
      r.rip -= 2;
      t.in_call = false, t.repeating = t.before, t.repeating_record = t.record;
      break;
  }
  ptrace(PTRACE_SETREGS, id, 0, &r);
}

void Tracer::shorten(pid_t id, Task& t, Registers& r) const {
  const auto limit = static_cast<Word>(o_.value);
  const Call& call = *records_[t.record].call;
  if (call.size == Size::plain) argument(r, call.shown) = std::min(argument(r, call.shown), limit);
  if (call.size == Size::vector) r.rdx = cut_vector(id, t, r.rsi, r.rdx);
  if (call.size != Size::message) return;
  const Word where = r.rsi + offsetof(msghdr, msg_iovlen), count = peek(id, where);
  const Word fewer = cut_vector(id, t, peek(id, r.rsi + offsetof(msghdr, msg_iov)), count);
  t.patches.push_back({where, count});
  poke(id, where, fewer);
}

/// Returns how many elements remain when all of them together may hold --short bytes.
Word Tracer::cut_vector(pid_t id, Task& t, Word vector, Word count) const {
  auto left = static_cast<Word>(o_.value);
  for (Word i = 0; i < count; ++i) {
    const Word where = vector + i * sizeof(iovec) + offsetof(iovec, iov_len);
    const Word length = peek(id, where);
    if (length >= left) {
      t.patches.push_back({where, length});
      poke(id, where, left);
      return i + 1;
    }
    left -= length;
  }
  return count;
}

void Tracer::on_return(pid_t id, Task& t) {
  Registers r = {};
  t.in_call = false;
  if (ptrace(PTRACE_GETREGS, id, 0, &r) != 0) return;
  Record& record = records_[t.record];
  const auto result = static_cast<long long>(r.rax);
  if (result <= -512 && result >= -514) {  // ERESTARTSYS and its like
    t.repeating = t.before;
    t.repeating_record = t.record;
  }
  if (result < 0 && result >= -4095) {
    const char* name = strerrorname_np(static_cast<int>(-result));
    record.result = name != nullptr ? name : "interrupted";
  } else {
    const bool child = record.call->on == On::process && result > 0;
    record.result = child ? "pid" : std::to_string(result);
  }
  if (!record.hit) return;
  if (o_.deed == Deed::shorten && record.call->size != Size::fixed) {
    for (unsigned i = 0; i < 6; ++i) argument(r, i) = argument(t.before, i);
    for (const Patch& patch : t.patches) poke(id, patch.address, patch.old);
    t.patches.clear();
  }
  if (o_.deed == Deed::error_after && result >= 0) {
    r.rax = static_cast<Word>(-o_.value);
    record.result += std::string("/") + strerrorname_np(static_cast<int>(o_.value));
  }
  ptrace(PTRACE_SETREGS, id, 0, &r);
}

/// One word for the report: never empty, no blanks, no control characters.
std::string word(const std::string& text) {
  std::string out;
  for (const char c : text) {
    char octal[5];
    const auto byte = static_cast<unsigned char>(c);
    std::snprintf(octal, sizeof octal, "\\%03o", byte);
    out += byte <= ' ' || byte == 127 || c == '\\' ? octal : std::string(1, c);
  }
  return out.empty() ? "-" : out;
}

void Tracer::report(std::FILE* out) const {
  bool hit = false;
  for (size_t i = 0; i < records_.size(); ++i) {
    const Record& r = records_[i];
    hit = hit || r.hit;
    const std::string path = word(r.path);
    if (o_.list) {
      const std::string second = r.second_path.empty() ? "" : "to=" + r.second_path;
      std::fprintf(out, "%zu %d %s %s %s -> %s\n", i + 1, r.process, r.call->name, path.c_str(),
                   word(second.empty() ? r.shown : second).c_str(), r.result.c_str());
    }
    if (r.hit) std::fprintf(out, "hit %zu %s %s\n", i + 1, r.call->name, path.c_str());
  }
  if (!hit) std::fputs("nothing hit\n", out);
  std::fprintf(out, "counted %zu\n", records_.size());
}

void set_alarm(double seconds) {
  struct sigaction action = {};
  action.sa_handler = [](int) { time_is_up = 1; };
  sigaction(SIGALRM, &action, nullptr);
  const auto whole = static_cast<time_t>(seconds);
  const auto rest = static_cast<suseconds_t>((seconds - static_cast<double>(whole)) * 1e6);
  // It rings again and again, lest the first ring falls just before a wait.
  const itimerval timer = {{0, 20000}, {whole, rest}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

int main(int, char** argv) {
  const Options asked = parse(argv);
  std::FILE* out = asked.report.empty() ? stderr : std::fopen(asked.report.c_str(), "we");
  if (out == nullptr) refuse(asked.report + ": " + std::strerror(errno));
  std::signal(SIGCHLD, SIG_DFL);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);  // orphans end here, whoever process 1 is
  const pid_t child = start(asked, argv);
  set_alarm(asked.time_limit);
  Tracer tracer(asked, child);
  const int status = tracer.run();
  tracer.report(out);
  if (std::fclose(out) != 0) refuse(asked.report + ": " + std::strerror(errno));
  return status;
}
