#include "mail/html_filter.h"

#include <algorithm>

#include "mail/child.h"
#include "mail/html.h"

namespace reader {

namespace {
constexpr std::chrono::seconds limit{10};
constexpr int most_parts = 20;

// Ours, with words kept whole where a person looks.
std::string stripped(const Session& session, const std::string& html) {
  std::string text = html_text(html);
  if (!session.terminal.output) return text;
  return wrapped(text, static_cast<std::size_t>(std::max(session.terminal.columns, 20)));
}
}  // namespace

HtmlConverter::HtmlConverter(const Session& session)
    : session_(session), end_(std::chrono::steady_clock::now() + limit) {}

std::string HtmlConverter::text(const std::string& html) {
  const std::string command = session_.variables.text("html-filter");
  const bool late = interrupted_ || std::chrono::steady_clock::now() >= end_;
  if (command.empty() || late || ++parts_ > most_parts) return stripped(session_, html);
  auto made = filtered(shell_command(command, session_.environment.all), html, end_);
  if (made) return std::move(made).value();
  interrupted_ = made.error().kind == base::Kind::usage;
  return stripped(session_, html);
}

}  // namespace reader
