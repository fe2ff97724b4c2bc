#include "mail/viewer.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "lib/base/text.h"
#include "mail/attachments.h"
#include "mail/private_folder.h"
#include "mail/run.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {
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
  static PrivateFolder copies;  // as long as the process
  TRY_LET(command, viewer(session));
  TRY_LET(folder, copies.path(session.environment.tmp));
  TRY_LET(path, save_new(session.mime, message, part, folder, file_name(part)));
  // The name is the sender's: it is an argument and never a part of the shell's line.
  TRY(run_program(session, {"/bin/sh", "-c", cat(command, " \"$1\""), "sh", path}));
  return {};
}

}  // namespace reader
