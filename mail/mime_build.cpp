// A message with attachments is built: mime.h's Mime::build(). What the files hold is looked at
// here, where reading them is allowed and errors can name them; the helper writes the entity.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "mail/content.h"
#include "mail/mime.h"
#include "mail/mime_wire.h"

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
Result<Source> encoded(Source source) {
  if (source.entity.encoding != "quoted-printable") return source;
  struct stat status {};
  if (::fstat(source.file.number(), &status) != 0)
    return base::system_error("message", "stat", errno);
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  TRY_LET(length, base::read_at(source.file.number(), text, 0, "message"));
  text.resize(length);
  base::Fd file(::memfd_create("text", MFD_CLOEXEC));
  if (!file) return base::system_error("message", "memfd_create", errno);
  TRY(base::write_all(file.number(), quoted_printable(text), "message"));
  source.file = std::move(file);
  source.entity.encoded = true;
  return source;
}

Result<Source> opened(const Attachment& attachment) {
  // A FIFO or a device would be read twice, or never end.
  base::Fd file(::open(attachment.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return cannot_read(attachment.path, errno);
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return cannot_read(attachment.path, errno);
  if (S_ISDIR(status.st_mode)) return cannot_read(attachment.path, EISDIR);
  if (!S_ISREG(status.st_mode))
    return Error{Kind::no_input, base::cat(attachment.path, ": not a regular file")};
  TRY_LET(content, look_at(file.number(), attachment.path));
  return encoded(Source{attachment_entity(attachment, content), std::move(file)});
}
// A descriptor of our own on what the caller keeps.
Result<Source> body_of(int body, std::string_view type) {
  TRY_LET(content, look_at(body, "message"));
  base::Fd file(::fcntl(body, F_DUPFD_CLOEXEC, 3));
  if (!file) return base::system_error("message", "dup", errno);
  return encoded(Source{text_entity(type, content), std::move(file)});
}
}  // namespace

Result<> Mime::build(int body, std::string_view type, std::span<const Attachment> attachments,
                     int output) {
  TRY_LET(text, body_of(body, type));
  std::vector<Source> sources;
  for (const auto& attachment : attachments) {
    TRY_LET(source, opened(attachment));
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
