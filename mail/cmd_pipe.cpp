// Messages are given to commands of the user's own.
#include <algorithm>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/child.h"
#include "mail/print_commands.h"
#include "mail/run.h"
#include "mail/select.h"
#include "mail/show.h"
#include "mail/walk.h"
#include "mail/words.h"

namespace reader {

using base::Error;
using base::Kind;
using base::Result;

namespace {
// Numbers, ranges, `.`, `$`, `:n` …: a command does not look like them. Senders and subjects are
// not looked for here, as in bsd-mailx.
bool names_messages(std::string_view word) {
  if (word.starts_with(':')) return word.size() == 2;
  return word.find_first_not_of("0123456789-.^$*+") == std::string_view::npos;
}

struct Request {
  std::vector<std::size_t> messages;
  std::string command;
};

// "1-3 grep -c x", `1 "grep -c x"`. The command goes to the shell as it stands, but for quotes
// around all of it.
Result<Request> request_of(Session& session, std::string_view text) {
  std::vector<std::string> list;
  text = base::trim(text);
  while (!text.empty()) {
    const auto end = std::min(text.size(), text.find_first_of(" \t"));
    if (!names_messages(text.substr(0, end))) break;
    list.emplace_back(text.substr(0, end));
    text = base::trim(text.substr(end));
  }
  const auto words = split_words(text);
  const bool quoted = words.size() == 1 && (text.starts_with('"') || text.starts_with('\''));
  Request request;
  request.command = quoted ? words[0] : std::string(text);
  if (request.command.empty()) request.command = session.variables.text("cmd");
  if (request.command.empty()) return Error{Kind::usage, "No command specified."};
  TRY_LET(messages, select_messages(session, list, Among::present));
  request.messages = std::move(messages);
  return request;
}

using Render = Result<std::string> (*)(Session&, std::size_t);

Result<Next> pipe_as(Session& session, const Call& call, Render render) {
  TRY_LET(request, request_of(session, call.text));
  std::string input;
  for (const auto index : request.messages) {
    TRY_LET(text, render(session, index));
    input.append(text);
    if (session.variables.is_set("page")) input.push_back('\f');
    touch(session, index);
    session.dot = index;
  }
  base::flush_output();
  const Program program{{shell_of(session), "-c", request.command}, session.environment.all};
  TRY(run_fed(program, input));
  return Next::go_on;
}

Result<std::string> as_stored(Session& session, std::size_t index) {
  return session.folder->stored(index);
}

Result<std::string> as_printed(Session& session, std::size_t index) {
  const bool colour = session.terminal.colour;
  session.terminal.colour = false;
  auto text = message_text(session, index, session.shown);
  session.terminal.colour = colour;
  return text;
}
}  // namespace

Result<Next> pipe_messages(Session& session, const Call& call) {
  return pipe_as(session, call, as_stored);
}

Result<Next> pipe_displayed(Session& session, const Call& call) {
  return pipe_as(session, call, as_printed);
}

}  // namespace reader
