// Variables, aliases, lists of header fields.
#include <algorithm>

#include "lib/base/main.h"
#include "lib/base/text.h"
#include "mail/command.h"
#include "mail/set_commands.h"
#include "mail/table.h"

namespace reader {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {

void list_variables(const Session& session) {
  for (const auto& [name, value] : session.variables.all())
    show(session, cat(name, "\t", value, "\n"));
}

// `set noNAME` unsets NAME (POSIX); one that is not set is no mistake then.
Result<> set_one(Variables& variables, std::string_view word) {
  const auto equals = word.find('=');
  const auto name = word.substr(0, equals);
  if (name.empty()) return Error{Kind::usage, "Non-null variable name required"};
  if (equals != std::string_view::npos) variables.set(name, word.substr(equals + 1));
  else if (name.size() > 2 && name.starts_with("no")) (void)variables.unset(name.substr(2));
  else variables.set(name, "");
  return {};
}

Result<Next> set(Session& session, const Call& call) {
  if (call.words.empty()) list_variables(session);
  for (const auto& word : call.words) {
    if (word.starts_with('#') && session.sourcing > 0) break;  // a remark behind the command
    TRY(set_one(session.variables, word));
  }
  return Next::go_on;
}

Result<Next> unset(Session& session, const Call& call) {
  for (const auto& name : call.words)
    if (!session.variables.unset(name) && session.sourcing == 0)
      tell(session, cat("\"", name, "\": undefined variable"));
  return Next::go_on;
}

void show_group(const Session& session, const std::string& name,
                const std::vector<std::string>& members) {
  std::string line = name + "\t";
  for (const auto& member : members) line += " " + member;
  show(session, line + "\n");
}

Result<Next> alias(Session& session, const Call& call) {
  auto& aliases = session.groups.aliases;
  if (call.words.empty())
    for (const auto& [name, members] : aliases) show_group(session, name, members);
  if (call.words.empty()) return Next::go_on;
  const auto& name = call.words[0];
  if (call.words.size() > 1) {
    auto& members = aliases[name];
    members.insert(members.end(), call.words.begin() + 1, call.words.end());
    return Next::go_on;
  }
  const auto found = aliases.find(name);
  if (found == aliases.end()) return Error{Kind::usage, cat("\"", name, "\": not a group")};
  show_group(session, name, found->second);
  return Next::go_on;
}

Result<Next> unalias(Session& session, const Call& call) {
  for (const auto& name : call.words) {
    if (name == "*") session.groups.aliases.clear();
    else if (session.groups.aliases.erase(name) == 0 && session.sourcing == 0)
      tell(session, cat("\"", name, "\": not a group"));
  }
  return Next::go_on;
}

Result<Next> alternates(Session& session, const Call& call) {
  if (!call.words.empty()) {
    session.groups.alternates = call.words;
    return Next::go_on;
  }
  if (session.groups.alternates.empty()) return Next::go_on;
  for (const auto& name : session.groups.alternates) show(session, name + " ");
  base::print("\n");
  return Next::go_on;
}

using Fields = std::set<std::string, std::less<>>;

Result<Next> change_fields(Session& session, const Call& call, Fields& fields,
                           std::string_view which) {
  for (const auto& word : call.words) fields.insert(base::lowered(word));
  if (!call.words.empty()) return Next::go_on;
  if (fields.empty()) base::print(cat("No fields currently being ", which, ".\n"));
  for (const auto& field : fields) show(session, field + "\n");
  return Next::go_on;
}

Result<Next> remove_fields(const Call& call, Fields& fields) {
  for (const auto& word : call.words) {
    if (word == "*") fields.clear();
    else fields.erase(base::lowered(word));
  }
  return Next::go_on;
}

template <FieldList Session::*list>
Result<Next> ignore(Session& session, const Call& call) {
  return change_fields(session, call, (session.*list).ignored, "ignored");
}
template <FieldList Session::*list>
Result<Next> retain(Session& session, const Call& call) {
  return change_fields(session, call, (session.*list).retained, "retained");
}
template <FieldList Session::*list>
Result<Next> unignore(Session& session, const Call& call) {
  return remove_fields(call, (session.*list).ignored);
}
template <FieldList Session::*list>
Result<Next> unretain(Session& session, const Call& call) {
  return remove_fields(call, (session.*list).retained);
}

// s-nail: `headerpick type|save|forward retain|ignore FIELD …`.
Result<Next> headerpick(Session& session, const Call& call) {
  if (call.words.size() < 3) return Next::go_on;
  const auto& context = call.words[0];
  auto& list = context == "save"      ? session.stored
               : context == "forward" ? session.forwarded
                                      : session.shown;
  auto& fields = call.words[1] == "retain" ? list.retained : list.ignored;
  for (std::size_t i = 2; i < call.words.size(); ++i) fields.insert(base::lowered(call.words[i]));
  return Next::go_on;
}

constexpr auto words = Takes::words;
constexpr auto shown = &Session::shown;
constexpr auto stored = &Session::stored;
constexpr auto forwarded = &Session::forwarded;

constexpr Command rows[] = {
    {"set", 2, words, true, set, "[name[=value]|noname …]  set variables; alone: list them"},
    {"unset", 3, words, true, unset, "name …  forget variables"},
    {"alias", 1, words, true, alias, "[name [address …]]  a name for addresses; list them"},
    {"group", 1, words, true, alias, "[name [address …]]  the same as alias"},
    {"unalias", 3, words, true, unalias, "name …|*  forget aliases"},
    {"alternates", 3, words, true, alternates, "[address …]  addresses that are mine as well"},
    {"ignore", 2, words, true, ignore<shown>, "[field …]  header fields not to be shown"},
    {"discard", 2, words, true, ignore<shown>, "[field …]  the same as ignore"},
    {"retain", 3, words, true, retain<shown>, "[field …]  the only header fields to be shown"},
    {"unignore", 5, words, true, unignore<shown>, "field …|*  show these fields again"},
    {"unretain", 5, words, true, unretain<shown>, "field …|*  take fields out of retain"},
    {"saveignore", 5, words, true, ignore<stored>, "[field …]  fields that save leaves out"},
    {"savediscard", 5, words, true, ignore<stored>, "[field …]  the same as saveignore"},
    {"saveretain", 5, words, true, retain<stored>, "[field …]  the only fields that save keeps"},
    {"unsaveignore", 9, words, true, unignore<stored>, "field …|*  save these fields again"},
    {"unsaveretain", 9, words, true, unretain<stored>, "field …|*  take fields out of saveretain"},
    {"fwdignore", 4, words, true, ignore<forwarded>, "[field …]  fields not to be forwarded"},
    {"fwdretain", 4, words, true, retain<forwarded>, "[field …]  the only fields to be forwarded"},
    {"unfwdignore", 6, words, true, unignore<forwarded>, "field …|*  forward these fields again"},
    {"unfwdretain", 6, words, true, unretain<forwarded>, "field …|*  take fields out of fwdretain"},
    {"headerpick", 7, words, true, headerpick,
     "type|save|forward retain|ignore field …  as s-nail has it"},
};

}  // namespace

std::span<const Command> variable_commands() { return rows; }

std::span<const Command> set_commands() {
  static const auto all = [] {
    std::vector<Command> joined;
    for (const auto part : {variable_commands(), flow_commands(), help_commands()})
      joined.insert(joined.end(), part.begin(), part.end());
    return joined;
  }();
  return all;
}

}  // namespace reader
