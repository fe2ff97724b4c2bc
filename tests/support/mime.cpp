// mime - the MIME helper's client alone: reads and builds messages, for program tests.
//
//   mime HELPER read FILE                   a line for each part, then its text
//   mime HELPER extract FILE NUMBER         its content
//   mime HELPER build BODY TYPE [FILE NAME TYPE CHARSET]…
//   mime HELPER twice FILE FILE             both are read by one client; the first may end badly
#include "mail/mime.h"

#include <fcntl.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdio>
#include <span>

#include "lib/base/file.h"
#include "lib/base/main.h"
#include "lib/base/text.h"

namespace {
using base::cat;

base::Result<std::string> content(const std::string& path) {
  return base::read_file(path, 1'000'000'000);
}

base::Result<int> read(reader::Mime& mime, const std::string& path) {
  TRY_LET(text, content(path));
  TRY_LET(message, mime.read(text));
  for (const auto& part : message.parts) {
    base::print(cat("[", part.number, "] ", part.depth, " ", part.type, " charset=", part.charset,
                    " encoding=", part.encoding, " name=", part.name, " ",
                    part.container ? "container " : "", part.attachment ? "attachment " : "",
                    part.shown ? "shown " : "", part.size, "/", part.lines, "\n"));
    if (part.shown) base::print(part.text);
  }
  return EX_OK;
}

base::Result<int> build(reader::Mime& mime, std::span<const std::string> args) {
  const base::Fd body(::open(args[0].c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<reader::Attachment> attachments;
  for (std::size_t i = 2; i + 3 < args.size(); i += 4)
    attachments.push_back({args[i], args[i + 1], args[i + 2], args[i + 3]});
  TRY(mime.build(body.number(), args[1], attachments, STDOUT_FILENO));
  return EX_OK;
}

base::Result<int> run(base::Args args) {
  if (args.size() < 3) return base::Error{base::Kind::usage, "see the source"};
  reader::Mime mime(args[0]);
  const std::string& what = args[1];
  if (what == "read") return read(mime, args[2]);
  if (what == "build") return build(mime, args.subspan(2));
  if (what == "twice") {
    const auto first = read(mime, args[2]);
    base::print(first ? "" : cat("first: ", first.error().text, "\n"));
    return read(mime, args[3]);
  }
  TRY_LET(text, content(args[2]));
  TRY(mime.extract(text, args[3], STDOUT_FILENO));
  return EX_OK;
}
}  // namespace

int main(int argc, char** argv) { return base::run_main("mime", argc, argv, run); }
