// floor_relay - what a safe relay must do at least: the messages of a folder of entries over
// SESSIONS connections, pipelined, the next envelope riding with the final dot. After its 250 a
// message is recorded by one octet and fdatasync, and removed, before the next text leaves. It
// believes in every reply, and everything goes from the same sender to the same recipient.
//
//   floor_relay PORT SESSIONS FOLDER
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { most_entries = 100000, pieces = 64 * 1024 };

typedef struct {
  const char* name;
  int fd;
} Entry;

typedef struct {
  int fd;
  size_t used;
  char text[2 * pieces + 1024];
} Stream;

static const char envelope[] =
    "MAIL FROM:<root@box.example> SIZE=1000\r\n"
    "RCPT TO:<jane.doe@example.org>\r\nDATA\r\n";
static char* names[most_entries];
static size_t count;
static atomic_size_t next_entry;
static int folder, port;

static void must(int good, const char* what) {
  if (good) return;
  perror(what);
  exit(75);
}

static void flush(Stream* stream) {
  for (size_t sent = 0; sent < stream->used;) {
    const ssize_t part = send(stream->fd, stream->text + sent, stream->used - sent, MSG_NOSIGNAL);
    must(part > 0, "send");
    sent += (size_t)part;
  }
  stream->used = 0;
}

static void add(Stream* stream, const char* text, size_t size) {
  memcpy(stream->text + stream->used, text, size);
  stream->used += size;
}

// Waits for replies of one line each.
static void replies(Stream* stream, int lines) {
  char buffer[4096];
  while (lines > 0) {
    const ssize_t got = recv(stream->fd, buffer, sizeof buffer, 0);
    must(got > 0 && buffer[0] < '4', "reply");
    for (ssize_t i = 0; i < got; ++i) lines -= buffer[i] == '\n';
  }
}

static int take(Entry* entry) {
  const size_t i = atomic_fetch_add(&next_entry, 1);
  if (i >= count) return 0;
  entry->name = names[i];
  entry->fd = openat(folder, names[i], O_RDWR | O_CLOEXEC);
  must(entry->fd >= 0, names[i]);
  return 1;
}

// LF becomes CR LF, a dot at a line's beginning two.
static void add_lines(Stream* stream, const char* text, size_t size, int* at_start) {
  const char* const end = text + size;
  while (text < end) {
    if (*at_start && *text == '.') stream->text[stream->used++] = '.';
    const char* const newline = memchr(text, '\n', (size_t)(end - text));
    *at_start = newline != NULL;
    add(stream, text, (size_t)((newline != NULL ? newline : end) - text));
    if (newline == NULL) return;
    add(stream, "\r\n", 2);
    text = newline + 1;
  }
}

// The message of an entry begins behind its first empty line. The end waits for the final dot.
static void add_message(Stream* stream, int fd) {
  char piece[pieces];
  int at_start = 1;
  ssize_t got = read(fd, piece, sizeof piece);
  must(got > 0, "entry");
  const char* const head_end = memmem(piece, (size_t)got, "\n\n", 2);
  must(head_end != NULL, "head of an entry");
  const char* text = head_end + 2;
  for (size_t size = (size_t)(piece + got - text); size > 0; size = (size_t)got, text = piece) {
    if (stream->used > 0) flush(stream);
    add_lines(stream, text, size, &at_start);
    got = read(fd, piece, sizeof piece);
    must(got >= 0, "entry");
  }
}

static void record(const Entry* entry) {
  must(pwrite(entry->fd, "D", 1, 16) == 1, "record");
  must(fdatasync(entry->fd) == 0, "record");
  must(unlinkat(folder, entry->name, 0) == 0, "remove");
  close(entry->fd);
}

static void open_session(Stream* stream) {
  const int on = 1;
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)port),
                                      .sin_addr = {htonl(INADDR_LOOPBACK)}};
  stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(connect(stream->fd, (const struct sockaddr*)&address, sizeof address) == 0, "connect");
  setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  replies(stream, 1);
  add(stream, "EHLO floor\r\n", 12);
  flush(stream);
  replies(stream, 4);
}

static void* relay(void* unused) {
  static _Thread_local Stream stream;
  Entry entry, ahead;
  if (!take(&entry)) return unused;
  open_session(&stream);
  add(&stream, envelope, sizeof envelope - 1);
  flush(&stream);
  replies(&stream, 3);
  for (int more = 1; more; entry = ahead) {
    add_message(&stream, entry.fd);
    add(&stream, ".\r\n", 3);
    more = take(&ahead);
    if (more) add(&stream, envelope, sizeof envelope - 1);
    flush(&stream);
    replies(&stream, more ? 4 : 1);
    record(&entry);
  }
  add(&stream, "QUIT\r\n", 6);
  flush(&stream);
  close(stream.fd);
  return unused;
}

static int by_name(const void* a, const void* b) {
  return strcmp(*(char* const*)a, *(char* const*)b);
}

static void list(const char* path) {
  folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = opendir(path);
  must(folder >= 0 && listing != NULL, path);
  for (const struct dirent* each; (each = readdir(listing)) != NULL && count < most_entries;)
    if (each->d_name[0] != '.') names[count++] = strdup(each->d_name);
  closedir(listing);
  qsort(names, count, sizeof *names, by_name);
}

int main(int argc, char** argv) {
  pthread_t threads[64];
  const int sessions = argc == 4 ? atoi(argv[2]) : 0;
  if (sessions < 1 || sessions > 64) return 64;
  port = atoi(argv[1]);
  list(argv[3]);
  for (int i = 0; i < sessions; ++i)
    must(pthread_create(&threads[i], NULL, relay, NULL) == 0, "thread");
  for (int i = 0; i < sessions; ++i) pthread_join(threads[i], NULL);
  return 0;
}
