#include "lib/store/config.h"

#include <ini.h>

#include <algorithm>
#include <cstring>

#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/rfc/envelope.h"

namespace store {

using base::cat;
using base::Error;
using base::Kind;
using base::Result;

namespace {
constexpr std::size_t longest_line = 199,
                      longest_name = 49;  // inih's INI_MAX_LINE - 1 and MAX_SECTION/MAX_NAME - 1
}

/// Feeds lines to inih one by one, so that their numbers are known, and takes values verbatim from
/// the raw line: inih would strip inline comments and join continuation lines.
class ConfigReader {
 public:
  ConfigReader(Config& config, std::string_view text) : config_(config), rest_(text) {}

  void run() {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
    const int first_error =
        ::ini_parse_stream(&ConfigReader::feed, this, &ConfigReader::handle, this);
    if (first_error > 0 &&
        std::none_of(config_.mistakes_.begin(), config_.mistakes_.end(),
                     [&](const auto& mistake) { return mistake.line == first_error; }))
      mistake(first_error, "neither a section, nor 'key = value', nor a comment");
  }

 private:
  static char* feed(char* buffer, int size, void* self) noexcept {
    return static_cast<ConfigReader*>(self)->next(buffer, size);
  }
  static int handle(void* self, const char* section, const char* name, const char*) noexcept {
    static_cast<ConfigReader*>(self)->setting(section, name);
    return 1;
  }

  void mistake(int line, std::string text) {
    config_.mistakes_.push_back({line, kind_, std::move(text)});
  }

  static std::optional<std::string> section_problem(std::string_view line) {
    if (line.find(']') != line.size() - 1) return "']' must end the line";
    if (line.find(';') != std::string_view::npos) return "';' in a section's name";
    if (base::trim(line.substr(1, line.size() - 2)).empty()) return "a section without a name";
    if (line.size() - 2 > longest_name)
      return cat("a section name longer than ", longest_name, " bytes");
    return std::nullopt;
  }

  static std::optional<std::string> setting_problem(std::string_view line) {
    const auto equals = line.find('=');
    const auto key = base::trim(line.substr(0, equals));
    // inih would end the key at ':' and see a comment behind ';'.
    if (equals == std::string_view::npos || key.find_first_of(":;") != std::string_view::npos)
      return "neither a section, nor 'key = value', nor a comment";
    if (key.empty()) return "no key before '='";
    if (key.size() > longest_name) return cat("a key longer than ", longest_name, " bytes");
    return std::nullopt;
  }

  // What inih would cut or misread becomes a mistake of ours and reaches it as an empty line.
  static std::optional<std::string> problem(std::string_view line) {
    if (line.find('\0') != std::string_view::npos) return "a NUL byte";
    if (line.empty() || line[0] == '#' || line[0] == ';') return std::nullopt;
    if (line.size() > longest_line) return cat("longer than ", longest_line, " bytes");
    // In a key or a section; inih would take some of them for blanks.
    const auto name = line.substr(0, line[0] == '[' ? line.size() : line.find('='));
    if (std::any_of(name.begin(), name.end(), [](char c) { return base::control(c) && c != '\t'; }))
      return "a control character";
    return line[0] == '[' ? section_problem(line) : setting_problem(line);
  }

  char* next(char* buffer, int size) {
    if (rest_.empty()) return nullptr;
    raw_ = base::trim(base::take(rest_, '\n'));
    ++line_;
    std::string_view given = raw_;
    const bool comment = !raw_.empty() && (raw_[0] == '#' || raw_[0] == ';');
    const auto what = problem(raw_);
    if (raw_.starts_with('[')) begin_section(!what);
    if (what) {
      mistake(line_, *what);
      given = {};
    }
    // Without a line end: one that is as long as may be fills the buffer.
    if (comment || given.size() >= static_cast<std::size_t>(size)) given = {};
    given.copy(buffer, given.size());  // not memcpy: an empty view has no address
    buffer[given.size()] = '\0';
    return buffer;
  }

