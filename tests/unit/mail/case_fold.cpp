#include "mail/case_fold.h"

#include <doctest/doctest.h>

TEST_CASE("case_fold: capitals of several alphabets become small") {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"ABC xyz", "abc xyz"},
      {"GRÜẞE Straße", "grüẞe straße"},
      {"ŁÓDŹ ÇŞĞ", "łódź çşğ"},
      {"ΑΒΓ ΆΈ", "αβγ άέ"},
      {"ЁЖИК Україна", "ёжик україна"},
      {"ŸŽ", "ÿž"},
      {"東京 ☕", "東京 ☕"},
      {"\xc3", "\xc3"},
      {"\xc3(A", "\xc3(a"},
  };
  for (const auto& [text, folded] : cases) CHECK(reader::case_folded(text) == folded);
}

TEST_CASE("case_fold: a part is found in either case") {
  CHECK(reader::contains_folded("Zusammenfassung: GRÜSSE", "grü"));
  CHECK(reader::contains_folded("Report", "repo"));
  CHECK_FALSE(reader::contains_folded("Gruss", "grü"));
  CHECK(reader::contains_folded("anything", ""));
}
