// settings.h - what the flush takes from postbag.ini. It judges the whole file: where sendmail
// stores mail in spite of a mistake, the flush refuses to run and the mail waits.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/store/config.h"
#include "lib/store/site.h"
#include "spool/local_settings.h"
#include "spool/rewrite.h"
#include "spool/route.h"

namespace spool {

enum class Security {
  tls,
  starttls,
  none,
  opportunistic,  ///< STARTTLS if offered, unverified; for [routes] only, which carry no password
};

/// Where the password comes from. It is read by the session worker when it is needed and nowhere
/// else.
struct Secret {
  enum class Source { none, keyring, file, command, credential, netrc, text };
  Source source = Source::none;
  std::string argument;  ///< path, command, name or the secret itself
};

/// At most `count` messages in any `period`; count 0: no limit.
struct Rate {
  unsigned count = 0;
  std::chrono::seconds period{0};
};

/// Who takes a message: a session with a server, or an agent on this machine.
enum class Agent {
  session,
  mailbox,  ///< mailboxes and files, one message after the other
  command,  ///< programs, which take their time
};

/// One account on a smarthost; or an agent of this machine, of which only name, agent and
/// connections count.
struct Smarthost {
  std::string name;  ///< of [smarthost NAME]; may be empty
  int line = 0;
  std::vector<Host> hosts;  ///< tried in order; at least one
  Security security = Security::starttls;
  std::string user;  ///< empty: no AUTH
  Secret password;
  std::vector<std::string>
      auth;  ///< lower-case mechanism names in order of preference; empty: best offered
  std::vector<std::string> senders, recipients;  ///< patterns; empty: all
  Rewriting rewriting;  ///< from, rewrite_from, senders and [local] generic
  std::string ca, pin, certificate, key, helo, proxy, source, tls_min = "1.2";
  unsigned connections = 4, recipients_per_transaction = 100, messages_per_connection = 100;
  Rate rate;
  std::chrono::seconds connect_timeout{30}, reply_timeout{300}, data_timeout{120}, dot_timeout{600},
      message_timeout{3600};
  bool only_routed = false;  ///< made by [routes]: nothing goes there by default
  Agent agent = Agent::session;
  std::string stamp;  ///< changes whenever the configuration or the secret's file does
};

/// The agents for mailboxes and for commands.
std::array<Smarthost, 2> make_agents();

struct Settings {
  store::Site site;
  LocalSettings local;
  std::vector<Smarthost> smarthosts;
  Routes routes;

  /// Mail that stays here goes the way of all other: behind the smarthosts come two ways more, with
  /// a queue and workers like a smarthost's.
  std::size_t mailboxes() const { return smarthosts.size(); }
  std::size_t commands() const { return smarthosts.size() + 1; }
  std::size_t ways() const { return smarthosts.size() + 2; }
  const Smarthost& way(std::size_t index) const {
    return index < smarthosts.size() ? smarthosts[index] : agents[index - smarthosts.size()];
  }
  std::array<Smarthost, 2> agents = make_agents();
};

/// Errors: config; the text holds every mistake, a line each.
base::Result<Settings> load_settings(const store::Place& place);

}  // namespace spool
