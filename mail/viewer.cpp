#include "mail/viewer.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "lib/base/text.h"
#include "mail/attachments.h"
#include "mail/run.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {
// A folder nobody else can enter, with the copies that viewers were given.
class Copies {
 public:
  Copies() = default;
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;
  ~Copies() {
    for (const auto& path : files_) ::unlink(path.c_str());
    if (!folder_.empty()) ::rmdir(folder_.c_str());
  }

  Result<std::string> folder(const std::string& tmp) {
    if (!folder_.empty()) return folder_;
    std::string name = cat(tmp, "/mail-XXXXXX");
    if (!::mkdtemp(name.data())) return base::system_error(tmp, "mkdtemp", errno);
    folder_ = name;
    return folder_;
  }
  void add(std::string path) { files_.push_back(std::move(path)); }

 private:
  std::string folder_;
  std::vector<std::string> files_;
};

bool has_display(const Session& session) {
  const auto& all = session.environment.all;
  return std::any_of(all.begin(), all.end(), [](const std::string& entry) {
    return (entry.starts_with("DISPLAY=") && entry.size() > 8) ||
           (entry.starts_with("WAYLAND_DISPLAY=") && entry.size() > 16);
  });
}

Result<std::string> viewer(const Session& session) {
  const std::string named = session.variables.text("viewer");
  if (!named.empty()) return named;
  if (has_display(session) && ::access("/usr/bin/xdg-open", X_OK) == 0)
    return std::string("/usr/bin/xdg-open");
  return Error{Kind::usage, "No viewer: name one (set viewer=COMMAND), or save it (detach, write)"};
}
}  // namespace

Result<> view(Session& session, std::string_view message, const MimePart& part) {
  static Copies copies;  // as long as the process
  TRY_LET(command, viewer(session));
  TRY_LET(folder, copies.folder(session.environment.tmp));
  TRY_LET(path, save_new(session.mime, message, part, folder, file_name(part)));
  copies.add(path);
  // The name is the sender's: it is an argument and never a part of the shell's line.
  TRY(run_program(session, {"/bin/sh", "-c", cat(command, " \"$1\""), "sh", path}));
  return {};
}

}  // namespace reader
