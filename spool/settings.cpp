#include "spool/settings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/rfc/envelope.h"
#include "spool/sasl.h"
#include "spool/secret.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using store::Key;
using store::Schema;
using store::Section;
using store::Type;

namespace {

constexpr std::array smarthost_keys{Key{"host"},
                                    Key{"security", Type::choice, "tls starttls none"},
                                    Key{"allow_plaintext", Type::yes_no},
                                    Key{"user"},
                                    Key{"password"},
                                    Key{"auth"},
                                    Key{"from", Type::address},
                                    Key{"rewrite_from", Type::choice, "never foreign always"},
                                    Key{"senders"},
                                    Key{"recipients"},
                                    Key{"ca", Type::path},
                                    Key{"pin"},
                                    Key{"certificate", Type::path},
                                    Key{"key", Type::path},
                                    Key{"helo", Type::domain},
                                    Key{"proxy"},
                                    Key{"source"},
                                    Key{"tls_min", Type::choice, "1.2 1.3"},
                                    Key{"connections", Type::count},
                                    Key{"messages_per_connection", Type::count},
                                    Key{"recipients_per_transaction", Type::count},
                                    Key{"rate"},
                                    Key{"connect_timeout", Type::duration},
                                    Key{"reply_timeout", Type::duration},
                                    Key{"data_timeout", Type::duration},
                                    Key{"dot_timeout", Type::duration},
                                    Key{"message_timeout", Type::duration}};

constexpr const char* system_generic = "/etc/postbag/generic";
// Understood and checked, but without effect until the part that uses them is built.
bool loopback(const std::string& host) {
  const bool v4 =
      host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
  return host == "localhost" || v4 || host == "::1";
}

// "30" a minute, or "2000/1d"; nullopt if it is none.
std::optional<Rate> parse_rate(std::string_view text) {
  constexpr unsigned most = 10'000;  // each is remembered for its period
  const bool a_minute = text.find('/') == std::string_view::npos;
  const auto count = base::to_number<unsigned>(base::take(text, '/'));
  const auto period = a_minute ? std::chrono::seconds(60) : store::duration(text);
  if (!count || *count == 0 || *count > most || !period) return std::nullopt;
  return Rate{*count, *period};
}

// What tells that a file is another one than it was.
std::string file_stamp(const std::string& path) {
  struct stat status;
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return "-";
  return cat(status.st_ino, ".", status.st_size, ".", status.st_mtim.tv_sec, ".",
             status.st_mtim.tv_nsec);
}

/// Turns one [smarthost] section into a Smarthost, adding to the list of mistakes.
class SmarthostReader {
 public:
  SmarthostReader(const store::Config& config, const Section& section, const store::Place& place,
                  std::vector<std::string>& mistakes)
      : config_(config), section_(section), place_(place), mistakes_(mistakes) {}

  Smarthost read() {
    smarthost_.name = section_.name;
    smarthost_.line = section_.line;
    hosts();
    user();
    password();
    auth();
    copy("pin", smarthost_.pin);
    copy("helo", smarthost_.helo);
    copy("proxy", smarthost_.proxy);
    copy("source", smarthost_.source);
    copy("tls_min", smarthost_.tls_min);
    for (auto [key, target] :
         {std::pair{"ca", &smarthost_.ca}, std::pair{"certificate", &smarthost_.certificate},
          std::pair{"key", &smarthost_.key}}) {
      copy(key, *target);
      if (target->starts_with("~/")) *target = place_.home + target->substr(1);
    }
    if (const auto* setting = section_.find("senders"))
      smarthost_.senders = store::words(setting->value);
    if (const auto* setting = section_.find("recipients"))
      smarthost_.recipients = store::words(setting->value);
    rewriting();
    numbers();
    rate();
    smarthost_.stamp = cat(file_stamp(config_.path()), " ", file_stamp(secret_file_));
    return std::move(smarthost_);
  }

 private:
  void mistake(int line, std::string_view text) {
    mistakes_.push_back(config_.located(line, text));
  }

  void copy(std::string_view key, std::string& target) {
    if (const auto* setting = section_.find(key)) target = setting->value;
  }

