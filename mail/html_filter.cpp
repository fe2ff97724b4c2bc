#include "mail/html_filter.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "lib/base/text.h"
#include "mail/child.h"
#include "mail/html.h"

namespace reader {

namespace {
constexpr std::chrono::seconds limit{10};

// None of them loads what a page names: pictures, frames, the next page.
std::optional<Program> installed_converter(const Session& session) {
  const std::string width = base::cat(std::clamp(session.terminal.columns, 20, 132));
  const std::vector<std::vector<std::string>> known = {
      {"/usr/bin/w3m", "-dump", "-T", "text/html", "-I", "UTF-8", "-O", "UTF-8", "-cols", width,
       "-no-cookie", "-o", "display_image=0", "-o", "frame=0", "-o", "meta_refresh=0"},
      {"/usr/bin/lynx", "-dump", "-stdin", "-force_html", "-assume_charset=utf-8",
       "-display_charset=utf-8", "-nolist", base::cat("-width=", width)},
      {"/usr/bin/elinks", "-no-home", "-dump", "-dump-width", width, "-dump-charset", "utf-8",
       "-eval", "set document.codepage.assume = \"utf-8\"", "-eval",
       "set document.browse.meta_refresh = 0"},
  };
  for (const auto& arguments : known)
    if (::access(arguments[0].c_str(), X_OK) == 0)
      return Program{arguments, session.environment.all};
  return std::nullopt;
}
// Ours, with words kept whole where a person looks.
std::string stripped(const Session& session, const std::string& html) {
  std::string text = html_text(html);
  if (!session.terminal.output) return text;
  return wrapped(text, static_cast<std::size_t>(std::max(session.terminal.columns, 20)));
}
}  // namespace

std::string readable_html(const Session& session, const std::string& html) {
  const std::string* const command = session.variables.find("html-filter");
  if (command && command->empty()) return stripped(session, html);
  const auto program = command ? std::optional(shell_command(*command, session.environment.all))
                               : installed_converter(session);
  if (!program) return stripped(session, html);
  const auto text = filtered(*program, html, limit);
  return text ? text.value() : stripped(session, html);
}

}  // namespace reader