  // A section line; also one without settings, which inih would not tell of, is judged.
  void begin_section(bool good) {
    std::string_view inside = base::trim(raw_.substr(1, raw_.find(']') - 1));
    kind_ = base::trim(base::take(inside, ' '));
    nobodys_ = !good;
    if (good) (void)section(kind_, base::trim(inside));
  }

  Section& section(std::string_view kind, std::string_view name) {
    auto& sections = config_.sections_;
    const auto at = std::find_if(sections.begin(), sections.end(), [&](const Section& known) {
      return known.kind == kind && known.name == name;
    });
    if (at != sections.end()) return *at;
    return sections.emplace_back(Section{std::string(kind), std::string(name), line_, {}});
  }

  void setting(std::string_view title, std::string_view name) {
    if (nobodys_) return;
    std::string_view rest = base::trim(title);
    const auto kind = base::take(rest, ' ');
    Section& at = section(kind, base::trim(rest));
    const auto value = base::trim(raw_.substr(raw_.find('=') + 1));
    if (kind.empty()) mistake(line_, cat("'", name, "' stands before any section"));
    else if (at.find(name) != nullptr)
      mistake(line_, cat("'", name, "' is given twice, first in line ", at.find(name)->line));
    else if (value.empty()) mistake(line_, cat("'", name, "' has no value"));
    else at.settings.push_back({std::string(name), std::string(value), line_});
  }