  void hosts() {
    const auto* host = section_.find("host");
    const auto* security = section_.find("security");
    if (host == nullptr) return mistake(section_.line, "this smarthost has no host");
    const std::uint16_t port = security != nullptr && security->value == "tls" ? 465 : 587;
    const auto list = store::words(host->value);
    if (list.empty()) mistake(host->line, cat("host = ", host->value, ": not a host or host:port"));
    for (const auto& word : list) {
      if (word.starts_with("srv:"))
        mistake(host->line, cat(word, ": SRV look-ups are not part of this version"));
      else if (const auto parsed = parse_host(word, port)) smarthost_.hosts.push_back(*parsed);
      else mistake(host->line, cat("host = ", word, ": not a host or host:port"));
    }
    smarthost_.security = security_of(security);
    const auto* plaintext = section_.find("allow_plaintext");
    const bool all_loopback = std::all_of(smarthost_.hosts.begin(), smarthost_.hosts.end(),
                                          [](const Host& each) { return loopback(each.name); });
    if (smarthost_.security == Security::none && !all_loopback &&
        (plaintext == nullptr || plaintext->value != "yes"))
      mistake(security->line, "security = none: only to loopback, or with allow_plaintext = yes");
  }

  Security security_of(const store::Setting* setting) const {
    if (setting == nullptr)
      return !smarthost_.hosts.empty() && smarthost_.hosts.front().port == 465 ? Security::tls
                                                                               : Security::starttls;
    return setting->value == "tls"    ? Security::tls
           : setting->value == "none" ? Security::none
                                      : Security::starttls;
  }

  void user() {
    const auto* user = section_.find("user");
    if (user == nullptr) return;
    smarthost_.user = user->value;
    if (smarthost_.security == Security::none)
      mistake(user->line, "user: a password never goes over security = none");
    if (section_.find("password") == nullptr) mistake(user->line, "user: there is no password = …");
  }

  void password() {
    const auto* setting = section_.find("password");
    if (setting == nullptr) return;
    if (smarthost_.user.empty()) mistake(setting->line, "password: there is no user = …");
    std::string_view rest = setting->value;
    const auto word = base::take(rest, ' ');
    const std::string argument(base::trim(rest));
    using Source = Secret::Source;
    struct Form {
      std::string_view word;
      Source source;
      bool argument;
    };
    constexpr Form forms[] = {
        {"keyring", Source::keyring, false}, {"file", Source::file, true},
        {"command", Source::command, true},  {"credential", Source::credential, true},
        {"netrc", Source::netrc, false},     {"text", Source::text, true}};
    const auto form = std::find_if(std::begin(forms), std::end(forms),
                                   [&](const Form& known) { return known.word == word; });
    // The value is not repeated: somebody may have written the password itself.
    if (form == std::end(forms) || form->argument == argument.empty())
      return mistake(
          setting->line,
          "password: not keyring, file PATH, command CMD, credential NAME, netrc or text SECRET");
    smarthost_.password = {form->source, argument};
    if (form->source == Source::file && argument.starts_with("~/"))
      smarthost_.password.argument = place_.home + argument.substr(1);
    if (form->source == Source::keyring)
      mistake(setting->line, "password: keyring is not part of this version");
    if (form->source == Source::text) private_file(setting->line);
    if (form->source == Source::file) secret_file_ = smarthost_.password.argument;
    if (form->source == Source::netrc) secret_file_ = place_.home + "/.netrc";
    if (!secret_file_.empty()) kept_secret(secret_file_, setting->line);
    if (form->source == Source::credential) secret_file_ = credential_path(argument);
  }

  // One that is not there yet may come; one that others can read is known to them already.
  void kept_secret(const std::string& path, int line) {
    struct stat status;
    if (::stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0)
      mistake(line, cat("password: ", path, " can be read by others; chmod 600 it"));
  }

  void private_file(int line) {
    struct stat status;
    if (::stat(config_.path().c_str(), &status) != 0 || (status.st_mode & 077) != 0)
      mistake(line, "password: text SECRET only in a file of mode 0600");
  }

  static std::string all_mechanisms() {
    std::string text;
    for (const auto name : mechanism_names) text += cat(text.empty() ? "" : " ", name);
    return text;
  }

