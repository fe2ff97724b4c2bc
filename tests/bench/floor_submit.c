// floor_submit - the system calls of `sendmail -odq RECIPIENT`, in its order and without its
// thoughts: what a small submission costs at least. Linked statically; who the user is it reads in
// /etc/passwd alone.
//
//   floor_submit CONFIG SPOOL RECIPIENT < MESSAGE
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char text[65536];

static int must(int result, const char* what) {
  if (result < 0) {
    perror(what);
    exit(75);
  }
  return result;
}

// A small file, read to its end.
static void look_into(const char* path) {
  struct stat status;
  const int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  fstat(fd, &status);
  while (read(fd, text, 16384) > 0) {}
  close(fd);
}

static int folder(int parent, const char* name) {
  struct stat status;
  const int fd = must(openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), name);
  must(fstat(fd, &status), name);
  return fd;
}

static void start(void) {
  sigset_t none;
  for (int fd = 0; fd <= 2; ++fd) fcntl(fd, F_GETFD);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  signal(SIGALRM, SIG_DFL);
  alarm(0);
  umask(077);
  if (geteuid() != getuid() || getegid() != getgid()) exit(77);
}

// Which configuration, whether others could replace it, the host's name, the time zone.
static void site(const char* config) {
  struct stat status;
  struct utsname host;
  char part[4096];
  look_into("/etc/passwd");
  stat("/root", &status);
  access("/etc/postbag/postbag.ini", F_OK);
  access(config, F_OK);
  snprintf(part, sizeof part, "%s", config);
  for (char* slash = part + strlen(part); slash != NULL && slash != part;
       slash = strrchr(part, '/')) {
    *slash = '\0';
    stat(part, &status);
  }
  stat("/", &status);
  access("/root/.config/postbag/postbag.ini", F_OK);
  look_into(config);
  uname(&host);
  look_into("/etc/hosts");
}

static size_t message(const char* recipient) {
  struct termios terminal;
  struct stat status;
  ioctl(0, TCGETS, &terminal);
  const int head =
      snprintf(text, 1024, "postbag 1\nto a 0 <%s> <%s>\n%500s\n\n", recipient, recipient, "");
  size_t size = (size_t)head;
  const int zone = open("/etc/localtime", O_RDONLY | O_CLOEXEC);
  if (zone >= 0) {
    fstat(zone, &status);
    if (read(zone, text + size, 4096) < 0) exit(74);
    close(zone);
  }
  for (;;) {
    const ssize_t got = read(0, text + size, 32768);
    if (must((int)got, "standard input") == 0) return size;
    size += (size_t)got;
  }
}

// What syslog does, whether anybody listens or not.
static void tell_log(const char* name) {
  struct sockaddr_un address = {AF_UNIX, "/dev/log"};
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  getpid();
  if (connect(fd, (const struct sockaddr*)&address, sizeof address) == 0)
    send(fd, name, strlen(name), MSG_NOSIGNAL);
  close(fd);
}

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  start();
  site(argv[1]);
  const int root = folder(AT_FDCWD, argv[2]);
  const int tmp = folder(root, "tmp"), queue = folder(root, "queue");
  folder(root, "why"), folder(root, "bad"), folder(root, "run");
  close(root);
  unsigned random[2];
  struct timespec moment;
  clock_gettime(CLOCK_REALTIME, &moment);
  must((int)getrandom(random, 4, 0), "getrandom");
  char name[64], committed[128];
  snprintf(name, sizeof name, "%011lX%04X", moment.tv_sec * 1000000 + moment.tv_nsec / 1000,
           random[0] & 0xffff);
  const int fd =
      must(openat(tmp, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), name);
  must(fchmod(fd, 0600), name);
  must(flock(fd, LOCK_EX | LOCK_NB), name);
  const size_t size = message(argv[3]);
  must((int)pwrite(fd, text, size, 0), name);
  must(fsync(fd), name);
  must(fcntl(fd, F_DUPFD_CLOEXEC, 3), name);
  must(close(fd), name);
  snprintf(committed, sizeof committed, "%s.0-%zu", name, size);
  must(renameat2(tmp, name, queue, committed, RENAME_NOREPLACE), committed);
  must(fsync(queue), "queue");
  tell_log(committed);
  return 0;
}
