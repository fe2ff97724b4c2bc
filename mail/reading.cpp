#include "mail/reading.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/base/user.h"
#include "lib/store/mailbox.h"
#include "lib/store/site.h"
#include "mail/command.h"
#include "mail/completion.h"
#include "mail/leave.h"
#include "mail/rc.h"
#include "mail/screen.h"
#include "mail/table.h"
#include "mail/walk.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

constexpr int failed = 1;  // no mail, no such file: as every mailx has it
constexpr const char* system_rc = "/etc/mail.rc";
// Where a system has no such file, what Debian's says; and MIME's fields, since what they say has
// been done when a message is shown.
constexpr std::string_view usual_rc =
    "set ask askcc append dot save crt\n"
    "ignore Received Message-Id Resent-Message-Id Status Mail-From Return-Path Via Delivered-To\n"
    "ignore MIME-Version Content-Type Content-Transfer-Encoding\n";
constexpr int patience = 25;  // ends of file that `ignoreeof` bears

const char* variable(const Session& session, std::string_view name) {
  for (const auto& each : session.environment.all)
    if (each.size() > name.size() && each.starts_with(name) && each[name.size()] == '=')
      return each.c_str() + name.size() + 1;
  return nullptr;
}

void import_environment(Session& session) {
  for (const auto* const name : {"DEAD", "EDITOR", "LISTER", "MBOX", "PAGER", "SHELL", "VISUAL"})
    if (const auto* const value = variable(session, name)) session.variables.set(name, value);
}

void apply_options(Session& session, const Invocation& invocation) {
  auto& variables = session.variables;
  if (invocation.ignore_interrupts) variables.set("ignore", "");
  if (invocation.debug) variables.set("debug", "");
  if (invocation.verbose) variables.set("verbose", "");
  if (invocation.no_summary) (void)variables.unset("header");
  for (const auto& [name, value] : invocation.variables) variables.set(name, value);
  for (const auto& name : invocation.unset) (void)variables.unset(name);
}

// A person at a terminal is told even if the letter comes by a pipe.
void tell_unread(const Session& session, const Error& error) {
  if (talkative(session) || session.terminal.output) base::complain(error.text);
}

void obey_system_rc(Session& session) {
  const auto done = source_file(session, system_rc, Trust::user_and_root);
  if (done) return;
  if (done.error().kind == Kind::no_input) run_rc(session, system_rc, usual_rc);
  else tell_unread(session, done.error());
}

void obey_user_rc(Session& session) {
  const auto& named = session.environment.mailrc;
  if (!named && session.person.home.empty()) return;
  const auto path = named && !named->empty() ? *named : session.person.home + "/.mailrc";
  const auto done = source_file(session, path, Trust::user_and_root);
  if (!done && done.error().kind != Kind::no_input) tell_unread(session, done.error());
}

/// Which mailbox is read.
struct Target {
  std::string name;  ///< a path as it is shown; a slash at its end: a maildir
  bool system = false;
  std::string owner;  ///< whose system mailbox
};

std::string shown(const store::Mailbox& mailbox) {
  return mailbox.kind == store::Mailbox::Kind::maildir ? mailbox.place + "/" : mailbox.place;
}

// A command that takes mail has nothing to be read.
Result<std::string> place_of_mail(const Session& session, const base::User& user, bool own) {
  base::Identity who;
  who.uid = who.real_uid = session.person.uid;
  who.user = base::find_user(session.person.uid);
  const auto place = store::find_place(who, std::nullopt, variable(session, "POSTBAG_CONFIG"));
  std::optional<std::string> setting;
  if (place.config && (own || place.system)) {
    const auto config = store::Config::load(*place.config);
    const auto* const section = config ? config.value().find("local") : nullptr;
    const auto* const found = section == nullptr ? nullptr : section->find("mailbox");
    if (found != nullptr && !found->value.starts_with('|')) setting = found->value;
  }
  const store::MailboxOwner owner{user.name, user.uid, base::own_home(user).value_or(""),
                                  own && !place.system};
  const auto& mail = session.environment.mail;
  TRY_LET(mailbox, store::find_mailbox(owner, setting, own && mail ? mail->c_str() : nullptr,
                                       store::MailboxUse::read));
  return shown(mailbox);
}

