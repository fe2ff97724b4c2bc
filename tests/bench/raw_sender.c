// raw_sender - a file into the DATA of one SMTP transaction, in pieces of 64 KiB and just as it is:
// how fast a message can get to a server at all.
//
//   raw_sender PORT < FILE
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char piece[64 * 1024];

static void must(int good, const char* what) {
  if (good) return;
  perror(what);
  exit(75);
}

static void put(int fd, const char* text, size_t size) {
  while (size > 0) {
    const ssize_t part = write(fd, text, size);
    must(part > 0, "write");
    text += part;
    size -= (size_t)part;
  }
}

static void reply(int fd, int lines) {
  char buffer[4096];
  while (lines > 0) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    must(got > 0 && buffer[0] < '4', "reply");
    for (ssize_t i = 0; i < got; ++i) lines -= buffer[i] == '\n';
  }
}

static void say(int fd, const char* text, int lines) {
  put(fd, text, strlen(text));
  reply(fd, lines);
}

int main(int argc, char** argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (argc != 2) return 64;
  address.sin_port = htons((uint16_t)atoi(argv[1]));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(connect(fd, (const struct sockaddr*)&address, sizeof address) == 0, "connect");
  reply(fd, 1);
  say(fd, "EHLO raw\r\n", 4);
  say(fd, "MAIL FROM:<root@box.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n", 3);
  for (ssize_t got; (got = read(0, piece, sizeof piece)) != 0;) {
    must(got > 0, "standard input");
    put(fd, piece, (size_t)got);
  }
  say(fd, "\r\n.\r\n", 1);
  say(fd, "QUIT\r\n", 1);
  return 0;
}
