#include "lib/store/site.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/rfc/envelope.h"

namespace store {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool owned_by(const std::string& path, uid_t uid) {
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && status.st_uid == uid;
}

}  // namespace

namespace {

// What the caller names, if it may.
void take_named(const base::Identity& who, const std::optional<std::string>& option,
                const char* variable, Place& place) {
  if (option) {
    place.config = *option;
  } else if (variable != nullptr && *variable != '\0' && who.trusted_environment) {
    const bool checked = who.uid == 0 && exists(variable);
    const auto unsafe = checked ? base::unsafe_path(variable, 0) : std::nullopt;
    if (unsafe) place.remark = cat("POSTBAG_CONFIG=", variable, " is not used: ", *unsafe);
    else place.config = variable;
  }
  place.named = place.config.has_value();
}

}  // namespace

Place find_place(const base::Identity& who, const std::optional<std::string>& option,
                 const char* variable) {
  Place place;
  if (who.user) place.home = base::own_home(*who.user).value_or("");
  take_named(who, option, variable, place);
  if (place.named) {
    place.system = *place.config == system_config;
  } else {
    const std::string own = place.home + "/.config/postbag/postbag.ini";
    const bool has_own =
        !place.home.empty() && exists(own) && (owned_by(own, who.uid) || owned_by(own, 0));
    place.system = exists(system_config) && (who.uid == 0 || !has_own);
    if (place.system) place.config = system_config;
    else if (has_own) place.config = own;
  }
  if (place.system) place.spool = system_spool;
  else if (!place.home.empty()) place.spool = place.home + "/.local/state/postbag/spool";
  return place;
}

namespace {

std::string first_line(const std::string& path) {
  const auto text = base::read_file(path, 65536);
  return text ? std::string(
                    base::trim(std::string_view(text.value()).substr(0, text.value().find('\n'))))
              : "";
}

// The full name that a line of /etc/hosts gives to this host, or nothing.
std::string full_name(std::string_view line, const std::string& name) {
  std::string spaced(line.substr(0, line.find('#')));
  std::replace(spaced.begin(), spaced.end(), '\t', ' ');
  std::string full;
  bool ours = false;
  for (const auto word : base::split(spaced, ' ')) {
    ours = ours || word == name;
    if (full.empty() && base::istarts_with(word, name + ".") && is_domain(word)) full = word;
  }
  return ours ? full : "";
}

// The FQDN as /etc/hosts gives it. DNS is never asked: a submission must not wait for a resolver.
std::string host_name() {
  char buffer[256] = "";
  ::gethostname(buffer, sizeof buffer - 1);
  std::string name = is_domain(buffer) ? buffer : "localhost";
  if (name.find('.') != std::string::npos) return name;
  const auto hosts = base::read_file("/etc/hosts", 1 << 20);
  if (!hosts) return name;
  for (const auto line : base::split(hosts.value(), '\n'))
    if (auto full = full_name(line, name); !full.empty()) return full;
  return name;
}

constexpr std::array site_keys{Key{"domain", Type::domain}, Key{"local", Type::domains},
                               Key{"postmaster", Type::address}, Key{"all_mail_to", Type::address}};
constexpr std::array spool_keys{Key{"directory", Type::path},    Key{"shared", Type::yes_no},
                                Key{"lifetime", Type::duration}, Key{"warn_after", Type::duration},
                                Key{"retry", Type::durations},   Key{"size_limit", Type::size}};
constexpr std::array schemas{Schema{"site", false, site_keys}, Schema{"spool", false, spool_keys}};

std::string expanded(const std::string& path, const std::string& home) {
  return path.starts_with("~/") ? home + path.substr(1) : path;
}

// Copies good values; what is wrong was told by mistakes() already, and the default stays.
class SiteReader {
 public:
  SiteReader(Site& site, const Place& place) : site_(site), place_(place) {}

  void site(const Section& section) {
    if (const auto* domain = section.find("domain"); domain != nullptr && is_domain(domain->value))
      site_.domain = domain->value;
    if (const auto* local = section.find("local"))
      for (const auto& name : words(local->value))
        if (is_domain(name)) site_.local.push_back(name);
    if (const auto* postmaster = section.find("postmaster")) {
      const auto path = rfc::Path::parse(postmaster->value);
      if (path && !path.value().null()) site_.postmaster = postmaster->value;
    }
  }

  void spool(const Section& section) {
    if (const auto* directory = section.find("directory")) {
      const std::string path = expanded(directory->value, place_.home);
      if (path.starts_with('/')) site_.spool = path, site_.shared = false;
    }
    if (const auto* shared = section.find("shared"))
      site_.shared = yes_no(shared->value).value_or(site_.shared);
    assign(section, "lifetime", site_.lifetime);
    assign(section, "warn_after", site_.warn_after);
    if (const auto* limit = section.find("size_limit"))
      site_.size_limit = byte_size(limit->value).value_or(site_.size_limit);
    if (const auto* retry = section.find("retry")) {
      const std::string_view range = retry->value;
      const auto low = duration(range.substr(0, range.find("..")));
      const auto high = duration(range.substr(std::min(range.size(), range.find("..") + 2)));
      if (low && high && *low <= *high) site_.retry_first = *low, site_.retry_longest = *high;
    }
    while (site_.spool.size() > 1 && site_.spool.back() == '/') site_.spool.pop_back();
  }

