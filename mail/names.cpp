#include <glob.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "lib/base/user.h"
#include "mail/leave.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

Error mistake(std::string_view name, std::string_view problem) {
  return Error{Kind::usage, cat("\"", name, "\": ", problem)};
}

std::string parent(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const auto slash = path.rfind('/');
  return std::string(path.substr(0, slash == std::string_view::npos ? 0 : slash + 1));
}

std::string in_home(const Session& session, std::string_view name) {
  return session.person.home.empty() ? std::string(name) : cat(session.person.home, "/", name);
}

// Another user's mailbox lies where ours does, or where everybody's does.
Result<std::string> mailbox_of(const Session& session, std::string_view user) {
  if (user == session.person.user) return session.system_mailbox;
  if (user.find('/') != std::string_view::npos || user.starts_with('.'))
    return mistake(user, "not a user's name");
  const auto folder = parent(session.system_mailbox);
  const bool shared = session.system_mailbox == cat(folder, session.person.user);
  return cat(shared ? folder : "/var/mail/", user);
}

std::string mbox(const Session& session) {
  return session.variables.text("MBOX", in_home(session, "mbox"));
}

// `+name` lies in `folder`, which is relative to the home; without one it is a name as it stands.
std::string in_folder(const Session& session, std::string_view name) {
  const auto folder = session.variables.text("folder");
  if (folder.empty()) return cat("+", name);
  if (folder[0] == '/' || folder[0] == '~') return cat(folder, "/", name);
  return cat(in_home(session, folder), "/", name);
}

Result<std::string> tilde_expanded(const Session& session, std::string name) {
  if (!name.starts_with('~')) return name;
  const auto slash = std::min(name.find('/'), name.size());
  const auto login = name.substr(1, slash - 1);
  if (login.empty() && !session.person.home.empty())
    return session.person.home + name.substr(slash);
  if (login.empty()) return mistake(name, "There is no home");
  TRY_LET(user, base::find_user(login));
  if (!user) return name;
  return user->home + name.substr(slash);
}

std::string variable(const Session& session, const std::string& name) {
  for (const auto& each : session.environment.all)
    if (each.starts_with(name + "=")) return each.substr(name.size() + 1);
  return session.variables.text(name);
}

bool name_character(char c) { return base::alpha(c) || base::digit(c) || c == '_'; }

// `$NAME` and `${NAME}`. What a shell would run is refused, so that nobody takes it for done.
Result<std::string> variables_expanded(const Session& session, const std::string& name) {
  if (name.find("$(") != std::string::npos || name.find('`') != std::string::npos)
    return mistake(name, "Command substitution not allowed.");
  std::string text;
  for (std::size_t at = 0; at < name.size();) {
    const bool brace = name.compare(at, 2, "${") == 0;
    const auto begin = at + (brace ? 2 : 1);
    auto end = begin;
    if (name[at] == '$')
      while (end < name.size() && name_character(name[end])) ++end;
    if (end == begin || (brace && (end == name.size() || name[end] != '}'))) {
      text.push_back(name[at++]);
      continue;
    }
    text += variable(session, name.substr(begin, end - begin));
    at = end + (brace ? 1 : 0);
  }
  return text;
}

// A file of that very name goes before all that a pattern may find.
Result<std::string> globbed(const std::string& shown, const std::string& name) {
  if (name.find_first_of("*?[") == std::string::npos || ::access(name.c_str(), F_OK) == 0)
    return name;
  glob_t found{};
  const int status = ::glob(name.c_str(), GLOB_NOSORT | GLOB_NOESCAPE, nullptr, &found);
  const auto count = status == 0 ? found.gl_pathc : 0;
  const std::string first = count > 0 ? found.gl_pathv[0] : "";
  ::globfree(&found);
  if (count == 0) return mistake(shown, "No match.");
  if (count > 1) return mistake(shown, "Ambiguous.");
  return first;
}

}  // namespace

Result<std::string> expand_name(const Session& session, std::string_view name) {
  if (name.empty()) return Error{Kind::usage, "No file specified."};
  if (name.find('\0') != std::string_view::npos) return mistake("", "Not a file's name");
  if (name == "%") return session.system_mailbox;
  if (name[0] == '%') return mailbox_of(session, name.substr(name[1] == ':' ? 2 : 1));
  if (name == "#" && session.previous_folder.empty()) return Error{Kind::usage, "No previous file"};
  if (name == "#") return session.previous_folder;
  std::string path(name);
  if (name == "&") path = mbox(session);
  if (path.starts_with('+')) path = in_folder(session, path.substr(1));
  TRY_LET(absolute, tilde_expanded(session, path));
  TRY_LET(plain, variables_expanded(session, absolute));
  return globbed(std::string(name), plain);
}

}  // namespace reader
