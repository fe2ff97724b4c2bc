// spool/main.cpp - deliver what waits in the queue. See postbag-flush(8).
#include "lib/base/main.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstdlib>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "spool/flush.h"
#include "spool/machine.h"
#include "spool/verify.h"

namespace {

using base::cat;
using base::Fd;
using base::Level;
using base::Result;

constexpr const char* usage =
    "usage: postbag-flush [-v] [--config FILE] [--all | --id ID | --recipient TEXT | --sender "
    "TEXT]\n"
    "       postbag-flush --verify [--config FILE] ADDRESS...\n"
    "Relay the mail that is due. --all and the others make waiting mail due first.\n"
    "--verify tells where mail for an address would go, and delivers nothing.\n";

// Whatever the caller's environment says of proxies, certificates, homes or OpenSSL is not for us.
void clean_environment(const base::Identity& who, const std::string& home) {
  const char* given = std::getenv("CREDENTIALS_DIRECTORY");
  const std::string credentials = given != nullptr ? given : "";
  ::clearenv();
  for (const auto& variable : base::clean_environment(home, who.login())) {
    const auto equals = variable.find('=');
    ::setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
  if (!credentials.empty()) ::setenv("CREDENTIALS_DIRECTORY", credentials.c_str(), 1);
}

Result<> flush_spool(const spool::Dispatcher::Surroundings& around, const spool::Options& options) {
  const auto& spool = around.spool;
  spool::SpoolRun run(around);
  if (options.wanted.any()) TRY(run.wake(options.wanted));
  Fd lock;
  if (options.lock >= 0 && options.locked_spool == spool.path()) {
    lock = Fd(options.lock);
    ::fcntl(options.lock, F_SETFD, FD_CLOEXEC);
  } else {
    const std::string what = spool.named("run", "flush.lock");
    TRY_LET(fd,
            base::open_at(spool.run(), "flush.lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600, what));
    TRY_LET(locked, base::lock(fd.number(), false, what));
    if (!locked) {  // a run is on, and looks at the queue again before it ends
      if (options.wanted.any()) TRY(store::force_next_flush(spool));
      return {};
    }
    lock = std::move(fd);
  }
  return run.run(std::move(lock));
}

// Every mistake of the configuration, in the log and to the caller; the mail waits.
int refuse(const base::Error& error, bool verbose) {
  for (const auto line : base::split(error.text, '\n')) {
    base::log("qmgr", Level::error, line);
    if (!verbose) base::complain(line);
  }
  return static_cast<int>(error.kind);
}

int tell_of(const std::vector<std::string>& addresses, const spool::Settings& settings,
            const store::Place& place, const base::Identity& who) {
  const auto rules = spool::rules_for(settings, place, who);
  spool::MachineLookups lookups(rules);
  for (const auto& remark : lookups.remarks()) base::complain(base::printable(remark));
  int status = EX_OK;
  for (const auto& address : addresses) {
    const auto findings = spool::verify(address, settings, rules, lookups);
    base::print(findings.text);
    status = spool::worse(status, findings.status);
  }
  return status;
}

Result<int> run_flush(base::Args args) {
  TRY_LET(options, spool::parse_options(args));
  if (options.help || options.version) {
    base::print(options.help ? usage : cat("postbag ", POSTBAG_VERSION, "\n"));
    return EX_OK;
  }
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_DUMPABLE, 0);  // a core that is piped to a program minds no limit
  base::log_to_stderr(options.verbose);
  const auto who = base::identity();
  const auto place = store::find_place(who, options.config, std::getenv("POSTBAG_CONFIG"));
  const char* mail = who.trusted_environment ? std::getenv("MAIL") : nullptr;
  const std::string mailbox = mail != nullptr ? mail : "";
  clean_environment(who, place.home.empty() ? "/" : place.home);
  if (!place.remark.empty()) base::complain(place.remark);
  auto settings = spool::load_settings(place);
  if (!settings) return refuse(settings.error(), options.verbose);
  if (!options.verify.empty()) return tell_of(options.verify, settings.value(), place, who);
  spool::request_stop_on_signals();
  const auto rules = spool::rules_for(settings.value(), place, who);
  TRY_LET(spools, store::open_spools(settings.value().site, place, who));
  int status = EX_OK;
  for (const auto& spool : spools) {
    if (spool::stop_requested()) break;
    // One that is in trouble keeps no mail from leaving the others.
    const auto done = flush_spool({.spool = spool,
                                   .settings = settings.value(),
                                   .rules = rules,
                                   .who = who,
                                   .home = place.home,
                                   .clock = base::now,
                                   .own_spool = !place.system,
                                   .mail = mailbox},
                                  options);
    if (done) continue;
    base::complain(done.error().text);
    base::log("qmgr", Level::error, done.error().text);
    status = static_cast<int>(done.error().kind);
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) { return base::run_main("postbag-flush", argc, argv, run_flush); }