Result<> find_system_mailbox(Session& session) {
  base::User user;
  user.name = session.person.user;
  user.uid = session.person.uid;
  user.home = session.person.home;
  TRY_LET(path, place_of_mail(session, user, true));
  session.system_mailbox = path;
  return {};
}

Result<Target> target(Session& session, const Invocation& invocation) {
  if (invocation.user && *invocation.user != session.person.user) {
    TRY_LET(user, base::find_user(*invocation.user));
    if (!user)
      return Error{Kind::no_user, cat("\"", *invocation.user, "\" is not a user of this system")};
    TRY_LET(path, place_of_mail(session, *user, false));
    return Target{path, true, user->name};
  }
  if (!invocation.file_given) return Target{session.system_mailbox, true, session.person.user};
  TRY_LET(path, expand_name(session, invocation.file.empty() ? "&" : invocation.file));
  return Target{path, path == session.system_mailbox, session.person.user};
}

// Silent: 0 there is mail, else 1.
int exists(const Target& target) {
  const auto found = has_mail(store::mailbox_at(target.name));
  return found && found.value() ? 0 : failed;
}

int no_mail(const Session& session, const Target& target) {
  tell(session, cat("No mail for ", target.owner));
  return failed;
}

std::vector<std::size_t> all_messages(const Session& session) {
  std::vector<std::size_t> all(message_count(session));
  for (std::size_t place = 0; place < all.size(); ++place) all[place] = message_at(session, place);
  return all;
}

Result<int> list_headers(Session& session) {
  if (message_count(session) == 0) return failed;
  ::signal(SIGPIPE, SIG_DFL);  // `mail -H | head`: nothing is changed, so nothing is to be told
  TRY(print_headlines(session, all_messages(session)));
  return 0;
}

