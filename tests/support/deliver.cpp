// deliver.cpp - calls what a delivery agent calls, so that tests can watch one delivery alone.
//
//   deliver [--NAME VALUE ...] find | mbox PATH | maildir PATH | file PATH | command TEXT | hold
//   PATH
//
// Prints the outcome ("delivered 2.0.0 delivered to mailbox") for every delivery; find prints the
// mailbox. hold keeps the locks of PATH until standard input ends. Options: message (a file), user,
// home, id, line, sender, original, final, arrival, journal (a folder), commands, setting,
// lock-limit (ms), command-limit (s), count, use (deliver or read), stand-in (yes or no).
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>

#include "lib/base/file.h"
#include "lib/base/main.h"
#include "lib/base/text.h"
#include "lib/base/user.h"
#include "lib/store/mail_lock.h"
#include "spool/local.h"

namespace {

using base::cat;
using base::Error;
using base::Fd;
using base::Kind;
using base::Result;
using Options = std::map<std::string, std::string>;

std::string text(const Options& options, const std::string& name, const std::string& otherwise) {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : found->second;
}

long number(const Options& options, const std::string& name, long otherwise) {
  return base::to_number<long>(text(options, name, "")).value_or(otherwise);
}

std::string shown(const rfc::Outcome& outcome) {
  const char* names[] = {"delivered", "delayed", "failed"};
  return cat(names[static_cast<int>(outcome.kind)], " ", outcome.status.text(), " ", outcome.text,
             "\n");
}

spool::LocalPlace place_of(const Options& options) {
  spool::LocalPlace place;
  place.user = text(options, "user", "jane");
  place.uid = ::geteuid();
  place.home = text(options, "home", "");
  place.commands = text(options, "commands", "");
  place.lock_limit = std::chrono::milliseconds(number(options, "lock-limit", 30'000));
  place.command_limit = std::chrono::seconds(number(options, "command-limit", 1000));
  return place;
}

Result<int> find(const Options& options) {
  const store::MailboxOwner owner{text(options, "user", "jane"), ::geteuid(),
                                  text(options, "home", ""),
                                  text(options, "stand-in", "yes") == "yes"};
  std::optional<std::string> setting;
  if (options.contains("setting")) setting = options.at("setting");
  const auto use =
      text(options, "use", "") == "read" ? store::MailboxUse::read : store::MailboxUse::deliver;
  TRY_LET(mailbox, store::find_mailbox(owner, setting, std::getenv("MAIL"), use));
  const char* kinds[] = {"mbox", "maildir", "command"};
  base::print(cat(kinds[static_cast<int>(mailbox.kind)], " ", mailbox.place, "\n"));
  return 0;
}

Result<int> hold(const std::string& path, const Options& options) {
  TRY_LET(file, store::LockedFile::open(path, ::geteuid(), place_of(options).lock_limit));
  (void)base::write_all(1, "held\n", "standard output");
  char buffer[16];
  while (::read(0, buffer, sizeof buffer) > 0) {}
  TRY(file.close());
  return 0;
}

rfc::Outcome deliver(const std::string& how, const std::string& target, const spool::LocalJob& job,
                     const spool::LocalPlace& place) {
  using store::Mailbox;
  if (how == "mbox") return deliver_to_mailbox(job, place, {Mailbox::Kind::mbox, target});
  if (how == "maildir") return deliver_to_mailbox(job, place, {Mailbox::Kind::maildir, target});
  if (how == "file") return deliver_to_file(job, place, target);
  return deliver_to_command(job, place, target);
}

Result<int> deliveries(const std::string& how, const std::string& target, const Options& options) {
  const std::string message = text(options, "message", "");
  TRY_LET(file, base::open_at(AT_FDCWD, message, O_RDONLY, 0, message));
  struct stat status;
  ::fstat(file.number(), &status);
  spool::LocalJob job;
  job.id = text(options, "id", "0000000000000AA");
  job.descriptor = file.number();
  job.facts.bytes = static_cast<std::uint64_t>(status.st_size);
  TRY_LET(sender, rfc::Path::parse(text(options, "sender", "tom@example.org")));
  job.sender = sender;
  job.arrival = base::Time(std::chrono::seconds(number(options, "arrival", 1'795'175'767)));
  job.original = text(options, "original", "jane");
  job.final_address = text(options, "final", "jane@lan.example");
  auto place = place_of(options);
  Fd journal;
  if (options.contains("journal")) {
    TRY_LET(folder, base::open_directory(options.at("journal")));
    journal = std::move(folder);
    place.journal = journal.number();
  }
  const auto first = static_cast<std::size_t>(number(options, "line", 0));
  const auto count = static_cast<std::size_t>(number(options, "count", 1));
  int result = 0;
  for (job.line = first; job.line < first + count; ++job.line) {
    const auto outcome = deliver(how, target, job, place);
    if (outcome.kind != rfc::Outcome::Kind::delivered) result = 1;
    (void)base::write_all(1, shown(outcome), "standard output");
  }
  return result;
}

Result<int> run(base::Args args) {
  Options options;
  std::size_t i = 0;
  for (; i + 1 < args.size() && args[i].starts_with("--"); i += 2)
    options[args[i].substr(2)] = args[i + 1];
  if (i >= args.size()) return Error{Kind::usage, "nothing to do"};
  const std::string how = args[i], target = i + 1 < args.size() ? args[i + 1] : "";
  if (how == "find") return find(options);
  if (how == "hold") return hold(target, options);
  return deliveries(how, target, options);
}

}  // namespace

int main(int argc, char** argv) { return base::run_main("deliver", argc, argv, run); }
