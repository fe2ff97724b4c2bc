#include "mail/completion.h"

#include <algorithm>
#include <filesystem>

#include "lib/base/text.h"
#include "mail/command.h"
#include "mail/leave.h"
#include "mail/table.h"

namespace reader {

namespace {

using Words = std::vector<std::string>;

Words command_names(const std::string& word) {
  Words found;
  for (const auto& command : commands())
    if (command.name.starts_with(word)) found.emplace_back(command.name);
  return found;
}

template <typename Map>
Words keys(const Map& map, const std::string& word) {
  Words found;
  for (const auto& [name, value] : map)
    if (name.starts_with(word)) found.push_back(name);
  return found;
}

// The part that was typed stays as it was typed; behind its last slash comes what is there.
Words files(const Session& session, const std::string& word) {
  const auto slash = word.rfind('/');
  const bool folder = word.starts_with('+');
  const auto typed =
      slash != std::string::npos ? word.substr(0, slash + 1) : std::string(folder ? "+" : "");
  const auto begin = word.substr(typed.size());
  const auto place = typed.empty() ? base::Result<std::string>(".") : expand_name(session, typed);
  if (!place) return {};
  Words found;
  std::error_code problem;
  std::filesystem::directory_iterator entries(place.value(), problem);
  for (; !problem && entries != std::filesystem::directory_iterator(); entries.increment(problem)) {
    const auto name = entries->path().filename().string();
    if (!name.starts_with(begin) || (begin.empty() && name.starts_with('.'))) continue;
    std::error_code ignored;
    found.push_back(typed + name + (entries->is_directory(ignored) ? "/" : ""));
  }
  std::sort(found.begin(), found.end());
  return found;
}

bool one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Words completions(const Session& session, const std::string& line, const std::string& word) {
  const auto begin = std::min(line.find_first_not_of(" \t"), line.size());
  const auto behind = line.substr(begin);
  if (behind.size() <= word.size()) return command_names(word);
  const auto* const command = find_command(split_command(behind).word);
  if (command == nullptr) return {};
  const auto name = command->name;
  if (one_of(name, {"set", "unset"})) return keys(session.variables.all(), word);
  if (one_of(name, {"alias", "group", "unalias", "mail", "reply", "Reply", "respond", "Respond",
                    "forward", "resend"}))
    return keys(session.groups.aliases, word);
  if (one_of(name, {"help", "?"})) return command_names(word);
  return files(session, word);
}

}  // namespace

Completer completer(const Session& session) {
  return [&session](const std::string& line, const std::string& word) {
    return completions(session, line, word);
  };
}

}  // namespace reader
