#include "mail/sent_date.h"

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "lib/base/text.h"

namespace reader {

namespace {

// The words of a date: comments are dropped, commas and colons are left in their words.
std::vector<std::string> words_of(std::string_view body) {
  std::vector<std::string> words(1);
  int depth = 0;
  for (const char c : body) {
    if (c == '(') ++depth;
    const bool inside = depth > 0;
    if (c == ')' && depth > 0) --depth;
    if (inside || base::control(c) || c == ' ' || c == ',') words.emplace_back();
    else words.back().push_back(c);
  }
  std::erase_if(words, [](const std::string& word) { return word.empty(); });
  return words;
}

std::optional<unsigned> month_of(std::string_view word) {
  constexpr std::string_view months = "janfebmaraprmayjunjulaugsepoctnovdec";
  if (word.size() != 3) return std::nullopt;
  const auto at = months.find(base::lowered(word));
  if (at == std::string_view::npos || at % 3 != 0) return std::nullopt;
  return static_cast<unsigned>(at / 3 + 1);
}

// Two digits are of 1950 to 2049, three are years since 1900.
std::optional<int> year_of(std::string_view word) {
  const auto year = base::to_number<int>(word);
  if (!year || *year < 0 || word.size() > 4) return std::nullopt;
  if (word.size() <= 2) return *year < 50 ? *year + 2000 : *year + 1900;
  return word.size() == 3 ? *year + 1900 : *year;
}

std::optional<std::int64_t> time_of(std::string_view word) {
  const auto parts = base::split(word, ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  std::array<unsigned, 3> numbers{};
  for (std::size_t index = 0; index < parts.size(); ++index) {
    const auto number = base::to_number<unsigned>(parts[index]);
    if (!number || *number > 60) return std::nullopt;
    numbers.at(index) = *number;
  }
  if (numbers[0] > 23) return std::nullopt;
  return std::int64_t{numbers[0]} * 3600 + numbers[1] * 60 + numbers[2];
}

// Seconds east. The letters of the military zones meant different things to different people and
// count as UTC, as RFC 5322 says; so does what is unknown.
std::int64_t zone_of(std::string_view word) {
  if (word.size() == 5 && (word[0] == '+' || word[0] == '-')) {
    const auto number = base::to_number<int>(word.substr(1));
    if (!number || *number < 0) return 0;
    const std::int64_t east = *number / 100 * 3600 + *number % 100 * 60;
    return word[0] == '-' ? -east : east;
  }
  constexpr std::string_view american = "EDT EST CDT CST MDT MST PDT PST";
  const auto at = word.size() == 3 ? american.find(word) : std::string_view::npos;
  if (at == std::string_view::npos || at % 4 != 0) return 0;
  return -(4 + static_cast<std::int64_t>((at / 4 + 1) / 2)) * 3600;
}

}  // namespace

std::optional<std::int64_t> sent_date(std::string_view body) {
  auto words = words_of(body);
  if (!words.empty() && !base::digit(words.front()[0])) words.erase(words.begin());
  if (words.size() < 4) return std::nullopt;
  const auto day = base::to_number<unsigned>(words[0]);
  const auto month = month_of(words[1]);
  const auto year = year_of(words[2]);
  const auto time = time_of(words[3]);
  if (!day || !month || !year || !time) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return std::int64_t{days} * 86400 + *time - (words.size() > 4 ? zone_of(words[4]) : 0);
}

}  // namespace reader
