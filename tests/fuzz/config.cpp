// config.cpp - postbag.ini: mistakes name lines that exist, values are those of the raw line.
#include "lib/store/config.h"

#include <string>
#include <vector>

#include "lib/base/text.h"
#include "lib/store/site.h"
#include "tests/fuzz/require.h"

namespace {
std::vector<std::string_view> lines_of(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<std::string_view> lines;
  while (!text.empty()) lines.push_back(base::take(text, '\n'));
  return lines;
}

void check_mistakes(const store::Config& config, bool whole, std::size_t lines) {
  int before = 0;
  for (const auto& mistake : config.mistakes(store::site_schemas(), whole)) {
    std::string_view rest = mistake;
    require(base::take(rest, ':') == "F", "a mistake names the file");
    const auto line = base::to_number<int>(base::take(rest, ':')).value_or(0);
    require(line >= 1 && static_cast<std::size_t>(line) <= lines, "a mistake's line exists");
    require(line >= before, "mistakes come in the order of lines");
    before = line;
    for (const char c : rest) require(!base::control(c), "a mistake is printable");
    require(rest.size() > 1, "a mistake says something");
  }
}

void check_setting(const store::Setting& setting, const std::vector<std::string_view>& lines) {
  require(setting.line >= 1 && static_cast<std::size_t>(setting.line) <= lines.size(),
          "a setting's line exists");
  const auto line = base::trim(lines[static_cast<std::size_t>(setting.line) - 1]);
  const auto equals = line.find('=');
  require(equals != std::string_view::npos, "a setting's line has an '='");
  require(base::trim(line.substr(0, equals)) == setting.key, "the key is the raw line's");
  require(base::trim(line.substr(equals + 1)) == setting.value, "the value is the raw line's");
  require(!setting.value.empty(), "a setting has a value");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  const auto lines = lines_of(text);
  const auto config = store::Config::parse("F", text);
  check_mistakes(config, true, lines.size());
  check_mistakes(config, false, lines.size());
  std::size_t settings = 0, written = 0;
  for (const auto& section : config.sections())
    for (const auto& setting : section.settings) check_setting(setting, lines), ++settings;
  for (const auto line : lines) {
    const auto raw = base::trim(line);
    written += !raw.empty() && raw[0] != '#' && raw[0] != ';' && raw[0] != '[';
  }
  // No line is passed over in silence.
  if (config.mistakes(store::site_schemas(), true).empty())
    require(settings == written, "without a mistake every line is a setting");
  store::Place place;
  place.spool = "/default";
  const auto site = store::make_site(place, &config);
  require(site.spool.starts_with('/'), "there is a spool whatever the configuration says");
  require(!site.domain.empty() && site.retry_first <= site.retry_longest, "defaults stay sound");
  return 0;
}
