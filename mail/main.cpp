// mail/main.cpp - send and read mail. See mail(1).
#include "lib/base/main.h"

#include <limits.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/base/user.h"
#include "lib/store/site.h"
#include "mail/options.h"
#include "mail/reading.h"
#include "mail/send_mode.h"

namespace {

using base::Kind;
using base::Result;
using reader::Invocation;
using reader::Session;

constexpr std::string_view usage =
    "usage: mail [-dEinv~] [-a field|file] [-A file] [-b bcc] [-c cc] [-r from] [-s subject]\n"
    "            [-S variable[=value]] [-M type] [-q file] [--] address ...\n"
    "       mail -t [-dEinv] [-a field|file] [-A file] [-r from]\n"
    "       mail [-eHiNnRv] [-S variable[=value]] [-u user]\n"
    "       mail -f [-eHiNnRv] [-S variable[=value]] [file]\n";

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

// A pipe too: `<(command)` of a shell is one.
bool is_file(const std::string& path) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 &&
         (S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode)) && ::access(path.c_str(), R_OK) == 0;
}

// The locale's charset as its name says it. Loading the locale itself takes longer than a message.
std::string locale_charset() {
  std::string name;
  for (const char* each : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (name.empty()) name = variable(each).value_or("");
  if (name.empty() || name == "C" || name == "POSIX") return "us-ascii";
  const auto dot = name.find('.');
  if (dot == std::string::npos) return "utf-8";
  const auto charset = base::lowered(name.substr(dot + 1, name.find('@') - dot - 1));
  return charset == "utf8" ? "utf-8" : charset;
}

reader::Terminal terminal() {
  reader::Terminal found;
  found.input = ::isatty(STDIN_FILENO) == 1;
  found.output = ::isatty(STDOUT_FILENO) == 1;
  found.charset = locale_charset();
  if (!found.output) return found;
  const auto kind = variable("TERM").value_or("dumb");
  found.colour = kind != "dumb" && !variable("NO_COLOR");
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
    found.rows = size.ws_row;
    found.columns = size.ws_col;
  }
  return found;
}

reader::Environment environment() {
  reader::Environment found;
  found.shell = variable("SHELL").value_or("/bin/sh");
  found.mail = variable("MAIL");
  found.mailrc = variable("MAILRC");
  found.pager = variable("PAGER");
  found.editor = variable("EDITOR");
  found.visual = variable("VISUAL");
  found.tmp = variable("TMPDIR").value_or("/tmp");
  for (char** each = environ; each != nullptr && *each != nullptr; ++each)
    found.all.emplace_back(*each);
  return found;
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

// By the environment where that says it: a letter from a pipe is sent by whom sendmail finds out,
// and passwd takes its time.
reader::Person sender() {
  reader::Person person;
  person.uid = ::geteuid();
  person.host = person.domain = host_name();
  const auto login = variable("LOGNAME");
  const auto home = variable("HOME");
  if (login && home) {
    person.user = *login;
    person.home = *home;
    return person;
  }
  const auto who = base::identity();
  person.user = login.value_or(who.login());
  person.home = home.value_or(who.user ? who.user->home : "");
  return person;
}

// Who reads must be who owns the mailbox, whatever LOGNAME says.
reader::Person recipient(const base::Identity& who, const store::Site& site) {
  reader::Person person = sender();
  person.user = who.login();
  person.host = site.host_name;
  person.domain = site.domain;
  return person;
}

reader::Programs programs() {
  return {base::sibling("sendmail", "/usr/sbin/sendmail").value_or("/usr/sbin/sendmail"),
          base::sibling("postbag-mime", "/usr/libexec/postbag/postbag-mime")
              .value_or("/usr/libexec/postbag/postbag-mime")};
}

Session session_of(reader::Person person) {
  Session session;
  session.person = std::move(person);
  session.environment = environment();
  session.programs = programs();
  session.terminal = terminal();
  session.mime = reader::Mime(session.programs.mime, session.environment.tmp);
  session.clock = base::now;
  // What POSIX imports from the environment.
  for (const char* name : {"DEAD", "EDITOR", "LISTER", "MBOX", "PAGER", "SHELL", "VISUAL"})
    if (const auto value = variable(name)) session.variables.set(name, *value);
  return session;
}

Result<int> send(const Invocation& invocation) {
  Session session = session_of(sender());
  return reader::send_mail(session, invocation);
}

Result<int> read(const Invocation& invocation) {
  // Nobody would see what is marked as read then.
  if (base::stdout_was_closed() && invocation.mode != Invocation::Mode::exists)
    return base::Error{Kind::io, "standard output: closed"};
  const auto who = base::identity();
  const auto site =
      store::load_site(store::find_place(who, std::nullopt, std::getenv("POSTBAG_CONFIG")));
  Session session = session_of(recipient(who, site));
  return reader::read_mail(session, invocation);
}

Result<int> mail(base::Args args) {
  auto invocation = reader::parse_options(args, std::getenv("POSIXLY_CORRECT") != nullptr, is_file);
  if (!invocation) {
    base::complain(invocation.error().text);
    if (invocation.error().text.ends_with("unknown option") ||
        invocation.error().text.ends_with("needs a value"))
      (void)base::write_all(STDERR_FILENO, usage, "standard error");
    return static_cast<int>(Kind::usage);
  }
  switch (invocation.value().mode) {
    case Invocation::Mode::version: base::print("mail (postbag) " POSTBAG_VERSION "\n"); return 0;
    case Invocation::Mode::help: base::print(usage); return 0;
    case Invocation::Mode::send: return send(invocation.value());
    default: return read(invocation.value());
  }
}

}  // namespace

int main(int argc, char** argv) { return base::run_main("mail", argc, argv, mail); }
