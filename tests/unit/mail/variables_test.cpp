#include "mail/variables.h"

#include <doctest/doctest.h>

using reader::Variables;

TEST_CASE("variables: the defaults are POSIX's, the prompt is bsd-mailx's") {
  const Variables variables;
  CHECK(variables.is_set("asksub"));
  CHECK(variables.is_set("header"));
  CHECK(variables.is_set("save"));
  CHECK(variables.text("escape") == "~");
  CHECK(variables.text("prompt") == "& ");
  CHECK(variables.text("indentprefix") == "\t");
  CHECK(variables.number("toplines") == 5);
  CHECK_FALSE(variables.is_set("hold"));
}

TEST_CASE("variables: values are set, found and forgotten") {
  Variables variables;
  variables.set("crt", "");
  CHECK(variables.is_set("crt"));
  CHECK(*variables.find("crt") == "");
  CHECK(variables.text("crt", "24") == "24");
  CHECK_FALSE(variables.number("crt"));
  variables.set("crt", " 30 ");
  CHECK(variables.number("crt") == 30);
  variables.set("crt", "30x");
  CHECK_FALSE(variables.number("crt"));
  CHECK(variables.unset("crt"));
  CHECK_FALSE(variables.unset("crt"));
  CHECK(variables.find("crt") == nullptr);
}

TEST_CASE("variables: ask is asksub, and bsd-mailx's Replyall is flipr") {
  Variables variables;
  CHECK(variables.is_set("ask"));
  CHECK(variables.unset("ask"));
  CHECK_FALSE(variables.is_set("asksub"));
  variables.set("Replyall", "");
  CHECK(variables.is_set("flipr"));
}
