#include "spool/local.h"

#include <algorithm>
#include <cerrno>

#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/store/mail_lock.h"
#include "lib/store/maildir.h"
#include "lib/store/mbox.h"
#include "lib/store/mbox_append.h"
#include "spool/pipe.h"

namespace spool {

using base::cat;
using base::Error;
using base::Result;
using rfc::Outcome;
using store::Mailbox;

namespace {

Outcome delivered(std::string_view where) {
  return {Outcome::Kind::delivered, {2, 0, 0}, base::printable(cat("delivered to ", where))};
}

// Everything that goes wrong with a mailbox is put right on this machine, by its user, an
// administrator or time: a full disk, a lock, a file that is a link. The sender of the message can
// do nothing about it. So it waits, and mailq tells why.
Outcome delayed(const std::string& doing, const Error& error) {
  const bool full = error.system_error == EDQUOT || error.system_error == EFBIG;
  return {Outcome::Kind::delayed, {4, 2, full ? 2 : 0}, base::printable(cat(doing, error.text))};
}

Outcome not_as_root(std::string_view what) {
  return {Outcome::Kind::delayed,
          {4, 7, 0},
          base::printable(cat(what, ": not as root; let an alias name a user instead"))};
}

store::MessageText text_of(const LocalJob& job) {
  return {job.descriptor, job.message_offset, job.facts.bytes};
}

// Controls, whatever they came with, end no line.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return base::control(c); }, '_');
  return line;
}

std::string delivery_of(const LocalJob& job) { return cat(job.id, " ", job.line); }

Result<> into_mbox(const LocalJob& job, const LocalPlace& place, const std::string& path) {
  TRY_LET(file, store::LockedFile::open(path, place.uid, place.lock_limit));
  const store::Journal journal{place.journal, delivery_of(job)};
  TRY(store::append_mbox(file, delivery_head(job, true), text_of(job),
                         place.journal >= 0 ? &journal : nullptr));
  return file.close();
}

Result<> into_maildir(const LocalJob& job, const LocalPlace& place, const std::string& path) {
  const std::string unique =
      cat(base::seconds(job.arrival), ".", job.id, "_", job.line, ".postbag");
  return store::deliver_maildir(path, place.uid, unique, delivery_head(job, false), text_of(job));
}

std::vector<std::string> environment_for(const LocalJob& job, const LocalPlace& place) {
  auto environment = base::clean_environment(place.home.empty() ? "/" : place.home, place.user);
  const auto address = rfc::Path::parse(job.final_address);
  const std::string_view local = address ? address.value().local() : job.final_address;
  const std::string_view domain = address ? address.value().domain() : "";
  const auto plus = local.find('+');
  const std::string_view extension = plus == std::string_view::npos ? "" : local.substr(plus + 1);
  const std::pair<const char*, std::string_view> values[] = {
      {"SHELL", place.shell.empty() ? std::string_view("/bin/sh") : place.shell},
      {"SENDER", job.sender.text()},
      {"RECIPIENT", job.final_address},
      {"ORIGINAL_RECIPIENT", job.original},
      {"LOCAL", local},
      {"DOMAIN", domain},
      {"EXTENSION", extension},
  };
  for (const auto& [name, value] : values) environment.push_back(cat(name, "=", filtered(value)));
  return environment;
}

Outcome to_command(const LocalJob& job, const LocalPlace& place, const std::string& command,
                   const std::string& folder) {
  if (place.uid == 0) return not_as_root(cat("command \"", command, "\""));
  const std::string doing = cat("cannot run command \"", command, "\": ");
  auto program = program_for(command, folder);
  if (!program) return delayed(doing, program.error());
  program.value().environment = environment_for(job, place);
  program.value().folder = place.home.empty() ? "/" : place.home;
  const auto ending =
      run_program(program.value(), delivery_head(job, true), text_of(job), place.command_limit);
  return ending ? outcome_of(ending.value(), command) : delayed(doing, ending.error());
}

}  // namespace

std::string delivery_head(const LocalJob& job, bool from_line) {
  std::string head =
      from_line ? store::from_line(job.sender.text(), job.arrival, job.utc_offset) : "";
  head += cat("Return-Path: <", job.sender.text(), ">\n");
  if (!job.original.empty()) head += cat("X-Original-To: ", one_line(job.original), "\n");
  return head + cat("Delivered-To: ", one_line(job.final_address), "\n");
}

Outcome deliver_to_mailbox(const LocalJob& job, const LocalPlace& place, const Mailbox& mailbox) {
  if (mailbox.kind == Mailbox::Kind::command) return to_command(job, place, mailbox.place, "");
  if (mailbox.kind == Mailbox::Kind::maildir) {
    const auto done = into_maildir(job, place, mailbox.place);
    return done ? delivered("maildir") : delayed("maildir delivery failed: ", done.error());
  }
  const auto done = into_mbox(job, place, mailbox.place);
  if (done) return delivered("mailbox");
  return delayed(cat("cannot update mailbox ", mailbox.place, " for user ", place.user, ". "),
                 done.error());
}

Outcome deliver_to_file(const LocalJob& job, const LocalPlace& place, const std::string& path) {
  if (path == "/dev/null") return delivered(cat("file: ", path));
  if (place.uid == 0) return not_as_root(cat("file ", path));
  const auto target = store::mailbox_at(path);
  const auto done = target.kind == Mailbox::Kind::maildir ? into_maildir(job, place, target.place)
                                                          : into_mbox(job, place, target.place);
  if (done) return delivered(cat("file: ", path));
  return delayed(cat("cannot append message to file ", path, ": "), done.error());
}

Outcome deliver_to_command(const LocalJob& job, const LocalPlace& place,
                           const std::string& command) {
  return to_command(job, place, command, place.commands);
}

}  // namespace spool
