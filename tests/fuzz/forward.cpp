// forward.cpp - a .forward or :include: file with anything in it.
#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "lib/store/target.h"
#include "tests/fuzz/require.h"

namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), base::control);
}

void check_error(std::string_view text, int lines) {
  require(!has_control(text), "an error shows no control");
  require(text.starts_with("f:"), "an error names its file");
  text.remove_prefix(2);
  const auto line = base::to_number<int>(base::take(text, ':'));
  require(line && *line >= 1 && *line <= lines, "an error names its line");
}

void check_list(std::string_view text) {
  const auto list = store::read_targets(text);
  for (const auto& problem : list.problems) {
    require(problem.offset <= text.size(), "a problem lies in the text");
    require(!problem.text.empty() && !has_control(problem.text), "a problem shows no control");
  }
  const auto parsed = store::parse_targets(text);
  require(parsed ? list.problems.empty() && parsed.value() == list.targets
                 : !list.problems.empty() || list.targets.empty(),
          "a list parses when it has targets and no problem");
}

void check_target(const store::Target& target) {
  using Kind = store::Target::Kind;
  require(!target.value.empty() && !has_control(target.value), "a value holds no control");
  if (target.kind == Kind::file || target.kind == Kind::include)
    require(target.value.starts_with('/'), "a path is absolute");
  if (target.kind == Kind::command)
    require(base::trim(target.value) == target.value, "a command is trimmed");
  const bool named = target.kind == Kind::address || target.kind == Kind::user;
  if (named)
    require(target.value[0] != '|' && target.value[0] != '/' && target.value[0] != ':',
            "nothing else passes for an address");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  check_list(text);
  const int lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
  const auto targets = store::parse_target_file(text, "f");
  if (!targets) {
    check_error(targets.error().text, lines);
    return 0;
  }
  std::string printed = "# What begins the first line could be taken for a byte order mark.\n";
  for (const auto& target : targets.value()) {
    check_target(target);
    printed += base::cat(store::written(target), "\n");
  }
  const auto again = store::parse_target_file(printed, "f");
  require(again && again.value() == targets.value(),
          "a file of what was parsed, one a line, is the same");
  return 0;
}