  void auth() {
    const auto* setting = section_.find("auth");
    if (setting == nullptr) return;
    std::string spaced = setting->value;
    std::replace(spaced.begin(), spaced.end(), ',', ' ');
    for (const auto word : base::split(spaced, ' ')) {
      if (word.empty()) continue;
      const bool known =
          std::find(mechanism_names.begin(), mechanism_names.end(), word) != mechanism_names.end();
      if (known) smarthost_.auth.emplace_back(word);
      else mistake(setting->line, cat("auth: ", word, ": not one of: ", all_mechanisms()));
    }
  }

  void rewriting() {
    auto& rewriting = smarthost_.rewriting;
    rewriting.senders = smarthost_.senders;
    const auto* from = section_.find("from");
    const auto* mode = section_.find("rewrite_from");
    // What is no address was told by the schema.
    const auto address = rfc::Path::parse(from == nullptr ? "" : from->value);
    if (address) rewriting.from = address.value();
    if (address && from != nullptr && !rewriting.from.qualified())
      mistake(from->line, cat("from = ", from->value, ": an address with a domain is needed"));
    if (mode == nullptr) return;
    using Mode = Rewriting::Mode;
    rewriting.mode = mode->value == "never"    ? Mode::never
                     : mode->value == "always" ? Mode::always
                                               : Mode::foreign;
    if (from == nullptr && rewriting.mode == Mode::always)
      mistake(mode->line, "rewrite_from: there is no from = …");
  }

  void number(std::string_view key, unsigned& target) {
    if (const auto* setting = section_.find(key))
      target = base::to_number<unsigned>(setting->value).value_or(target);
  }
  void time(std::string_view key, std::chrono::seconds& target) {
    if (const auto* setting = section_.find(key))
      target = store::duration(setting->value).value_or(target);
  }
  void rate() {
    const auto* setting = section_.find("rate");
    if (setting == nullptr) return;
    const auto rate = parse_rate(setting->value);
    if (rate) smarthost_.rate = *rate;
    else
      mistake(setting->line,
              cat("rate = ", setting->value,
                  ": not a number of messages a minute, or MESSAGES/TIME as in 2000/1d"));
  }
  void numbers() {
    number("connections", smarthost_.connections);
    number("recipients_per_transaction", smarthost_.recipients_per_transaction);
    number("messages_per_connection", smarthost_.messages_per_connection);
    time("connect_timeout", smarthost_.connect_timeout);
    time("reply_timeout", smarthost_.reply_timeout);
    time("data_timeout", smarthost_.data_timeout);
    time("dot_timeout", smarthost_.dot_timeout);
    time("message_timeout", smarthost_.message_timeout);
  }

