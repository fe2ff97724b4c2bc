/* clock.c - a wall clock that a test sets, for programs that are started with LD_PRELOAD. The file that
 * POSTBAG_TEST_CLOCK names holds a number of microseconds (int64_t), which is added to the time of day. It is mapped
 * when a program starts: the programs may empty their environment, and the test may set the clock under way. Steady
 * clocks go as always, and so do the times that the kernel writes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* offset;

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("POSTBAG_TEST_CLOCK");
  if (path == NULL) return;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  void* place = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
  if (place == MAP_FAILED) abort(); /* a test that believes in a clock that is not there would prove nothing */
  close(fd);
  offset = place;
}

int clock_gettime(clockid_t clock, struct timespec* result) {
  const int status = (int)syscall(SYS_clock_gettime, clock, result);
  if (status != 0 || clock != CLOCK_REALTIME || offset == NULL) return status;
  const int64_t micros = (int64_t)result->tv_sec * 1000000 + result->tv_nsec / 1000 + *offset;
  result->tv_sec = (time_t)(micros / 1000000);
  result->tv_nsec = (long)(micros % 1000000) * 1000 + result->tv_nsec % 1000;
  return 0;
}

time_t time(time_t* result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday(struct timeval* restrict result, void* restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  result->tv_sec = now.tv_sec;
  result->tv_usec = now.tv_nsec / 1000;
  return 0;
}