void measure(Session& session) {
  winsize size{};
  if (!session.terminal.output || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return;
  if (size.ws_row > 0) session.terminal.rows = size.ws_row;
  if (size.ws_col > 0) session.terminal.columns = size.ws_col;
}

void greet(Session& session) {
  if (!session.variables.is_set("quiet"))
    base::print("Mail version " POSTBAG_VERSION ".  Type ? for help.\n");
  base::print(summary(session));
  if (message_count(session) == 0 || !session.variables.is_set("header")) return;
  const auto listed = list_page(session, session.dot);
  if (!listed) tell(session, listed.error().text);
}

/// A command with its continuation lines.
Line read_command(Session& session) {
  auto line = session.input->read(session.variables.text("prompt"));
  while (line.kind == Line::Kind::text && goes_on(line.text)) {
    auto more = session.input->read("");
    if (more.kind == Line::Kind::interrupted) return more;
    line.text.back() = ' ';
    if (more.kind == Line::Kind::end) return line;
    line.text += more.text;
  }
  return line;
}

/// The session: commands until one of them, or the end of the input, ends it.
class Loop {
 public:
  explicit Loop(Session& session) : session_(session) {}

  /// first: lines as if they were typed before all others.
  void run(const std::vector<std::string>& first) {
    for (const auto& line : first)
      if (!over_ && !output_lost()) obey({Line::Kind::text, line});
    while (!over_) {
      measure(session_);
      announce_arrivals();
      const auto line = read_command(session_);
      if (!output_lost()) obey(line);
    }
  }

 private:
  // Whoever reads what we print has gone, or its disk is full: nobody has seen these messages, and
  // the mailbox stays as it is. run_main tells it.
  bool output_lost() {
    base::flush_output();
    over_ = over_ || base::output_was_lost();
    return base::output_was_lost();
  }

  // Before each prompt: a person sees what came meanwhile.
  void announce_arrivals() {
    if (!session_.folder || !session_.input->person()) return;
    const auto first = message_count(session_);
    const auto more = session_.folder->update();
    const std::string trouble = more ? "" : more.error().text;
    if (!more && trouble != trouble_) tell(session_, trouble);
    trouble_ = trouble;
    if (!more) return;
    mark_arrivals(session_);
    if (more.value() == 0) return;
    if (!session_.announced) session_.announced = first;
    base::print("New mail has arrived.\n");
  }

  void obey(const Line& line) {
    switch (line.kind) {
      case Line::Kind::interrupted: tell(session_, "Interrupt"); return;
      case Line::Kind::end: end_of_input(); return;
      case Line::Kind::text: break;
    }
    ends_ = 0;
    (void)take_interrupt();
    const auto next = run_line(session_, line.text);
    if (output_lost()) return;
    if (!next) tell(session_, next.error().text);
    else if (next.value() == Next::quit) quit();
    else if (next.value() == Next::exit) over_ = true;
  }

  void end_of_input() {
    const bool ignored = session_.input->person() && session_.variables.is_set("ignoreeof");
    ++ends_;
    if (ignored && ends_ < patience) base::print("Use \"quit\" to quit.\n");
    else quit();
  }

  // Who types can do something about a mailbox that cannot be written; a script cannot, nor can who
  // has gone: the second end of the input is one.
  void quit() {
    const auto left = session_.folder ? leave(session_) : Result<>();
    over_ = left || !session_.input->person() || ends_ > 1;
    if (left) return;
    tell(session_, left.error().text);
    if (over_) session_.status = static_cast<int>(left.error().kind);
  }

  Session& session_;
  bool over_ = false;
  int ends_ = 0;         // of the input, one behind the other
  std::string trouble_;  // with looking for new mail, as it was told
};

std::string history_file(const Session& session) {
  const auto* const set = session.variables.find("history-file");
  if (set != nullptr) {
    const auto path = expand_name(session, *set);
    return path ? path.value() : "";  // without a text there is no history
  }
  if (session.person.home.empty()) return "";
  const auto folder = session.person.home + "/.local/state/postbag";
  return base::make_directories(folder) ? folder + "/mail-history" : "";
}

void open_input(Session& session, const Invocation& invocation) {
  catch_interrupts();
  if (session.terminal.input && session.terminal.output)
    session.input = terminal_input(completer(session), history_file(session));
  else session.input = plain_input(STDIN_FILENO, invocation.interactive);
}

Result<int> open_and_read(Session& session, const Invocation& invocation, const Target& target) {
  const auto entered = enter(session, target.name, target.system);
  const bool none = entered ? message_count(session) == 0 : entered.error().kind == Kind::no_input;
  const bool list_only = invocation.mode == Invocation::Mode::headers;
  if (none && target.system) return list_only && entered ? failed : no_mail(session, target);
  if (!entered) return entered.error();
  if (list_only) return list_headers(session);
  open_input(session, invocation);
  if (!invocation.print_all) greet(session);
  Loop(session).run(invocation.session_commands);
  session.input.reset();
  return session.status;
}

}  // namespace

void start_up(Session& session, const Invocation& invocation) {
  session.sending = invocation.mode == Invocation::Mode::send;
  apply_options(session, invocation);
  import_environment(session);
  if (!invocation.no_system_rc) obey_system_rc(session);
  if (!invocation.no_user_rc) obey_user_rc(session);
  apply_options(session, invocation);
  auto commands = invocation.commands;
  if (session.sending)  // there is no session to type them in
    commands.insert(commands.end(), invocation.session_commands.begin(),
                    invocation.session_commands.end());
  for (const auto& command : commands) {
    const auto done = run_line(session, command);
    if (!done) tell(session, done.error().text);
  }
  session.starting = false;
}

Result<int> read_mail(Session& session, const Invocation& invocation) {
  session.read_only = invocation.read_only;
  const auto found = find_system_mailbox(session);
  if (invocation.mode != Invocation::Mode::exists) start_up(session, invocation);
  if (!found && !invocation.file_given && !invocation.user) return found.error();
  const auto which = target(session, invocation);
  if (!which) {
    tell(session, which.error().text);
    return failed;
  }
  if (invocation.mode == Invocation::Mode::exists) return exists(which.value());
  measure(session);
  const auto done = open_and_read(session, invocation, which.value());
  if (done) return done;
  base::complain(done.error().text);
  return failed;
}

}  // namespace reader
