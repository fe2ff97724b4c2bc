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
  return Source{attachment_entity(attachment, content), std::move(file)};
}
}  // namespace

Result<> Mime::build(int body, std::string_view type, std::span<const Attachment> attachments,
                     int output) {
  TRY_LET(content, look_at(body, "message"));
  std::vector<Source> sources;
  for (const auto& attachment : attachments) {
    TRY_LET(source, opened(attachment));
    sources.push_back(std::move(source));
  }
  WireWriter values;
  values.number(ask_build).number(sources.size());
  append_entity(text_entity(type, content), values);
  TRY(request(values.take(), {body, output}));
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