 private:
  static void assign(const Section& section, std::string_view key, std::chrono::seconds& target) {
    if (const auto* setting = section.find(key)) target = duration(setting->value).value_or(target);
  }
  Site& site_;
  const Place& place_;
};

}  // namespace

std::span<const Schema> site_schemas() { return schemas; }

bool Site::is_local(std::string_view name) const {
  return std::any_of(local.begin(), local.end(),
                     [&](const auto& known) { return base::iequals(known, name); });
}

Site make_site(const Place& place, const Config* config) {
  Site site;
  site.host_name = host_name();
  site.local = {"localhost", "localhost.localdomain", site.host_name,
                site.host_name.substr(0, site.host_name.find('.'))};
  site.spool = place.spool;
  site.shared = place.system;
  if (config != nullptr) {
    SiteReader reader(site, place);
    if (const auto* section = config->find("site")) reader.site(*section);
    if (const auto* section = config->find("spool")) reader.spool(*section);
    site.mistakes = config->mistakes(site_schemas(), false);
  }
  if (site.domain.empty()) site.domain = first_line("/etc/mailname");
  if (!is_domain(site.domain)) site.domain = site.host_name;
  return site;
}

Site load_site(const Place& place) {
  if (!place.config) return make_site(place, nullptr);
  const auto config = Config::load(*place.config);
  if (config) return make_site(place, &config.value());
  Site site = make_site(place, nullptr);
  site.mistakes.push_back(config.error().text);
  return site;
}

Result<std::optional<std::string>> aliases_path(const Place& place, const Config* config) {
  const auto* section = config != nullptr ? config->find("local") : nullptr;
  const auto* setting = section != nullptr ? section->find("aliases") : nullptr;
  if (setting == nullptr)
    return place.system ? std::optional<std::string>(system_aliases) : std::nullopt;
  const auto path = expanded(setting->value, place.home);
  if (path.starts_with('/')) return std::optional(path);
  return Error{Kind::config, config->located(setting->line, cat("aliases = ", setting->value,
                                                                ": a path begins with / or ~/"))};
}

namespace {

// Remembered names of spools in the shared parent, one a line, that were made because the plain
// name was taken.
std::string memory_file(const Place& place) {
  return place.home + "/.local/state/postbag/shared-spools";
}

std::vector<std::string> remembered(const Site& site, const Place& place) {
  std::vector<std::string> names;
  if (place.home.empty()) return names;
  const auto text = base::read_file(memory_file(place), 1 << 20);
  if (!text) return names;
  for (const auto line : base::split(text.value(), '\n'))
    if (line.starts_with(site.spool + "/")) names.emplace_back(line);
  return names;
}

void remember(const Place& place, const std::string& path) {
  if (place.home.empty()) return;
  const std::string folder = place.home + "/.local/state/postbag";
  if (!base::make_directories(folder)) return;
  base::Fd fd(::open(memory_file(place).c_str(),
                     O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd && base::write_all(fd.number(), path + "\n", folder))
    (void)base::sync(fd.number(), folder);
}

// systemd's DynamicUser hands these uids to whoever comes next: a guessable name would show them
// foreign mail.
bool recycled(uid_t uid) { return uid >= 61184 && uid <= 65519; }

// Whether somebody else's folder, file or link lies where our spool should: it never blocks us.
bool squatted(const Error& error) {
  return error.kind == Kind::no_permission || error.system_error == ENOTDIR ||
         error.system_error == ELOOP || error.system_error == EACCES;
}

Result<Spool> create_in_shared(const Site& site, const Place& place, const base::Identity& who) {
  const std::string plain = cat(site.spool, "/", who.uid);
  if (who.user && !recycled(who.uid)) {
    auto spool = Spool::create(plain, who.uid);
    if (spool || !squatted(spool.error())) return spool;
  }
  for (const auto& path : remembered(site, place))
    if (auto spool = Spool::open(path, who.uid)) return spool;
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
    return base::system_error(Kind::os, "random number", "getrandom", errno);
  const std::string path = cat(plain, ".", random);
  TRY_LET(spool, Spool::create(path, who.uid));
  remember(place, path);
  return spool;
}

}  // namespace

Result<Spool> create_spool(const Site& site, const Place& place, const base::Identity& who) {
  if (site.spool.empty())
    return Error{Kind::config, cat("no spool: uid ", who.uid, " has no home folder of its own and ",
                                   system_config, " does not exist")};
  return site.shared ? create_in_shared(site, place, who) : Spool::create(site.spool, who.uid);
}

Result<std::vector<Spool>> open_spools(const Site& site, const Place& place,
                                       const base::Identity& who) {
  std::vector<std::string> paths;
  if (!site.spool.empty())
    paths.push_back(site.shared ? cat(site.spool, "/", who.uid) : site.spool);
  if (site.shared)
    for (auto& path : remembered(site, place)) paths.push_back(std::move(path));
  // A change of mode or of `directory` must strand nothing; a named configuration is an account of
  // its own.
  if (!place.named && !place.home.empty())
    paths.push_back(place.home + "/.local/state/postbag/spool");
  std::vector<Spool> spools;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const auto here = paths.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(paths.begin(), here, paths[i]) != here) continue;
    auto spool = Spool::open(paths[i], who.uid);
    if (spool) spools.push_back(std::move(spool).value());
    else if (site.shared && i == 0 && squatted(spool.error())) continue;
    else if (spool.error().kind != Kind::unavailable) return std::move(spool).error();
  }
  return spools;
}

}  // namespace store
