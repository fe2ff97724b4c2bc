#include "mailq/note.h"

#include <doctest/doctest.h>

#include "lib/base/text.h"

namespace {
constexpr std::int64_t now = 1'795'175'767;
std::optional<std::string> note(std::optional<std::int64_t> last_run_ago,
                                std::optional<std::int64_t> due_ago) {
  listing::Care care;
  if (last_run_ago) care.last_run = now - *last_run_ago;
  if (due_ago) care.due_since = now - *due_ago;
  return listing::stale_note(care, now);
}
}  // namespace

TEST_CASE("mailq note: said where mail is due and nobody has looked for a quarter of an hour") {
  CHECK_FALSE(note(86400, std::nullopt));  // nothing to do
  CHECK_FALSE(note(std::nullopt, std::nullopt));
  CHECK_FALSE(note(900, 86400));     // a run that could not deliver it
  CHECK_FALSE(note(86400, 900));     // the next run is about to come
  CHECK_FALSE(note(-86400, 86400));  // a clock that was set back
  CHECK(note(901, 901) ==
        "note: the queue was last run 15 minutes ago; is the timer or crontab line there? "
        "'sendmail -q' runs it now");
  CHECK(note(3 * 3600, 4000).value().find("last run 3 hours ago;") != std::string::npos);
  CHECK(note(10 * 86400, 4000).value().find("last run 10 days ago;") != std::string::npos);
  CHECK(note(std::nullopt, 901).value().find("has never been run;") != std::string::npos);
}

TEST_CASE("mailq note: the time of the last run is a number and no more") {
  CHECK(listing::parse_last_run("1795175767\n") == now);
  for (const auto* text : {"", "\n", "x", "1 2", "99999999999999999999"})
    CHECK_FALSE(listing::parse_last_run(text));
}
