// pairs - run two commands in turn, A B A B …, and print what each run took: "NANOSECONDS
// NANOSECONDS" a pair, then "rss KIBIBYTES KIBIBYTES", the most memory that any run of each had.
// Each run reads the file INPUT from its beginning; standard output goes to /dev/null.
//
//   pairs COUNT INPUT A... -- B...
//
// A tiny program of its own: a child's memory count begins with that of whoever started it, and
// what a big parent's fork costs would hide the difference between two small programs.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec moment;
  clock_gettime(CLOCK_MONOTONIC, &moment);
  return moment.tv_sec * 1000000000LL + moment.tv_nsec;
}

// What one run took; ends the program when the command fails.
static long long run(char** command, int input, int null, long* rss) {
  struct rusage usage;
  int status;
  if (lseek(input, 0, SEEK_SET) < 0) exit(66);
  const long long start = now();
  const pid_t child = vfork();
  if (child == 0) {
    if (dup2(input, 0) < 0 || dup2(null, 1) < 0) _exit(126);
    execv(command[0], command);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) != child) exit(71);
  const long long took = now() - start;
  if (status != 0) {
    fprintf(stderr, "pairs: %s: wait status %d\n", command[0], status);
    exit(1);
  }
  if (usage.ru_maxrss > *rss) *rss = usage.ru_maxrss;
  return took;
}

int main(int argc, char** argv) {
  int second = 4;
  while (second < argc && strcmp(argv[second], "--") != 0) ++second;
  if (second + 1 >= argc) {
    fputs("usage: pairs COUNT INPUT A... -- B...\n", stderr);
    return 64;
  }
  argv[second++] = NULL;
  const int input = open(argv[2], O_RDONLY | O_CLOEXEC);
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (input < 0 || null < 0) return 66;
  long rss[2] = {0, 0};
  for (int count = atoi(argv[1]); count > 0; --count) {
    const long long a = run(argv + 3, input, null, &rss[0]);
    const long long b = run(argv + second, input, null, &rss[1]);
    printf("%lld %lld\n", a, b);
  }
  printf("rss %ld %ld\n", rss[0], rss[1]);
  return 0;
}
