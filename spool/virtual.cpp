#include "spool/virtual.h"

#include <algorithm>
#include <utility>

#include "lib/base/text.h"
#include "lib/store/config.h"
#include "lib/store/target.h"

namespace spool {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;
using rfc::Path;

namespace {

bool domain_of_address(std::string_view domain) { return bool(Path::parse(cat("x@", domain))); }

// `user@domain`, `user+*@domain` and `@domain`
bool is_key(std::string_view key) {
  if (key.starts_with('@')) return domain_of_address(key.substr(1));
  const auto path = Path::parse(key);
  return path && path.value().qualified() && path.value().text() == key;
}

// A key as it is looked up: lower-case, quotes only where they are needed.
std::string canonical(std::string_view key) {
  const auto path = Path::parse(key);
  if (!path) return base::lowered(key);
  const auto local = store::quoted(store::unquoted(path.value().local()));
  return base::lowered(cat(local, "@", path.value().domain()));
}

// What %1, %2 and %3 are of a local part without quotes; nullopt for any other.
std::optional<std::string> part_of(std::string_view local, char which) {
  const auto plus = std::min(local.find('+', 1), local.size());
  if (which == '1') return std::string(local.substr(0, plus));
  if (which == '2') return std::string(local.substr(std::min(plus + 1, local.size())));
  if (which == '3') return std::string(local.substr(plus));
  return std::nullopt;
}

// What an address becomes that stands behind a key, for one that is looked up.
std::string filled(std::string_view form, const Path& address) {
  if (form.starts_with('@')) return cat(address.local(), form);
  const std::string local = store::unquoted(address.local());
  std::string text;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const char next = i + 1 < form.size() ? form[i + 1] : '\0';
    const auto part = form[i] == '%' ? part_of(local, next) : std::nullopt;
    if (part) text += *part, ++i;
    else text += form[i];
  }
  return text;
}

// The local part may be one that needs quotes once it is put together.
Result<Path> address_of(std::string_view form, const Path& address) {
  const std::string text = filled(form, address);
  auto path = Path::parse(text);
  if (path) return path;
  const auto at = text.rfind('@');
  if (at == std::string::npos) return Path::parse(store::quoted(text));
  return Path::parse(cat(store::quoted(text.substr(0, at)), text.substr(at)));
}

// What is wrong with an address behind a key; empty if nothing is.
std::string address_problem(std::string_view form) {
  if (form.starts_with('@')) return is_key(form) ? "" : cat(form, ": not @domain");
  const char first = form.find_first_not_of("\"\\") == std::string_view::npos
                         ? '\0'
                         : form[form.find_first_not_of("\"\\")];
  if (first == '|' || first == '/' || first == ':')
    return cat(form, ": commands, files and lists are for alias files only");
  const auto example = Path::parse("user+detail@domain").value();
  const auto path = Path::parse(filled(form, example));
  if (!path) return path.error().text;
  return path.value().null() ? cat(form, ": no address") : "";
}

// "5.7.0:550 text", or sendmail's "nouser text" and "nouser 550 text"
std::optional<ToNowhere> error_of(std::string_view text) {
  ToNowhere error{{5, 1, 1}, ""};
  if (text.starts_with("nouser ")) {
    text = base::trim(text.substr(7));
  } else {
    const auto status = rfc::enhanced_status(base::take(text, ':'));
    if (!status || status->category != 5) return std::nullopt;
    error.status = *status;
    if (!base::to_number<int>(text.substr(0, 3))) return std::nullopt;
  }
  const auto code = base::to_number<int>(text.substr(0, 3));
  if (!code) error.text = cat("550 ", base::printable(text));
  else if (*code < 500 || *code > 599 || text.size() < 5 || text[3] != ' ') return std::nullopt;
  else error.text = base::printable(text);
  return error;
}

std::string_view first_word(std::string_view line) {
  return line.substr(0, std::min(line.find_first_of(" \t"), line.size()));
}

}  // namespace

Virtual Virtual::parse(std::string_view file, std::string_view text) {
  Virtual table;
  for (int number = 1; !text.empty(); ++number) {
    const auto line = base::take(text, '\n');
    const auto content = base::trim(line);
    if (content.empty() || content.starts_with('#')) continue;
    const auto key = first_word(content);
    // A line that is wrong still says which domain it is about.
    const auto at = key.rfind('@');
    if (at != std::string_view::npos) table.domains_.insert(base::lowered(key.substr(at + 1)));
    std::string problem = content.data() != line.data()
                              ? "the line begins with a blank"
                              : table.add(key, content.substr(key.size()));
    if (!problem.empty())
      table.mistakes_.push_back(cat(file, ":", number, ": ", base::printable(problem)));
  }
  return table;
}

// What is wrong with the line; empty if nothing is.
std::string Virtual::add(std::string_view key, std::string_view value) {
  value = base::trim(value);
  if (!is_key(key)) return cat(key, ": not user@domain or @domain");
  if (value.empty()) return cat(key, ": there is no address behind it");
  Value made;
  if (base::istarts_with(value, "error:")) {
    made.error = error_of(value.substr(6));
    if (!made.error) return cat(value, ": not error:5.X.Y:5XX TEXT");
  } else {
    made.addresses = store::words(value);
    if (made.addresses.empty()) return cat(key, ": there is no address behind it");
  }
  for (const auto& address : made.addresses)
    if (auto problem = address_problem(address); !problem.empty()) return problem;
  const bool added = table_.emplace(canonical(key), std::move(made)).second;
  return added ? "" : cat(key, ": a second line for it");
}

const Virtual::Value* Virtual::value_of(const Path& address) const {
  const auto at = [&](const std::string& key) {
    const auto found = table_.find(key);
    return found == table_.end() ? nullptr : &found->second;
  };
  // Quotes that are not needed say nothing: "jane"@here is jane@here.
  const std::string local = base::lowered(store::unquoted(address.local()));
  const std::string domain = cat("@", base::lowered(address.domain()));
  if (const auto* value = at(store::quoted(local) + domain)) return value;
  const auto plus = local.find('+', 1);
  if (plus != std::string::npos) {
    const std::string user = local.substr(0, plus);
    if (const auto* value = at(store::quoted(user + "+*") + domain)) return value;
    if (const auto* value = at(store::quoted(user) + domain)) return value;
  }
  return at(domain);
}

Result<std::optional<VirtualTarget>> Virtual::find(const Path& address, bool local) const {
  if (!mistakes_.empty() && (local || domains_.contains(base::lowered(address.domain())))) {
    const auto more = mistakes_.size() - 1;
    return Error{Kind::config,
                 more == 0 ? mistakes_[0] : cat(mistakes_[0], " (and ", more, " more)")};
  }
  const auto* value = value_of(address);
  if (value == nullptr) return std::optional<VirtualTarget>();
  if (value->error) return std::optional<VirtualTarget>(*value->error);
  std::vector<Path> paths;
  for (const auto& form : value->addresses) {
    auto path = address_of(form, address);
    if (!path) return std::move(path).error();
    paths.push_back(std::move(path).value());
  }
  return std::optional<VirtualTarget>(std::move(paths));
}

}  // namespace spool
