#include "spool/route.h"

#include <doctest/doctest.h>

namespace {
using spool::RouteValue;

rfc::Path path(std::string_view text) { return rfc::Path::parse(text).value(); }

/// The number of the smarthost that a recipient goes to, -1: none.
int found(const spool::Routes& routes, std::string_view recipient) {
  const auto* way = routes.find(path(recipient));
  return way == nullptr ? -1 : static_cast<int>(std::get<spool::ToSmarthost>(*way).index);
}
}  // namespace

TEST_CASE("route: hosts and ports") {
  const struct {
    std::string_view text, name;
    int port;  // 0: refused
  } table[] = {
      {"mail.example", "mail.example", 99},
      {"mail.example:25", "mail.example", 25},
      {"192.0.2.1:65535", "192.0.2.1", 65535},
      {"[::1]", "::1", 99},
      {"[::1]:25", "::1", 25},
      {"[mail.example]", "", 0},
      {"[1.2.3.4]", "", 0},
      {"mail.example:", "", 0},
      {"mail.example:0", "", 0},
      {"mail.example:65536", "", 0},
      {"mail.example:+25", "", 0},
      {"::1", "", 0},
      {"[::1", "", 0},
      {"[::1]25", "", 0},
      {"", "", 0},
      {"a b", "", 0},
      {"-x:25:25", "", 0},
  };
  for (const auto& row : table) {
    CAPTURE(row.text);
    const auto host = spool::parse_host(row.text, 99);
    CHECK(host.has_value() == (row.port != 0));
    if (!host) continue;
    CHECK(host->name == row.name);
    CHECK(host->port == row.port);
  }
}

TEST_CASE("route: the four forms of a value") {
  auto route = spool::parse_route("smarthost work");
  REQUIRE(route);
  CHECK(route->kind == RouteValue::Kind::smarthost);
  CHECK(route->name == "work");
  route = spool::parse_route("smtp:[mx.example]");
  REQUIRE(route);
  CHECK(route->kind == RouteValue::Kind::host);
  CHECK(route->host.name == "mx.example");
  CHECK(route->host.port == 25);
  route = spool::parse_route("smtp:[::1]:2525");
  REQUIRE(route);
  CHECK(route->host.name == "::1");
  CHECK(route->host.port == 2525);
  route = spool::parse_route("local");
  REQUIRE(route);
  CHECK(route->kind == RouteValue::Kind::local);
  route = spool::parse_route("error 5.7.0 550 not from here");
  REQUIRE(route);
  CHECK(route->kind == RouteValue::Kind::error);
  CHECK(route->error.status == rfc::EnhancedStatus{5, 7, 0});
  CHECK(route->error.text == "550 not from here");
}

TEST_CASE("route: what is no value") {
  for (const auto* text :
       {"", "locale", "local x", "smtp:mx.example", "smtp:[mx.example", "smtp:[mx.example]:x",
        "smtp:[mx.example] x", "error", "error 5.7.0", "error 5.7.0 550", "error 5.7.0 550 ",
        "error 4.7.0 450 later", "error 5.7.0 450 later", "error 550 no", "error 5.7.0 550no", "x"})
    CHECK_MESSAGE(!spool::parse_route(text), text);
}

TEST_CASE("route: the longest match wins") {
  spool::Routes routes;
  CHECK(routes.empty());
  routes.add(".example", spool::ToSmarthost{0});
  routes.add("Lan.Example", spool::ToSmarthost{1});
  routes.add(".lan.example", spool::ToSmarthost{2});
  routes.add("Jane@lan.example", spool::ToSmarthost{3});
  CHECK(found(routes, "tom@other.example") == 0);
  CHECK(found(routes, "tom@a.b.example") == 0);
  CHECK(found(routes, "tom@lan.EXAMPLE") == 1);
  CHECK(found(routes, "tom@deep.lan.example") == 2);
  CHECK(found(routes, "tom@very.deep.lan.example") == 2);
  CHECK(found(routes, "JANE@LAN.example") == 3);
  CHECK(found(routes, "jane@deep.lan.example") == 2);
  CHECK(found(routes, "tom@example") == -1);
  CHECK(found(routes, "tom@notlan.test") == -1);
  CHECK(found(routes, "tom") == -1);
}

TEST_CASE("route: keys") {
  for (const auto* key : {"a.test", ".a.test", "jane@a.test", "localhost"})
    CHECK_MESSAGE(spool::Routes::is_key(key), key);
  for (const auto* key : {"", ".", "..a", "@a.test", "jane@", "a b", "<jane@a.test>", "a.test."})
    CHECK_MESSAGE(!spool::Routes::is_key(key), key);
}
