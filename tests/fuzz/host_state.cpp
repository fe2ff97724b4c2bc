// host_state.cpp - the state of a smarthost reads back what it writes, and so do routes; of several
// routes the one that fits best is found.
#include "spool/host_state.h"

#include <optional>
#include <string>

#include "lib/base/text.h"
#include "spool/route.h"
#include "tests/fuzz/require.h"

namespace {

using base::cat;
using spool::RouteValue;

std::string shown(const spool::Host& host) {
  const bool v6 = host.name.find(':') != std::string::npos;
  return cat(v6 ? cat("[", host.name, "]") : host.name, ":", host.port);
}

std::string shown(const RouteValue& route) {
  switch (route.kind) {
    case RouteValue::Kind::smarthost: return cat("smarthost ", route.name);
    case RouteValue::Kind::host: return cat("smtp:[", route.host.name, "]:", route.host.port);
    case RouteValue::Kind::error:
      return cat("error ", route.error.status.text(), " ", route.error.text);
    case RouteValue::Kind::local: break;
  }
  return "local";
}

void check_state(std::string_view text) {
  const auto state = spool::parse_host_state(text);
  const auto written = spool::host_state_text(state);
  require(spool::host_state_text(spool::parse_host_state(written)) == written,
          "a state that was written is read again");
  if (state.failures == 0) return;
  const auto again = spool::parse_host_state(written);
  require(again.failures == state.failures && again.until == state.until, "failures come back");
  require(again.stamp == state.stamp && again.sent == state.sent, "stamp and times come back");
}

void check_value(std::string_view text) {
  if (const auto route = spool::parse_route(text)) {
    const auto again = spool::parse_route(shown(*route));
    require(again && shown(*again) == shown(*route), "a route that was written is read again");
  }
  const auto host = spool::parse_host(text, 587);
  if (!host) return;
  const auto again = spool::parse_host(shown(*host), 1);
  require(again && again->name == host->name && again->port == host->port,
          "a host that was written is read again");
}

/// How well a key fits an address, 0: not at all.
std::size_t fit(std::string_view key, const rfc::Path& path) {
  const std::string address = base::lowered(path.text()), domain = base::lowered(path.domain());
  const std::string wanted = base::lowered(key);
  if (wanted == address) return 1'000'000;
  if (wanted == domain) return 500'000;
  const bool below = wanted.starts_with('.') && domain.ends_with(wanted);
  return below ? wanted.size() : 0;
}

// The first line is the recipient, the others are keys.
void check_routes(std::string_view text) {
  const auto recipient = rfc::Path::parse(base::take(text, '\n'));
  if (!recipient) return;
  spool::Routes routes;
  std::size_t best = 0, number = 0;
  std::optional<std::size_t> wanted;
  while (!text.empty() && number < 50) {
    const auto key = base::take(text, '\n');
    if (!spool::Routes::is_key(key)) continue;
    routes.add(key, spool::ToSmarthost{number});
    const auto fits = fit(key, recipient.value());
    if (fits > best) best = fits, wanted = number;
    ++number;
  }
  const auto* way = routes.find(recipient.value());
  require((way != nullptr) == wanted.has_value(), "a route is found if one fits");
  require(way == nullptr || std::get<spool::ToSmarthost>(*way).index == *wanted,
          "the best route is found");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  check_state(text);
  check_state(cat("postbag host 1\n", text));
  check_value(text.substr(0, text.find('\n')));
  check_routes(text);
  return 0;
}
