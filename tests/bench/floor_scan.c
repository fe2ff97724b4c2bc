// floor_scan - the floor of opening an mbox: read it through a 1 MB buffer and count the lines that
// begin with "From " behind an empty line. Prints the count.
//
//   floor_scan FILE
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { buffer_size = 1 << 20, kept = 7 };  // kept: "\n\nFrom " across two reads

int main(int argc, char** argv) {
  static char buffer[buffer_size + kept];
  const int file = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) {
    fputs("usage: floor_scan FILE\n", stderr);
    return 64;
  }
  long count = 0;
  size_t held = 1;
  buffer[0] = '\n';  // the start of the file is behind an empty line
  for (;;) {
    const ssize_t got = read(file, buffer + held, buffer_size);
    if (got < 0) return 74;
    if (got == 0) break;
    const char* end = buffer + held + got;
    const char* at = buffer;
    while ((at = memmem(at, (size_t)(end - at), "\nFrom ", 6)) != NULL) {
      count += at == buffer || at[-1] == '\n';
      ++at;
    }
    held = (size_t)(end - buffer) < kept - 1 ? (size_t)(end - buffer) : kept - 1;
    memmove(buffer, end - held, held);
  }
  printf("%ld\n", count);
  return 0;
}
