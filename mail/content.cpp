#include "mail/content.h"

#include <algorithm>

#include "lib/base/file.h"
#include "lib/base/text.h"

namespace reader {

namespace {
struct KnownType {
  std::string_view extension, type;
};
constexpr KnownType known_types[] = {
    {"asc", "text/plain"},
    {"bz2", "application/x-bzip2"},
    {"c", "text/x-c"},
    {"conf", "text/plain"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"diff", "text/x-diff"},
    {"eml", "message/rfc822"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ics", "text/calendar"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"log", "text/plain"},
    {"md", "text/markdown"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"patch", "text/x-diff"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"sh", "text/x-sh"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"txt", "text/plain"},
    {"vcf", "text/vcard"},
    {"webp", "image/webp"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

// /etc/mime.types: a type, then its extensions.
std::string listed_type(std::string_view text, std::string_view extension) {
  while (!text.empty()) {
    auto line = base::take(text, '\n');
    line = line.substr(0, line.find('#'));
    std::string_view type;
    while (!(line = base::trim(line)).empty()) {
      const auto end = std::min(line.size(), line.find_first_of(" \t"));
      const auto word = line.substr(0, end);
      line.remove_prefix(end);
      if (type.empty()) type = word;
      else if (base::iequals(word, extension)) return base::lowered(type);
    }
  }
  return {};
}

std::string_view text_encoding(const Content& content) {
  if (content.controls() || !content.short_lines()) return "quoted-printable";
  return content.ascii() ? "7bit" : "8bit";
}

std::string attachment_type(const Attachment& attachment, const Content& content) {
  if (!attachment.type.empty()) return base::printable(attachment.type);
  const std::string type = type_of_name(attachment.name);
  if (!type.empty()) return type;
  return content.text() ? "text/plain" : "application/octet-stream";
}

bool is_text(std::string_view type) { return base::istarts_with(type, "text/"); }
}  // namespace

void Content::append(std::string_view piece) {
  constexpr std::string_view from = "From ";
  for (const char c : piece) {
    if (c == '\n') {
      line_ = from_ = 0;
      continue;
    }
    if (from_ == line_ && from_ < from.size() && c == from[from_]) ++from_;
    from_lines_ |= from_ == from.size();
    longest_ = std::max(longest_, ++line_);
    eight_bit_ |= base::eight_bit(c);
    controls_ |= base::control(c) && c != '\t';
    nul_ |= c == '\0';
  }
  if (utf8_ && (eight_bit_ || !carried_.empty())) check_utf8(piece);
}

void Content::check_utf8(std::string_view piece) {
  const std::string joined = base::cat(carried_, piece);
  std::string_view rest = joined;
  while (!rest.empty()) {
    const auto length = base::utf8_length(rest);
    if (length == 0) break;
    rest.remove_prefix(length);
  }
  carried_ = rest.size() < 4 ? std::string(rest) : "";
  utf8_ = rest.size() < 4;
}

void Content::finish() { utf8_ = utf8_ && carried_.empty(); }

base::Result<Content> look_at(int file, std::string_view what) {
  Content content;
  std::string buffer(1 << 16, '\0');
  for (std::uint64_t offset = 0;;) {
    TRY_LET(length, base::read_at(file, buffer, offset, what));
    content.append(std::string_view(buffer).substr(0, length));
    offset += length;
    if (length < buffer.size()) break;
  }
  content.finish();
  return content;
}

Entity text_entity(std::string_view type, const Content& content) {
  Entity entity;
  entity.type = base::printable(type.empty() ? "text/plain" : type);
  entity.encoding = text_encoding(content);
  if (is_text(type) && base::ifind(type, "charset") == std::string_view::npos)
    entity.charset = content.ascii() ? "us-ascii" : content.utf8() ? "utf-8" : "unknown-8bit";
  return entity;
}

Entity attachment_entity(const Attachment& attachment, const Content& content) {
  Entity entity;
  entity.attachment = true;
  // GMime writes a line end in a name as it is. Whoever named the file writes no fields of ours.
  entity.name = base::printable(attachment.name, 1000);
  entity.type = attachment_type(attachment, content);
  const bool clean = !content.controls() && content.short_lines();
  if (base::istarts_with(entity.type, "message/rfc822")) {
    // No encoding may be given to it (RFC 2046 section 5.2.1).
    entity.encoding = content.ascii() ? "7bit" : "8bit";
    if (clean) return entity;
    entity.type = "application/octet-stream";
  }
  entity.encoding = "base64";
  if (!is_text(entity.type)) return entity;
  entity.charset = base::printable(attachment.charset);
  if (entity.charset.empty() && content.utf8())
    entity.charset = content.ascii() ? "us-ascii" : "utf-8";
  if (content.utf8() && !content.controls())
    entity.encoding = content.from_lines() ? "quoted-printable" : text_encoding(content);
  return entity;
}

std::string type_of_name(std::string_view name) {
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return {};
  const std::string extension = base::lowered(name.substr(dot + 1));
  for (const auto& known : known_types)
    if (known.extension == extension) return std::string(known.type);
  const auto types = base::read_file("/etc/mime.types", 4'000'000);
  return types ? listed_type(types.value(), extension) : "";
}

}  // namespace reader
