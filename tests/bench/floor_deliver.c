// floor_deliver.c - what local deliveries cost at least: the same locking, writing and syncing as ours, and nothing else.
//
//   floor_deliver mbox BOX MESSAGE COUNT [JOURNAL]    each: kernel lock, dot lock, note, append, fdatasync
//   floor_deliver maildir BOX MESSAGE COUNT           each: tmp/, fsync, rename into new/, fsync of new/
//
// Prints deliveries per second.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void must(int holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(1);
}

static char *message;
static size_t size;

static void load(const char *path) {
  const char head[] =
      "From tom@example.org Fri Nov 20 11:56:07 2026\nReturn-Path: <tom@example.org>\n"
      "X-Original-To: jane\nDelivered-To: jane@lan.example\n";
  struct stat status;
  int fd = open(path, O_RDONLY);
  must(fd >= 0 && fstat(fd, &status) == 0, path);
  size = sizeof head - 1 + (size_t)status.st_size + 1;
  message = malloc(size);
  must(message != NULL, "malloc");
  memcpy(message, head, sizeof head - 1);
  must(read(fd, message + sizeof head - 1, (size_t)status.st_size) == status.st_size, path);
  message[size - 1] = '\n';
  close(fd);
}

static void into_mbox(const char *box, const char *lock, int journal) {
  static char note[4096];
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int fd = open(box, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  must(fd >= 0 && fcntl(fd, F_OFD_SETLK, &whole) == 0, box);
  int dot = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
  must(dot >= 0 && close(dot) == 0, lock);
  if (journal >= 0) {
    must(pwrite(journal, note, sizeof note, 0) == (ssize_t)sizeof note, "journal");
    must(fdatasync(journal) == 0, "journal");
  }
  must(pwrite(fd, message, size, lseek(fd, 0, SEEK_END)) == (ssize_t)size, box);
  must(fdatasync(fd) == 0, box);
  must(unlink(lock) == 0 && close(fd) == 0, box);
}

static void into_maildir(const char *box, int number) {
  char tmp[4096], fresh[4096];
  snprintf(tmp, sizeof tmp, "%s/tmp/1795175767.%d.floor", box, number);
  snprintf(fresh, sizeof fresh, "%s/new/1795175767.%d.floor", box, number);
  int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  must(fd >= 0 && write(fd, message, size) == (ssize_t)size, tmp);
  must(fsync(fd) == 0 && close(fd) == 0, tmp);
  must(renameat2(AT_FDCWD, tmp, AT_FDCWD, fresh, RENAME_NOREPLACE) == 0, fresh);
  snprintf(fresh, sizeof fresh, "%s/new", box);
  int folder = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(folder >= 0 && fsync(folder) == 0 && close(folder) == 0, fresh);
}

int main(int argc, char **argv) {
  char name[4096];
  struct timespec start, end;
  must(argc >= 5, "usage: floor_deliver mbox|maildir BOX MESSAGE COUNT [JOURNAL]");
  load(argv[3]);
  int journal = argc > 5 ? open(argv[5], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
  int maildir = strcmp(argv[1], "maildir") == 0;
  for (int part = 0; maildir && part < 3; ++part) {
    snprintf(name, sizeof name, "%s/%s", argv[2], (const char *[]){"tmp", "new", "cur"}[part]);
    if (part == 0) mkdir(argv[2], 0700);
    mkdir(name, 0700);
  }
  snprintf(name, sizeof name, "%s.lock", argv[2]);
  clock_gettime(CLOCK_MONOTONIC, &start);
  int count = atoi(argv[4]);
  for (int i = 0; i < count; ++i) {
    if (maildir) into_maildir(argv[2], i);
    else into_mbox(argv[2], name, journal);
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
  printf("%.0f\n", count / seconds);
  return 0;
}
