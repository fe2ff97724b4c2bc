#include "spool/local_process.h"

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "spool/pipe.h"

namespace spool {

using base::cat;
using rfc::Outcome;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* system_sendmail = "/usr/sbin/sendmail";

Outcome waits(const base::Error& error) {
  return {Outcome::Kind::delayed, {4, 3, 0}, base::printable(error.text)};
}

LocalJob local_job(const Job& job) {
  LocalJob local;
  local.id = job.id;
  local.line = job.local->line;
  local.descriptor = job.descriptor;
  local.message_offset = job.message_offset;
  local.facts = job.facts;
  local.sender = job.sender;
  local.arrival = job.arrival;
  local.utc_offset = base::local_offset(job.arrival);
  local.original = job.local->original;
  local.final_address = job.local->final_address;
  return local;
}

// An agent that died may have recorded what it did not live to tell.
bool already_delivered(const Job& job) {
  char status = store::pending;
  if (job.status_offset == 0) return false;
  const auto got = base::read_at(job.descriptor, {&status, 1}, job.status_offset, job.id);
  return got && got.value() == 1 && status == store::delivered;
}

}  // namespace

void LocalProcess::run() {
  while (const Job* job = feed_.wait())
    if (!feed_.answer(handle(*job))) return;
}

// Nothing has to be found out about this machine first: more agents may start at once.
Answer LocalProcess::handle(const Job& job) {
  Answer answer;
  answer.relay = local_relay;
  // The system's sendmail was told what the sender wants to hear of.
  answer.verdict.dsn_offered = job.local->kind == store::RecipientKind::other_user;
  const auto start = Clock::now();
  const bool first = messages_++ == 0;
  const bool told =
      (!first || (feed_.announce(FrameKind::ready) && feed_.announce(FrameKind::accepted))) &&
      feed_.await_record() && feed_.announce(FrameKind::dot);
  answer.verdict.outcomes = {told ? deliver_unless_stuck(job)
                                  : waits({base::Kind::retry, "the delivery was broken off"})};
  answer.transmit_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return answer;
}

Outcome LocalProcess::deliver_unless_stuck(const Job& job) {
  constexpr std::chrono::seconds long_wait{25};
  constexpr std::chrono::minutes left_alone{10};
  const auto start = Clock::now();
  const std::string key =
      cat(std::string(1, static_cast<char>(job.local->kind)), job.local->target);
  const auto found = stuck_.find(key);
  if (found != stuck_.end() && start < found->second.until) return found->second.outcome;
  auto outcome = deliver(job);
  const bool waited = Clock::now() - start > long_wait;
  if (waited && outcome.kind == Outcome::Kind::delayed)
    stuck_[key] = {Clock::now() + left_alone, outcome};
  return outcome;
}

Outcome LocalProcess::deliver(const Job& job) {
  const auto& who = account_.who;
  LocalPlace place;
  place.user = who.login();
  place.uid = who.uid;
  place.home = account_.home;
  place.shell = who.user ? who.user->shell : "";
  place.commands = account_.local.commands;
  if (!journal_) {
    auto journal = base::open_directory(account_.journal);
    if (!journal) return waits(journal.error());
    journal_ = std::move(journal).value();
  }
  place.journal = journal_.number();
  const auto local = local_job(job);
  const auto& target = *job.local;
  if (already_delivered(job)) return {Outcome::Kind::delivered, {2, 0, 0}, "delivered"};
  // Whose mailbox it is, and whose rights a command gets, passwd has to say.
  if (!who.user && target.kind != store::RecipientKind::other_user)
    return waits({base::Kind::retry, cat("passwd does not know uid ", who.uid)});
  switch (target.kind) {
    case store::RecipientKind::mailbox: return to_mailbox(local, place);
    case store::RecipientKind::file: return deliver_to_file(local, place, target.target);
    case store::RecipientKind::command: return deliver_to_command(local, place, target.target);
    case store::RecipientKind::other_user: return hand_over(local, target, place);
    case store::RecipientKind::unqualified:
    case store::RecipientKind::address:
    case store::RecipientKind::local_user:
    case store::RecipientKind::remote: break;
  }
  return waits({base::Kind::software, "it is not for this machine"});
}

Outcome LocalProcess::to_mailbox(const LocalJob& job, const LocalPlace& place) const {
  const auto& setting = account_.local.mailbox;
  const bool usual = setting == LocalSettings().mailbox;
  const auto mailbox = store::find_mailbox({place.user, place.uid, place.home, account_.own_spool},
                                           usual ? std::nullopt : std::optional(setting),
                                           account_.mail.empty() ? nullptr : account_.mail.c_str(),
                                           store::MailboxUse::deliver);
  return mailbox ? deliver_to_mailbox(job, place, mailbox.value()) : waits(mailbox.error());
}

// Another user's mail is the system's: its exit status 0 is the delivery. Whatever else it says is
// between it and us, and no reason to give the mail back.
Outcome LocalProcess::hand_over(const LocalJob& job, const LocalTarget& target,
                                const LocalPlace& place) const {
  const auto sendmail = base::sibling("sendmail", system_sendmail);
  if (!sendmail) return waits({base::Kind::unavailable, "sendmail: not found"});
  Program program;
  program.path = *sendmail;
  program.arguments = {"sendmail", "-i", "-f", job.sender.null() ? "<>" : job.sender.text()};
  const std::pair<const char*, const std::string&> options[] = {
      {"-N", target.notify}, {"-R", target.ret}, {"-V", target.envid}};
  for (const auto& [letter, value] : options)
    if (!value.empty()) program.arguments.insert(program.arguments.end(), {letter, value});
  program.arguments.insert(program.arguments.end(), {"--", target.target});
  program.environment = base::clean_environment(place.home.empty() ? "/" : place.home, place.user);
  program.environment.push_back(cat("POSTBAG_CONFIG=", store::system_config));
  program.folder = "/";
  const store::MessageText text{job.descriptor, job.message_offset, job.facts.bytes};
  const std::string head =
      job.final_address.empty() ? "" : cat("Delivered-To: ", job.final_address, "\n");
  const auto ending = run_program(program, head, text, place.command_limit);
  if (!ending) return waits(ending.error());
  if (ending.value().how == Ending::How::exited && ending.value().number == 0)
    return {Outcome::Kind::delivered, {2, 0, 0}, "handed over to the system's mail"};
  return {Outcome::Kind::delayed,
          {4, 3, 0},
          base::printable(
              cat("the system's sendmail does not take it: ", base::trim(ending.value().output)))};
}

}  // namespace spool