  Config& config_;
  std::string_view rest_, raw_;
  std::string kind_;
  int line_ = 0;
  bool nobodys_ =
      false;  // below a section line that was none: inih would give it to the one before
};

const Setting* Section::find(std::string_view key) const {
  const auto at = std::find_if(settings.begin(), settings.end(),
                               [&](const auto& setting) { return setting.key == key; });
  return at == settings.end() ? nullptr : &*at;
}

Config Config::parse(std::string path, std::string_view text) {
  Config config;
  config.path_ = std::move(path);
  ConfigReader(config, text).run();
  return config;
}

Result<Config> Config::load(const std::string& path) {
  auto text = base::read_file(path, 1 << 20);
  if (!text) return Error{Kind::config, text.error().text, text.error().system_error};
  return parse(path, text.value());
}

const Section* Config::find(std::string_view kind, std::string_view name) const {
  for (const Section& section : sections_)
    if (section.kind == kind && section.name == name) return &section;
  return nullptr;
}

std::string Config::located(int line, std::string_view text) const {
  return cat(path_, ":", line, ": ", base::printable(text));
}

namespace {

std::optional<std::string> type_problem(const Key& key, std::string_view value) {
  const auto unless = [](bool good, std::string text) {
    return good ? std::nullopt : std::optional(std::move(text));
  };
  switch (key.type) {
    case Type::text: return std::nullopt;
    case Type::path:
      return unless(value[0] == '/' || value.starts_with("~/"), "a path begins with / or ~/");
    case Type::path_or_command:
      return unless(value[0] == '/' || value[0] == '|' || value.starts_with("~/"),
                    "a path begins with / or ~/, a command with |");
    case Type::domain: return unless(is_domain(value), "not a domain");
    case Type::domains: {
      const auto list = words(value);
      return unless(std::all_of(list.begin(), list.end(), is_domain), "not a list of domains");
    }
    case Type::address: {
      const auto path = rfc::Path::parse(value);
      return unless(path && !path.value().null(), "not an address");
    }
    case Type::duration:
      return unless(duration(value).has_value(), "not a duration like 30s, 5m, 4h or 5d");
    case Type::durations: {
      const auto dots = value.find("..");
      const auto low = duration(value.substr(0, dots));
      const auto high =
          dots == std::string_view::npos ? std::nullopt : duration(value.substr(dots + 2));
      return unless(low && high && *low <= *high, "not a range of durations like 5m..4h");
    }
    case Type::size: return unless(byte_size(value).has_value(), "not a size like 50M");
    case Type::yes_no: return unless(yes_no(value).has_value(), "neither yes nor no");
    case Type::count:
      return unless(base::to_number<unsigned>(value).value_or(0) > 0, "not a number above 0");
    case Type::choice: {
      const auto list = base::split(key.choices, ' ');
      return unless(std::find(list.begin(), list.end(), value) != list.end(),
                    cat("not one of: ", key.choices));
    }
  }
  return std::nullopt;
}

}  // namespace

namespace {

using Found = std::vector<std::pair<int, std::string>>;

void judge(const Section& section, const Schema& schema, Found& found) {
  if (!section.name.empty() && !schema.named)
    found.emplace_back(section.line, cat("[", section.kind, "] takes no name"));
  if (schema.keys.empty()) return;
  for (const Setting& setting : section.settings) {
    const auto key = std::find_if(schema.keys.begin(), schema.keys.end(),
                                  [&](const Key& known) { return known.name == setting.key; });
    if (key == schema.keys.end())
      found.emplace_back(setting.line,
                         cat("unknown key '", setting.key, "' in [", section.kind, "]"));
    else if (const auto problem = type_problem(*key, setting.value))
      found.emplace_back(setting.line, cat(setting.key, " = ", setting.value, ": ", *problem));
  }
}

}  // namespace

std::vector<std::string> Config::mistakes(std::span<const Schema> schemas, bool whole) const {
  Found found;
  const auto schema_of = [&](std::string_view kind) -> const Schema* {
    const auto at = std::find_if(schemas.begin(), schemas.end(),
                                 [&](const Schema& schema) { return schema.kind == kind; });
    return at == schemas.end() ? nullptr : &*at;
  };
  for (const Mistake& mistake : mistakes_)
    if (whole || mistake.section.empty() || schema_of(mistake.section) != nullptr)
      found.emplace_back(mistake.line, mistake.text);
  for (const Section& section : sections_) {
    const Schema* schema = schema_of(section.kind);
    if (schema != nullptr) judge(section, *schema, found);
    else if (whole && !section.kind.empty())
      found.emplace_back(section.line, cat("unknown section [", section.kind, "]"));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> texts;
  for (const auto& [line, text] : found) texts.push_back(located(line, text));
  return texts;
}

std::optional<std::chrono::seconds> duration(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  const auto number = base::to_number<std::uint32_t>(text.substr(0, text.size() - 1));
  constexpr std::string_view units = "smhd";
  constexpr std::int64_t lengths[] = {1, 60, 3600, 86400};
  const auto unit = units.find(text.back());
  if (!number || *number == 0 || unit == std::string_view::npos) return std::nullopt;
  // A century is for ever; more would not fit the microseconds of a Time.
  const std::chrono::seconds length(*number * lengths[unit]);
  return length <= std::chrono::days(36525) ? std::optional(length) : std::nullopt;
}

std::optional<std::uint64_t> byte_size(std::string_view text) {
  std::uint64_t unit = 1;
  if (text.ends_with('K')) unit = std::uint64_t{1} << 10;
  if (text.ends_with('M')) unit = std::uint64_t{1} << 20;
  if (text.ends_with('G')) unit = std::uint64_t{1} << 30;
  if (unit > 1) text.remove_suffix(1);
  const auto number = base::to_number<std::uint32_t>(text);
  return number ? std::optional(*number * unit) : std::nullopt;
}

std::optional<bool> yes_no(std::string_view text) {
  if (text == "yes") return true;
  if (text == "no") return false;
  return std::nullopt;
}

bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > 255 || text.front() == '.' || text.back() == '.') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return base::alpha(c) || base::digit(c) || c == '-' || c == '_' || c == '.' ||
           base::eight_bit(c);
  });
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> list;
  for (const auto piece : base::split(text, ','))
    if (const auto word = base::trim(piece); !word.empty()) list.emplace_back(word);
  return list;
}

}  // namespace store
