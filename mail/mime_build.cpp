// A message with attachments is built: mime.h's Mime::build(). What the files hold is looked at
// here, where reading them is allowed and errors can name them; the helper writes the entity.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "mail/body.h"
#include "mail/content.h"
#include "mail/mime.h"
#include "mail/mime_wire.h"
#include "mail/scratch.h"

namespace reader {

using base::Error;
using base::Kind;
using base::Result;

namespace {
struct Source {
  Entity entity;
  base::Fd file;
};

Error cannot_read(std::string_view path, int number) {
  return {Kind::no_input, base::cat(path, ": ", std::strerror(number)), number};
}

// GMime's encoder leaves a CR before an LF alone, and what carries mail would take it away.
Result<Source> encoded(Source source, const std::string& tmp) {
  if (source.entity.encoding != "quoted-printable") return source;
  Scratch file(tmp);
  QuotedPrintable encoder;
  std::string out;
  TRY(read_pieces(source.file.number(), 0, [&](std::string_view piece) {
    out.clear();
    encoder.append(piece, out);
    return file.append(out);
  }));
  out.clear();
  encoder.finish(out);
  TRY(file.append(out));
  TRY_LET(finished, std::move(file).finish());
  source.file = std::move(finished);
  source.entity.encoded = true;
  return source;
}

// All that a file holds now. It may grow while we look at it, and what the kernel makes up (in
// /proc) has no size, so it is read to its end, once.
Result<base::Fd> snapshot(int file, const Attachment& attachment, const std::string& tmp) {
  Scratch copy(tmp);
  std::string buffer(1 << 16, '\0');
  for (;;) {
    const auto length = base::read_some(file, buffer, attachment.path);
    if (!length) return cannot_read(attachment.path, length.error().system_error);
    if (length.value() == 0) return std::move(copy).finish();
    TRY(copy.append(std::string_view(buffer).substr(0, length.value())));
  }
}

Result<Source> opened(const Attachment& attachment, const std::string& tmp) {
  // A FIFO or a device might never end.
  base::Fd file(::open(attachment.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return cannot_read(attachment.path, errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return cannot_read(attachment.path, errno);
  if (S_ISDIR(status.st_mode)) return cannot_read(attachment.path, EISDIR);
  if (!S_ISREG(status.st_mode))
    return Error{Kind::no_input, base::cat(attachment.path, ": not a regular file")};
  TRY_LET(copy, snapshot(file.number(), attachment, tmp));
  TRY_LET(content, look_at(copy.number(), attachment.path));
  return encoded(Source{attachment_entity(attachment, content), std::move(copy)}, tmp);
}

// A descriptor of our own on what the caller keeps.
Result<Source> body_of(int body, std::string_view type, const std::string& tmp) {
  TRY_LET(content, look_at(body, "message"));
  base::Fd file(::fcntl(body, F_DUPFD_CLOEXEC, 3));
  if (!file) return base::system_error("message", "dup", errno);
  return encoded(Source{text_entity(type, content), std::move(file)}, tmp);
}
}  // namespace

Result<> Mime::build(int body, std::string_view type, std::span<const Attachment> attachments,
                     int output) {
  TRY_LET(text, body_of(body, type, tmp_));
  std::vector<Source> sources;
  for (const auto& attachment : attachments) {
    TRY_LET(source, opened(attachment, tmp_));
    sources.push_back(std::move(source));
  }
  WireWriter values;
  values.number(ask_build).number(sources.size());
  append_entity(text.entity, values);
  TRY(request(values.take(), {text.file.number(), output}));
  for (const auto& source : sources) {
    WireWriter attached;
    attached.number(ask_attachment);
    append_entity(source.entity, attached);
    // A helper that has died says so in its missing reply.
    if (!send_packet(channel_.number(), attached.take(), {source.file.number()})) break;
  }
  TRY(reply());
  return {};
}

}  // namespace reader
