// aliases.cpp - an aliases file with anything in it.
#include <algorithm>
#include <string>
#include <vector>

#include "lib/base/text.h"
#include "lib/store/alias_text.h"
#include "tests/fuzz/require.h"

namespace {

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), base::control);
}

void check_targets(std::string_view text) {
  const auto targets = store::parse_targets(text);
  require(targets && !targets.value().empty(), "an alias that is given has targets");
  std::string line;
  for (const auto& target : targets.value()) {
    require(!target.value.empty() && !has_control(target.value), "a value holds no control");
    const auto again = store::parse_targets(store::written(target));
    require(again && again.value() == std::vector<store::Target>{target},
            "a target that is written and parsed again is the same");
    line += base::cat(line.empty() ? "" : ", ", store::written(target));
  }
  const auto again = store::parse_targets(line);
  require(again && again.value() == targets.value(), "so is a list of them");
}

struct Read {
  std::vector<store::Alias> aliases;
  std::vector<std::string> mistakes;
};

Read read(std::string_view text) {
  Read all;
  store::AliasReader reader(text, "f");
  while (auto alias = reader.next()) all.aliases.push_back(std::move(*alias));
  all.mistakes = reader.mistakes();
  require(reader.count().aliases == all.aliases.size(), "all that are given are counted");
  return all;
}

void check_mistake(std::string_view mistake, int lines) {
  require(!has_control(mistake), "a mistake shows no control");
  require(mistake.starts_with("f:"), "a mistake names its file");
  mistake.remove_prefix(2);
  const auto line = base::to_number<int>(base::take(mistake, ':'));
  require(line && *line >= 1 && *line <= lines, "a mistake names its line");
  require(mistake.size() > 1, "a mistake says what is wrong");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  const auto all = read(text);
  const int lines = static_cast<int>(std::count(text.begin(), text.end(), '\n')) + 1;
  for (const auto& mistake : all.mistakes) check_mistake(mistake, lines);
  std::string printed = "# What begins the first line could be taken for a byte order mark.\n";
  for (const auto& alias : all.aliases) {
    require(!alias.name.empty() && !has_control(alias.name), "a name holds no control");
    require(store::alias_key(store::quoted(alias.name)) == alias.name,
            "a name that is written is looked up as the same");
    require(alias.line >= 1 && alias.line <= lines, "an alias has a line");
    check_targets(alias.targets);
    printed += base::cat(store::quoted(alias.name), ":", alias.targets, "\n");
  }
  const auto again = read(printed);
  require(again.mistakes.empty() && again.aliases.size() == all.aliases.size(),
          "aliases that are printed are aliases again");
  for (std::size_t i = 0; i < again.aliases.size(); ++i)
    require(again.aliases[i].name == all.aliases[i].name &&
                store::parse_targets(again.aliases[i].targets).value() ==
                    store::parse_targets(all.aliases[i].targets).value(),
            "with the same meaning");
  return 0;
}
