// sendmail/main.cpp - accept a message and store it. See sendmail(8).
#include "lib/base/main.h"

#include <sysexits.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/store/start.h"
#include "sendmail/compose.h"
#include "sendmail/options.h"
#include "sendmail/recipients.h"
#include "sendmail/session.h"

namespace {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using submit::Invocation;

// The flush is started once, after the last message of a process, by what its commits left here.
bool stored_in_spool = false;

// Does what may follow a commit. The message is in the queue: not even want of memory may make the
// caller send it again.
template <typename Action>
void afterwards(Action action) noexcept {
  try {
    action();
  } catch (const std::bad_alloc&) {
    // The log line or the flush is missing; the next run delivers the message.
  }
}

void log_stored(const submit::Context& context, const submit::Stored& stored) {
  base::log("pickup", base::Level::info,
            cat(stored.id, ": uid=", context.who->uid, " from=<", context.who->login(), ">"));
}

void note_stored(const submit::Context& context, const submit::Stored& stored) {
  stored_in_spool = stored_in_spool || stored.in_spool;
  afterwards([&] { log_stored(context, stored); });
}

// Reads to the end of input, or to a lone dot where a person types it.
Result<> read_message(submit::Composer& composer, bool dot_ends) {
  if (base::stdin_was_closed()) return Error{Kind::no_input, "standard input: closed"};
  char buffer[32768];
  // A terminal gives a line at a time, or the beginning of one before which its end of file is
  // typed.
  bool line_begins = true;
  for (;;) {
    TRY_LET(got, base::read_some(STDIN_FILENO, buffer, "standard input"));
    if (got == 0) return {};
    const std::string_view text(buffer, got);
    if (dot_ends && line_begins && text == ".\n") return {};
    line_begins = text.ends_with('\n');
    TRY(composer.append(text));
  }
}

Result<int> deliver(const submit::Context& context, const Invocation& invocation) {
  submit::Order order;
  order.sender.path = rfc::Path();
  auto sender = invocation.sender ? submit::parse_sender(*invocation.sender)
                                  : submit::login_sender(context.who->login());
  if (!sender) return std::move(sender).error();
  order.sender = {std::move(sender).value(), invocation.ret, invocation.envid};
  order.recipients = submit::Recipients(invocation.notify);
  order.recipients_from_header = invocation.recipients_from_header;
  order.full_name = invocation.full_name;
  for (const auto& word : invocation.recipients)
    TRY(order.recipients.add_list(word, submit::Recipients::Source::command_line));
  if (order.recipients.empty() && !order.recipients_from_header)
    return Error{Kind::usage, "recipient addresses must be given on the command line or with -t"};
  submit::Composer composer(context, std::move(order));
  // Only a person at a terminal ends a message with a dot; a report that holds one must not be cut
  // there.
  TRY(read_message(composer, !invocation.ignore_dots && ::isatty(STDIN_FILENO) == 1));
  TRY_LET(stored, composer.finish());
  note_stored(context, stored);
  return EX_OK;
}

Result<int> submit_mail(const Invocation& invocation) {
  const auto who = base::identity();
  const auto place = store::find_place(who, std::nullopt, std::getenv("POSTBAG_CONFIG"));
  const auto site = store::load_site(place);
  // A mistake in the configuration is told, and the message is stored all the same: the flush waits
  // for its mending.
  if (!place.remark.empty()) base::complain(place.remark);
  for (const auto& mistake : site.mistakes) {
    base::complain(mistake);
    base::log("pickup", base::Level::warning, mistake);
  }
  auto spool = store::create_spool(site, place, who);
  if (!spool && spool.error().kind == Kind::config) return std::move(spool).error();
  submit::Context context{&site, &who, spool ? &spool.value() : nullptr,
                          spool ? "" : spool.error().text, base::now};
  auto status = invocation.mode == Invocation::Mode::smtp
                    ? submit::serve(context, STDIN_FILENO, STDOUT_FILENO, note_stored)
                    : deliver(context, invocation);
  if (!stored_in_spool || invocation.queue_only) return status;
  const bool watched = invocation.verbose && ::isatty(STDOUT_FILENO) == 1;
  afterwards([&] {
    (watched ? store::run_flush : store::start_flush)(spool.value(), place, who,
                                                      std::getenv("MAIL"));
  });
  return status;
}

Result<int> exec_sibling(const std::string& name, const std::string& installed,
                         std::vector<std::string> options) {
  const auto program = base::sibling(name, installed);
  if (!program) return Error{Kind::unavailable, cat(installed, ": not installed")};
  options.insert(options.begin(), name);
  std::vector<std::string> environment;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    environment.emplace_back(*variable);
  return base::exec(*program, options, environment);
}

// Addresses as a message would take them.
Result<int> verify(const Invocation& invocation) {
  submit::Recipients recipients("");
  for (const auto& word : invocation.recipients)
    TRY(recipients.add_list(word, submit::Recipients::Source::command_line));
  if (recipients.empty()) return Error{Kind::usage, "-bv: there is no address to verify"};
  std::vector<std::string> words{"--verify", "--"};
  for (auto& recipient : recipients.take()) words.push_back(std::move(recipient.original));
  return exec_sibling("postbag-flush", "/usr/libexec/postbag/postbag-flush", std::move(words));
}

Result<int> sendmail(base::Args args) {
  TRY_LET(invocation, submit::parse_options(args));
  for (const auto& remark : invocation.remarks) base::complain(remark);
  switch (invocation.mode) {
    case Invocation::Mode::list_queue: return exec_sibling("mailq", "/usr/bin/mailq", {});
    case Invocation::Mode::build_aliases:
      return exec_sibling("newaliases", "/usr/bin/newaliases", {});
    case Invocation::Mode::run_queue:
      return exec_sibling("postbag-flush", "/usr/libexec/postbag/postbag-flush",
                          invocation.flush_options);
    case Invocation::Mode::verify: return verify(invocation);
    case Invocation::Mode::nothing: return EX_OK;
    case Invocation::Mode::deliver:
    case Invocation::Mode::smtp: break;
  }
  return submit_mail(invocation);
}

}  // namespace

int main(int argc, char** argv) { return base::run_main("sendmail", argc, argv, sendmail); }
