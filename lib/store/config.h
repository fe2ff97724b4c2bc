// config.h - postbag.ini as a document of located values. Strict: what is not understood is a
// mistake with file and line, never a silent default. Reading it judges nothing; each program
// judges the sections it uses with a Schema.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/result.h"

namespace store {

struct Setting {
  std::string key, value;
  int line = 0;
};

/// One section; sections of the same name are one.
struct Section {
  std::string kind;  ///< "smarthost"
  std::string name;  ///< "backup" of [smarthost backup]; may be empty
  int line = 0;
  std::vector<Setting> settings;
  const Setting* find(std::string_view key) const;
};

enum class Type {
  text,
  path,
  path_or_command,  ///< a path, or |COMMAND
  domain,
  domains,
  address,
  duration,
  durations,
  size,
  yes_no,
  count,
  choice,
};

/// What a section may hold. `choices`: words separated by blanks, for Type::choice.
struct Key {
  std::string_view name;
  Type type = Type::text;
  std::string_view choices = {};
};
struct Schema {
  std::string_view kind;
  bool named = false;         ///< [KIND NAME] is allowed
  std::span<const Key> keys;  ///< empty: any key (routes)
};

class Config {
 public:
  /// The text of a file. inih splits lines over 199 bytes and cuts names at 49: both are mistakes
  /// here that name the limit, as are NUL bytes, lines that are neither section, `key = value` nor
  /// comment, and duplicate keys.
  static Config parse(std::string path, std::string_view text);
  /// Errors: config (cannot be read), naming the file.
  static base::Result<Config> load(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<Section>& sections() const { return sections_; }
  const Section* find(std::string_view kind, std::string_view name = {}) const;

  /// All that is wrong, "FILE:LINE: text" each, in order of lines: the document's own mistakes (in
  /// the schemas' sections only, unless `whole`), unknown keys, values of the wrong type and, if
  /// `whole`, sections no schema knows.
  std::vector<std::string> mistakes(std::span<const Schema> schemas, bool whole) const;
  /// "FILE:LINE: text", the text printable.
  std::string located(int line, std::string_view text) const;

 private:
  struct Mistake {
    int line;
    std::string section, text;
  };
  friend class ConfigReader;
  std::string path_;
  std::vector<Section> sections_;
  std::vector<Mistake> mistakes_;
};

/// "30s", "5m", "4h", "5d" (whole, positive); nullopt for anything else.
std::optional<std::chrono::seconds> duration(std::string_view text);
/// "50M", "512K", "1G", or bytes; nullopt for anything else.
std::optional<std::uint64_t> byte_size(std::string_view text);
std::optional<bool> yes_no(std::string_view text);
/// Letters, digits, '-', '_' and inner dots, at most 255 bytes.
bool is_domain(std::string_view text);
/// The elements of a list separated by commas, trimmed, without empty ones.
std::vector<std::string> words(std::string_view text);

}  // namespace store
