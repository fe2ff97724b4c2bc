// floor_deliver - what local deliveries from a queue must cost at least: the same reading, locking, writing and syncing
// as ours by one process, and nothing else. It believes in every entry, expands and logs nothing.
//
//   floor_deliver mbox|maildir BOX QUEUE RUN
//
// Each entry of QUEUE: open, read; into the mailbox; one octet of it overwritten and fdatasync; unlink.
// mbox: kernel lock, dot lock, a note of the length (an attribute where the file system keeps the order, else a link in
// RUN and fsync), append, fdatasync, note of the end, unlock. maildir: tmp/, fsync, rename into new/, fsync of new/.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { most_entries = 100000, largest = 1 << 20 };

static const char head[] =
    "From tom@example.org Fri Nov 20 11:56:07 2026\nReturn-Path: <tom@example.org>\n"
    "X-Original-To: jane\nDelivered-To: jane@lan.example\n";
static char message[largest];
static size_t size;
static char* names[most_entries];
static int queue, run;

static void must(int holds, const char* what) {
  if (holds) return;
  perror(what);
  exit(75);
}

static int take(const char* name) {
  static char entry[largest];
  const int fd = openat(queue, name, O_RDWR | O_CLOEXEC);
  must(fd >= 0, name);
  const ssize_t got = pread(fd, entry, sizeof entry, 0);
  must(got > 0, name);
  const char* const text = memmem(entry, (size_t)got, "\n\n", 2);
  must(text != NULL, name);
  const size_t rest = (size_t)(entry + got - text) - 2;
  memcpy(message, head, sizeof head - 1);
  memcpy(message + sizeof head - 1, text + 2, rest);
  size = sizeof head - 1 + rest;
  message[size++] = '\n';
  return fd;
}

static void note(int box, const char* text) {
  struct statfs system;
  must(fstatfs(box, &system) == 0, "statfs");
  const int ordered = system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC ||
                      system.f_type == BTRFS_SUPER_MAGIC;
  if (ordered && fsetxattr(box, "user.floor", text, strlen(text), 0) == 0) return;
  must(symlinkat(text, run, "floor.new") == 0, "note");
  must(renameat(run, "floor.new", run, "floor") == 0, "note");
  if (text[0] == 'b') must(fsync(run) == 0, "note");
}

static void into_mbox(const char* box, const char* lock) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  const int fd = open(box, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  must(fd >= 0 && fcntl(fd, F_OFD_SETLK, &whole) == 0, box);
  const int dot = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0500);
  must(dot >= 0 && close(dot) == 0, lock);
  note(fd, "begun");
  must(pwrite(fd, message, size, lseek(fd, 0, SEEK_END)) == (ssize_t)size, box);
  must(fdatasync(fd) == 0, box);
  note(fd, "ended");
  must(unlink(lock) == 0 && close(fd) == 0, box);
}

static void into_maildir(const char* box, const char* name) {
  char tmp[4096], fresh[4096];
  snprintf(tmp, sizeof tmp, "%s/tmp/%s", box, name);
  snprintf(fresh, sizeof fresh, "%s/new/%s", box, name);
  const int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  must(fd >= 0 && write(fd, message, size) == (ssize_t)size, tmp);
  must(fsync(fd) == 0 && close(fd) == 0, tmp);
  must(renameat2(AT_FDCWD, tmp, AT_FDCWD, fresh, RENAME_NOREPLACE) == 0, fresh);
  snprintf(fresh, sizeof fresh, "%s/new", box);
  const int folder = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(folder >= 0 && fsync(folder) == 0 && close(folder) == 0, fresh);
}

static size_t list(const char* path) {
  size_t count = 0;
  DIR* const folder = opendir(path);
  must(folder != NULL, path);
  for (const struct dirent* each; (each = readdir(folder)) != NULL;)
    if (each->d_name[0] != '.' && count < most_entries) names[count++] = strdup(each->d_name);
  closedir(folder);
  return count;
}

static void make_folders(const char* box) {
  char name[4096];
  mkdir(box, 0700);
  for (int part = 0; part < 3; ++part) {
    snprintf(name, sizeof name, "%s/%s", box, (const char*[]){"tmp", "new", "cur"}[part]);
    mkdir(name, 0700);
  }
}

int main(int argc, char** argv) {
  char lock[4096];
  must(argc == 5, "usage: floor_deliver mbox|maildir BOX QUEUE RUN");
  const int maildir = strcmp(argv[1], "maildir") == 0;
  queue = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  run = open(argv[4], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  must(queue >= 0 && run >= 0, argv[3]);
  if (maildir) make_folders(argv[2]);
  snprintf(lock, sizeof lock, "%s.lock", argv[2]);
  const size_t count = list(argv[3]);
  for (size_t i = 0; i < count; ++i) {
    const int entry = take(names[i]);
    if (maildir) into_maildir(argv[2], names[i]);
    else into_mbox(argv[2], lock);
    must(pwrite(entry, "D", 1, 16) == 1 && fdatasync(entry) == 0, "record");
    must(unlinkat(queue, names[i], 0) == 0 && close(entry) == 0, "remove");
  }
  return 0;
}
