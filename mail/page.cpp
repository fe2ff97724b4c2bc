// Text on the screen, through a pager where it is long: show.h's page().
#include <unistd.h>

#include <algorithm>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/child.h"
#include "mail/show.h"

namespace reader {

namespace {
// POSIX: `crt` unset: no pager; a number: for longer texts; without one: for what fills the screen.
bool is_long(const Session& session, std::string_view text) {
  if (!session.terminal.output || !session.variables.is_set("crt")) return false;
  const long limit = session.variables.number("crt").value_or(session.terminal.rows);
  return std::count(text.begin(), text.end(), '\n') > limit;
}

std::string pager(const Session& session) {
  const std::string named = session.variables.text("PAGER");
  if (!named.empty()) return named;
  return ::access("/usr/bin/less", X_OK) == 0 ? "less" : "more";
}

// less and lv show colours only when they are told so; what people tell them themselves stands
// behind that, and so goes before it.
std::vector<std::string> pager_environment(const Session& session) {
  std::vector<std::string> environment = session.environment.all;
  const auto find = [&](std::string_view name) {
    return std::find_if(environment.begin(), environment.end(),
                        [&](const std::string& entry) { return entry.starts_with(name); });
  };
  const auto less = find("LESS=");
  if (less == environment.end()) environment.emplace_back("LESS=R");
  else less->insert(5, "-R ");
  if (find("LV=") == environment.end()) environment.emplace_back("LV=-c");
  return environment;
}
}  // namespace

void page(Session& session, std::string_view text) {
  if (is_long(session, text)) page_always(session, text);
  else base::print(text);
}

void page_always(Session& session, std::string_view text) {
  if (!session.terminal.output) {
    base::print(text);
    return;
  }
  base::flush_output();
  const auto result = run_fed(shell_command(pager(session), pager_environment(session)), text);
  // Without a pager (the shell says which it has not found) the text is shown all the same.
  if (!result || result.value() == 127 || result.value() == 126) base::print(text);
}

}  // namespace reader
