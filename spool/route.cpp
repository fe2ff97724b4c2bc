#include "spool/route.h"

#include <algorithm>

#include "lib/base/text.h"
#include "lib/store/config.h"

namespace spool {

namespace {

// What stands before the port, and the port's text or none.
std::optional<std::pair<std::string_view, std::optional<std::string_view>>> split_port(
    std::string_view text) {
  std::size_t end = text.find(':');
  std::string_view name = text.substr(0, end);
  if (text.starts_with('[')) {
    const auto bracket = text.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    name = text.substr(1, bracket - 1);
    if (name.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos ||
        name.find(':') == std::string_view::npos)
      return std::nullopt;
    end = bracket + 1;
  } else if (!store::is_domain(name)) {
    return std::nullopt;
  }
  if (end >= text.size()) return std::pair(name, std::optional<std::string_view>());
  if (text[end] != ':') return std::nullopt;
  return std::pair(name, std::optional(text.substr(end + 1)));
}

}  // namespace

std::optional<Host> parse_host(std::string_view text, std::uint16_t default_port) {
  const auto parts = split_port(text);
  if (!parts) return std::nullopt;
  Host host{std::string(parts->first), default_port};
  if (!parts->second) return host;
  const auto number = base::to_number<std::uint16_t>(*parts->second);
  if (!number || *number == 0) return std::nullopt;
  host.port = *number;
  return host;
}

namespace {

// "[host]:port", as Postfix writes a host that is not looked up as a mail exchanger; an IPv6
// address stands in the brackets as it is.
std::optional<Host> bracketed_host(std::string_view text) {
  const auto bracket = text.find(']');
  if (!text.starts_with('[') || bracket == std::string_view::npos) return std::nullopt;
  const std::string name(text.substr(1, bracket - 1));
  const bool v6 = name.find(':') != std::string::npos;
  return parse_host(base::cat(v6 ? base::cat("[", name, "]") : name, text.substr(bracket + 1)), 25);
}

// "5.7.0 550 text"
std::optional<ToNowhere> error_of(std::string_view text) {
  const auto status = rfc::enhanced_status(base::take(text, ' '));
  const auto code = base::to_number<int>(text.substr(0, 3));
  if (!status || status->category != 5 || !code || *code < 500 || *code > 599) return std::nullopt;
  if (text.size() < 5 || text[3] != ' ') return std::nullopt;
  return ToNowhere{*status, base::printable(text)};
}

}  // namespace

std::optional<RouteValue> parse_route(std::string_view value) {
  RouteValue route;
  std::string_view rest = value;
  const auto word = base::take(rest, ' ');
  const auto argument = base::trim(rest);
  if (word == "local" && argument.empty()) return route;
  if (word == "smarthost") {
    route.kind = RouteValue::Kind::smarthost;
    route.name = argument;
    return route;
  }
  if (word.starts_with("smtp:") && argument.empty()) {
    const auto host = bracketed_host(word.substr(5));
    if (!host) return std::nullopt;
    route.kind = RouteValue::Kind::host;
    route.host = *host;
    return route;
  }
  auto error = word == "error" ? error_of(argument) : std::nullopt;
  if (!error) return std::nullopt;
  route.kind = RouteValue::Kind::error;
  route.error = std::move(*error);
  return route;
}

bool Routes::is_key(std::string_view key) {
  const auto at = key.rfind('@');
  if (at != std::string_view::npos) {
    const auto path = rfc::Path::parse(key);
    return path && path.value().qualified() && path.value().text() == key;
  }
  return store::is_domain(key.starts_with('.') ? key.substr(1) : key);
}

void Routes::add(std::string_view key, Way way) {
  routes_.push_back({base::lowered(key), std::move(way)});
}

const Way* Routes::find(const rfc::Path& recipient) const {
  const auto at = [&](std::string_view key) -> const Way* {
    const auto found = std::find_if(routes_.begin(), routes_.end(),
                                    [&](const Route& route) { return route.key == key; });
    return found == routes_.end() ? nullptr : &found->way;
  };
  const std::string address = base::lowered(recipient.text());
  const std::string domain = base::lowered(recipient.domain());
  if (const Way* way = at(address)) return way;
  if (const Way* way = at(domain)) return way;
  for (auto dot = domain.find('.'); dot != std::string::npos; dot = domain.find('.', dot + 1))
    if (const Way* way = at(std::string_view(domain).substr(dot))) return way;
  return nullptr;
}

}  // namespace spool
