#include "spool/host_state.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/folder.h"

namespace {
using namespace std::chrono_literals;
using spool::HostState;
using std::chrono::seconds;

const base::Time noon(1'795'175'767s);
const spool::RetryPolicy standard;
constexpr std::uint32_t middle = 512;  // neither sooner nor later

HostState failed(unsigned times, std::uint32_t random = middle) {
  HostState state;
  state.stamp = "s";
  for (unsigned i = 0; i < times; ++i)
    spool::count_failure(state, {rfc::Outcome::Kind::delayed, {4, 7, 8}, "no"}, noon, standard,
                         random);
  return state;
}

spool::Smarthost named(const std::string& name) {
  spool::Smarthost made;
  made.name = name;
  return made;
}
}  // namespace

TEST_CASE("host_state: what is written is read again") {
  HostState state = failed(3);
  state.stamp = "1:2.3 4:5.6";
  state.outcome.text = "host said: 535 \x1b[2J bad\nfailures 9 9";
  state.sent = {noon, noon + 1500ms};
  const auto text = spool::host_state_text(state);
  const auto again = spool::parse_host_state(text);
  CHECK(again.failures == 3);
  CHECK(again.until == state.until);
  CHECK(again.stamp == state.stamp);
  CHECK(again.outcome.kind == rfc::Outcome::Kind::delayed);
  CHECK(again.outcome.status == rfc::EnhancedStatus{4, 7, 8});
  CHECK(again.sent == state.sent);
  CHECK(spool::host_state_text(again) == text);
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("host_state: damage is passed over") {
  for (const auto* text : {"", "postbag host 2\nfailures 3 99\n", "failures 3 99\n", "\n\n"})
    CHECK(spool::parse_host_state(text).failures == 0);
  const auto state = spool::parse_host_state(
      "postbag host 1\nfailures x 99\nsent 12\nsent -1.000000\nsent 12.0000001\nsent "
      "9999999999999.000000\nnonsense\nsent 2.000000\nsent 1.000000\nreason ");
  CHECK(state.failures == 0);
  CHECK(state.sent == std::deque<base::Time>{base::Time(1s), base::Time(2s)});
}

TEST_CASE("host_state: it rests five minutes, then twice as long each time, up to four hours") {
  constexpr std::int64_t minutes[] = {5, 10, 20, 40, 80, 160, 240, 240};
  for (unsigned i = 0; i < std::size(minutes); ++i) {
    CAPTURE(i);
    CHECK(failed(i + 1).until - base::seconds(noon) == minutes[i] * 60);
    CHECK(failed(i + 1, 0).until - base::seconds(noon) == minutes[i] * 54);
    CHECK(failed(i + 1, 1023).until - base::seconds(noon) <= minutes[i] * 66);
  }
  CHECK(failed(4'000).until - base::seconds(noon) == 4 * 3600);
}

TEST_CASE("host_state: what ends the rest") {
  const auto state = failed(1);
  CHECK(spool::resting(state, "s", noon, standard));
  CHECK(spool::resting(state, "s", noon + 299s, standard));
  CHECK(!spool::resting(state, "s", noon + 300s, standard));
  CHECK(!spool::resting(state, "another", noon, standard));
  CHECK(!spool::resting(HostState(), "", noon, standard));
  // A clock that was wrong.
  CHECK(!spool::resting(state, "s", noon - 24h * 365, standard));
  CHECK(spool::resting(state, "s", noon - 1h, standard));
}

TEST_CASE("host_state: the rate lets so many go in any period") {
  HostState state;
  CHECK(spool::next_allowed(state, {0, 60s}, noon) == noon);
  state.sent = {noon - 61s, noon - 30s, noon - 10s};
  CHECK(spool::next_allowed(state, {2, 60s}, noon) == noon + 30s);
  CHECK(state.sent.size() == 2);
  CHECK(spool::next_allowed(state, {3, 60s}, noon) == noon);
  CHECK(spool::next_allowed(state, {1, 60s}, noon) == noon + 50s);
  // By a clock that was wrong.
  state.sent = {noon + 24h};
  CHECK(spool::next_allowed(state, {1, 60s}, noon) == noon);
  CHECK(state.sent.empty());
}

TEST_CASE("host_state: one file a smarthost, and none where nothing is known") {
  CHECK(spool::host_state_name(named("")) == "host.-");
  CHECK(spool::host_state_name(named("work")) == "host.work");
  CHECK(spool::host_state_name(named("../a/b")) == "host...%2Fa%2Fb");
  Folder folder;
  const auto spool = store::Spool::create(folder / "spool", ::geteuid()).value();
  CHECK(spool::load_host_state(spool, named("a")).failures == 0);
  REQUIRE(spool::save_host_state(spool, named("a"), failed(2)));
  CHECK(spool::load_host_state(spool, named("a")).failures == 2);
  CHECK(spool::load_host_state(spool, named("")).failures == 0);
  REQUIRE(spool::save_host_state(spool, named("a"), HostState()));
  CHECK(!std::filesystem::exists(folder / "spool/run/host.a"));
  CHECK(spool::save_host_state(spool, named("a"), HostState()));
}