  const store::Config& config_;
  const Section& section_;
  const store::Place& place_;
  std::vector<std::string>& mistakes_;
  Smarthost smarthost_;
  std::string secret_file_;
};

// The place of a smarthost that [routes] names, by its name or made for its host.
std::optional<std::size_t> routed_smarthost(const RouteValue& value, const std::string& stamp,
                                            std::vector<Smarthost>& smarthosts) {
  const bool named = value.kind == RouteValue::Kind::smarthost;
  const std::string name =
      named ? value.name : cat("smtp:[", value.host.name, "]:", value.host.port);
  const auto found = std::find_if(smarthosts.begin(), smarthosts.end(), [&](const Smarthost& each) {
    return each.name == name && each.only_routed != named;
  });
  if (found != smarthosts.end()) return found - smarthosts.begin();
  if (named) return std::nullopt;
  Smarthost made;
  made.name = name;
  made.hosts.push_back(value.host);
  made.security = Security::opportunistic;
  made.only_routed = true;
  made.stamp = stamp;
  smarthosts.push_back(std::move(made));
  return smarthosts.size() - 1;
}

// nullopt: a smarthost of that name is not there.
std::optional<Way> bound(const RouteValue& value, const std::string& stamp,
                         std::vector<Smarthost>& smarthosts) {
  if (value.kind == RouteValue::Kind::local) return ToThisMachine{};
  if (value.kind == RouteValue::Kind::error) return value.error;
  const auto index = routed_smarthost(value, stamp, smarthosts);
  return index ? std::optional<Way>(ToSmarthost{*index}) : std::nullopt;
}

void read_routes(const store::Config& config, Settings& settings,
                 std::vector<std::string>& mistakes) {
  const auto* section = config.find("routes");
  if (section == nullptr) return;
  const std::string stamp = file_stamp(config.path());
  for (const auto& [key, text, line] : section->settings) {
    const auto value = parse_route(text);
    const auto way = value ? bound(*value, stamp, settings.smarthosts) : std::nullopt;
    std::string mistake;
    if (!Routes::is_key(key)) mistake = cat(key, ": not a domain, .domain or user@domain");
    else if (!value)
      mistake = cat(key, " = ", text,
                    ": not smarthost NAME, smtp:[HOST]:PORT, local or error 5.X.Y 5XX TEXT");
    else if (!way) mistake = cat("there is no [smarthost ", value->name, "]");
    if (mistake.empty()) settings.routes.add(key, *way);
    else mistakes.push_back(config.located(line, mistake));
  }
}

// The table of [local] generic, or in system mode the default one. That one need not be there.
Generic load_generic(const store::Config& config, const store::Place& place,
                     std::vector<std::string>& mistakes) {
  const auto* local = config.find("local");
  const auto* setting = local == nullptr ? nullptr : local->find("generic");
  std::string path = setting == nullptr ? system_generic : setting->value;
  if (path.starts_with("~/")) path = place.home + path.substr(1);
  if (setting == nullptr && !place.system) return {};
  if (path == system_generic && ::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return {};
  constexpr std::size_t largest = 4 << 20;
  const auto text = base::read_file(path, largest);
  if (text) return Generic::parse(path, text.value(), mistakes);
  mistakes.push_back(setting == nullptr
                         ? text.error().text
                         : config.located(setting->line, cat("generic: ", text.error().text)));
  return {};
}

}  // namespace

std::array<Smarthost, 2> make_agents() {
  std::array<Smarthost, 2> agents;
  agents[0].name = "mailboxes";
  agents[0].agent = Agent::mailbox;
  agents[0].connections = 1;  // or messages would change their order
  agents[1].name = "commands";
  agents[1].agent = Agent::command;
  return agents;
}

Result<Settings> load_settings(const store::Place& place) {
  Settings settings;
  if (!place.config) {
    settings.site = store::make_site(place, nullptr);
    std::vector<std::string> none;
    settings.local = read_local(nullptr, place, none);
    return settings;
  }
  TRY_LET(config, store::Config::load(*place.config));
  settings.site = store::make_site(place, &config);
  std::vector<Schema> schemas(store::site_schemas().begin(), store::site_schemas().end());
  schemas.push_back({"local", false, local_keys});
  schemas.push_back({"smarthost", true, smarthost_keys});
  schemas.push_back({"routes", false, {}});
  auto mistakes = config.mistakes(schemas, true);
  for (const auto& section : config.sections())
    // One without settings is a form not yet filled in, as in the sample.
    if (section.kind == "smarthost" && !section.settings.empty())
      settings.smarthosts.push_back(SmarthostReader(config, section, place, mistakes).read());
  read_routes(config, settings, mistakes);
  settings.local = read_local(&config, place, mistakes);
  std::vector<std::string> table_mistakes;
  const Generic generic = load_generic(config, place, table_mistakes);
  for (auto& smarthost : settings.smarthosts) {
    smarthost.rewriting.generic = generic;
    smarthost.rewriting.local_domains = settings.site.local;
    smarthost.rewriting.domain = settings.site.domain;
  }
  const auto line_of = [&](std::string_view mistake) {
    mistake.remove_prefix(config.path().size() + 1);
    return base::to_number<int>(base::take(mistake, ':')).value_or(0);
  };
  std::stable_sort(mistakes.begin(), mistakes.end(),
                   [&](const auto& a, const auto& b) { return line_of(a) < line_of(b); });
  mistakes.insert(mistakes.end(), table_mistakes.begin(), table_mistakes.end());
  if (mistakes.empty()) return settings;
  std::string text;
  for (const auto& mistake : mistakes) text += (text.empty() ? "" : "\n") + mistake;
  return Error{Kind::config, text};
}

}  // namespace spool
