// sink - an SMTP server that takes all mail and keeps none, quicker than whoever sends to it.
//
//   sink DELAY MESSAGES [trace]
//
// Prints "port N", and once MESSAGES are in: "done messages=N flights=N idle=N sessions=N octets=N
// first=NS last=NS", the times being those of the first connection and of the last message's 250
// (of CLOCK_MONOTONIC). A flight is one round trip: what came at once is answered at once, DELAY
// milliseconds later. EHLO, QUIT and the like alone are an idle one. With `trace` each step of a
// session is printed with its time. Ends with its standard input.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { buffer_size = 256 * 1024, replies_size = 64 * 1024 };

typedef struct {
  int fd;
  int in_text;
  size_t begin, end;  // of what is in the buffer and not yet understood
  size_t replies_end;
  long messages;  // whose 250 is among the replies
  int ended;
  int works;  // a part of a transaction is among what came
  char buffer[buffer_size];
  char replies[replies_size];
} Session;

static struct timespec delay;
static long wanted;
static int tracing;
static atomic_long messages, flights, idle, sessions, octets, first;

static long now(void) {
  struct timespec moment;
  clock_gettime(CLOCK_MONOTONIC, &moment);
  return moment.tv_sec * 1000000000L + moment.tv_nsec;
}

static void trace(const char* step) {
  if (!tracing) return;
  printf("%s %ld\n", step, now());
}

static void reply(Session* session, const char* text) {
  const size_t size = strlen(text);
  if (session->replies_end + size > replies_size) exit(71);
  memcpy(session->replies + session->replies_end, text, size);
  session->replies_end += size;
}

static void send_replies(Session* session) {
  if (session->replies_end == 0) return;
  if (delay.tv_nsec != 0 || delay.tv_sec != 0) nanosleep(&delay, NULL);
  for (size_t sent = 0; sent < session->replies_end;) {
    const ssize_t part =
        send(session->fd, session->replies + sent, session->replies_end - sent, MSG_NOSIGNAL);
    if (part < 0) break;
    sent += (size_t)part;
  }
  session->replies_end = 0;
  const long count = session->messages;
  session->messages = 0;
  if (count == 0) return;
  trace("taken");
  const long before = atomic_fetch_add(&messages, count);
  if (before < wanted && before + count >= wanted)
    printf("done messages=%ld flights=%ld idle=%ld sessions=%ld octets=%ld first=%ld last=%ld\n",
           before + count, atomic_load(&flights), atomic_load(&idle), atomic_load(&sessions),
           atomic_load(&octets), atomic_load(&first), now());
}

static void command(Session* session, const char* line) {
  if (strncasecmp(line, "EHLO", 4) == 0) {
    trace("ehlo");
    reply(session, "250-sink.test\r\n250-PIPELINING\r\n250-SIZE 0\r\n250 8BITMIME\r\n");
  } else if (strncasecmp(line, "DATA", 4) == 0) {
    trace("data");
    session->works = 1;
    reply(session, "354 go on\r\n");
    session->in_text = 1;
  } else if (strncasecmp(line, "QUIT", 4) == 0) {
    reply(session, "221 bye\r\n");
    session->ended = 1;
  } else {
    session->works |= strncasecmp(line, "MAIL", 4) == 0 || strncasecmp(line, "RCPT", 4) == 0;
    if (strncasecmp(line, "MAIL", 4) == 0) trace("mail");
    reply(session, "250 OK\r\n");
  }
}

// Whether the end of the text was found. The CR LF before the text is still in the buffer.
static int text_ended(Session* session) {
  char* const text = session->buffer;
  size_t from = session->begin + 2;
  while (from + 2 < session->end) {
    const char* dot = memchr(text + from, '.', session->end - 2 - from);
    if (dot == NULL) break;
    from = (size_t)(dot - text);
    if (memcmp(dot - 2, "\r\n.\r\n", 5) == 0) {
      session->begin = from + 3;
      return 1;
    }
    ++from;
  }
  if (session->end - session->begin > 4) session->begin = session->end - 4;
  return 0;
}

// Takes one command or the rest of a text; whether there was one.
static int step(Session* session) {
  if (session->in_text) {
    if (!text_ended(session)) return 0;
    trace("dot");
    session->in_text = 0;
    session->works = 1;
    ++session->messages;
    reply(session, "250 taken\r\n");
    return 1;
  }
  char* const line = session->buffer + session->begin;
  char* const newline = memchr(line, '\n', session->end - session->begin);
  if (newline == NULL) return 0;
  *newline = '\0';
  command(session, line);
  *newline = '\n';
  session->begin = (size_t)(newline + 1 - session->buffer);
  if (session->in_text) session->begin -= 2;
  return 1;
}

static void* serve(void* given) {
  Session* const session = given;
  reply(session, "220 sink.test ESMTP\r\n");
  send_replies(session);
  while (!session->ended) {
    memmove(session->buffer, session->buffer + session->begin, session->end - session->begin);
    session->end -= session->begin;
    session->begin = 0;
    const ssize_t got =
        recv(session->fd, session->buffer + session->end, buffer_size - session->end, 0);
    if (got <= 0) break;
    session->end += (size_t)got;
    atomic_fetch_add(&octets, got);
    while (!session->ended && step(session)) {}
    if (session->replies_end > 0) atomic_fetch_add(session->works ? &flights : &idle, 1);
    session->works = 0;
    send_replies(session);
  }
  close(session->fd);
  free(session);
  return NULL;
}

static void* accept_all(void* given) {
  const int listener = *(int*)given;
  const int on = 1;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (;;) {
    const int fd = accept(listener, NULL, NULL);
    if (fd < 0) exit(71);
    if (atomic_fetch_add(&sessions, 1) == 0) atomic_store(&first, now());
    trace("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Session* const session = calloc(1, sizeof *session);
    pthread_t thread;
    session->fd = fd;
    if (pthread_create(&thread, &attributes, serve, session) != 0) exit(71);
  }
  return NULL;
}

int main(int argc, char** argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  pthread_t thread;
  char end;
  if (argc < 3) return 64;
  const long milliseconds = atol(argv[1]);
  delay = (struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000};
  wanted = atol(argv[2]);
  tracing = argc > 3;
  setvbuf(stdout, NULL, _IOLBF, 4096);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (struct sockaddr*)&address, size) != 0 ||
      listen(listener, 1024) != 0 ||
      getsockname(listener, (struct sockaddr*)&address, &size) != 0) {
    perror("sink");
    return 71;
  }
  printf("port %d\n", ntohs(address.sin_port));
  if (pthread_create(&thread, NULL, accept_all, &listener) != 0) return 71;
  while (read(0, &end, 1) > 0) {}
  return 0;
}
