#include "mail/attachments.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "lib/base/fd.h"
#include "lib/base/text.h"

namespace reader {

using base::cat;
using base::Fd;
using base::Result;

namespace {
struct NewFile {
  Fd file;
  std::string path;
};

std::string numbered(const std::string& name, int number) {
  if (number == 0) return name;
  const auto dot = name.rfind('.');
  const auto stem = dot == std::string::npos || dot == 0 ? name.size() : dot;
  return cat(name.substr(0, stem), "-", number, name.substr(stem));
}

Result<NewFile> create(const std::string& folder, const std::string& name) {
  const std::string start = folder.empty() || folder.ends_with('/') ? folder : folder + "/";
  for (int number = 0; number < 1000; ++number) {
    const std::string path = cat(start, numbered(name, number));
    Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (file) return NewFile{std::move(file), path};
    if (errno != EEXIST) return base::system_error(path, "create", errno);
  }
  return base::Error{base::Kind::io, cat(start, name, ": too many files of this name")};
}

// Whether a part stands for text that is shown in another form: it is below a multipart/alternative
// of which something is shown.
bool other_form_shown(const std::vector<MimePart>& parts, std::size_t index) {
  constexpr std::string_view forms[] = {"text/plain",    "text/html",       "text/enriched",
                                        "text/richtext", "text/x-amp-html", "text/watch-html"};
  const auto& type = parts[index].type;
  if (std::find(std::begin(forms), std::end(forms), type) == std::end(forms)) return false;
  int depth = parts[index].depth;
  for (std::size_t i = index; i-- > 0;) {
    if (parts[i].depth >= depth) continue;
    depth = parts[i].depth;
    if (parts[i].type != "multipart/alternative") continue;
    for (auto below = i + 1; below < parts.size() && parts[below].depth > depth; ++below)
      if (parts[below].shown && !parts[below].container) return true;
  }
  return false;
}

bool wanted(const std::vector<MimePart>& parts, std::size_t index) {
  const auto& part = parts[index];
  if (part.attachment) return true;
  if (part.shown) return false;
  if (part.container) return part.type == "message/rfc822";
  if (!part.name.empty()) return true;
  return part.size > 0 && !other_form_shown(parts, index);
}
}  // namespace

std::vector<const MimePart*> attachments_of(const MimeMessage& message) {
  constexpr int nowhere = 1'000'000;
  std::vector<const MimePart*> found;
  int within = nowhere;  // depth of the attached message we are in
  for (std::size_t i = 0; i < message.parts.size(); ++i) {
    const auto& part = message.parts[i];
    if (part.depth > within) continue;
    within = nowhere;
    if (!wanted(message.parts, i)) continue;
    found.push_back(&part);
    if (part.container) within = part.depth;
  }
  return found;
}

const MimePart* part_numbered(const MimeMessage& message, std::string_view number) {
  if (const auto* const part = message.find(number)) return part;
  return number == "1" && message.parts.size() == 1 ? &message.parts[0] : nullptr;
}

std::string file_name(const MimePart& part) {
  std::string name = safe_name(part);
  if (name.find('.', 1) != std::string::npos && !part.name.empty()) return name;
  struct Extension {
    std::string_view type, extension;
  };
  constexpr Extension extensions[] = {
      {"text/plain", ".txt"},      {"text/html", ".html"},    {"message/rfc822", ".eml"},
      {"application/pdf", ".pdf"}, {"image/png", ".png"},     {"image/jpeg", ".jpg"},
      {"image/gif", ".gif"},       {"text/calendar", ".ics"},
  };
  for (const auto& known : extensions)
    if (known.type == part.type) name.append(known.extension);
  return name;
}

Result<std::string> save_new(Mime& mime, std::string_view message, const MimePart& part,
                             const std::string& folder, const std::string& name) {
  TRY_LET(made, create(folder, name));
  auto written = mime.extract(message, part.number, made.file.number());
  if (written) written = base::sync(made.file.number(), made.path);
  if (written) written = made.file.close(made.path);
  if (written) return made.path;
  ::unlink(made.path.c_str());
  return written.error();
}

}  // namespace reader
