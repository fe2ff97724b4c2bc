#include "lib/base/main.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "lib/base/text.h"

namespace {
using base::cat;
using Words = std::vector<std::string>;

constexpr std::array<std::string_view, 3> long_options{"all", "config=", "id="};

/// "a b=1 | operand operand", or the error.
std::string parsed(const Words& words) {
  const auto line = base::parse_command_line(words, "vi", "fo", long_options);
  if (!line) {
    CHECK(line.error().kind == base::Kind::usage);
    return line.error().text;
  }
  std::string text;
  for (const auto& [name, value] : line.value().options)
    text += cat(name, value.empty() ? "" : "=", value, " ");
  text += "|";
  for (const auto& operand : line.value().operands) text += cat(" ", operand);
  return text;
}
}  // namespace

TEST_CASE("command line: as getopt reads it, up to the first operand") {
  const struct {
    Words words;
    std::string_view expected;
  } table[] = {
      {{}, "|"},
      {{"-v"}, "v |"},
      {{"-vi"}, "v i |"},
      {{"-fme", "x"}, "f=me | x"},
      {{"-f", "me", "x"}, "f=me | x"},
      {{"-vf", "me"}, "v f=me |"},
      {{"-f", "-v"}, "f=-v |"},
      {{"-f", "--"}, "f=-- |"},
      {{"-f", ""}, "f |"},
      {{"-v", "x", "-i"}, "v | x -i"},
      {{"--", "-v"}, "| -v"},
      {{"-", "-v"}, "| - -v"},
      {{""}, "| "},
      {{"--all", "-v"}, "all v |"},
      {{"--config=F", "--id", "X"}, "config=F id=X |"},
      {{"--config="}, "config |"},
      {{"--config", "--all"}, "config=--all |"},
      {{"-f"}, "-f: needs a value"},
      {{"-x"}, "-x: unknown option"},
      {{"-vx"}, "-x: unknown option"},
      {{"--none"}, "--none: unknown option"},
      {{"--al"}, "--al: unknown option"},
      {{"--all=1"}, "--all: unknown option"},
      {{"--config"}, "--config: needs a value"},
      {{"---"}, "---: unknown option"},
  };
  for (const auto& row : table) {
    CAPTURE(row.expected);
    CHECK(parsed(row.words) == row.expected);
  }
}
