"""When mail is tried again, given up and told of, on a clock that the test sets."""

import pytest
from support.clock import DAY, HOUR, MINUTE, YEAR
from support.queueing import due, flushed, log_of, queue_one, statuses, why
from support.smtpd import Script, closed_port

BUSY = {("rcpt", "bob@example.org"): "450 4.2.1 busy"}
QUIET = "\n[spool]\nwarn_after = 90d\n"
SLACK = 5  # seconds that a test itself may take


def relay(account, server, more="", **settings):
    account.relay_through(server, more, **{"security": "none", **settings})


def attempts(account):
    return int(why(account).partition("attempts ")[2].split()[0])


def try_again(account, clock, times=1):
    """Runs, each at the moment when the first entry is due."""
    for _ in range(times):
        clock.set(due(account.entries()[0]) + 0.1)
        flushed(account)


# The pace.


def expected_wait(now, first, counted):
    """The policy's words: about double each time, from five minutes to four hours; one attempt an hour is counted."""
    if counted == 1:
        return max(5 * MINUTE, now - first)
    return min(HOUR * 2 ** (counted - 2), 4 * HOUR)


def test_each_wait_is_about_double_the_one_before(account, smtpd, clock):
    relay(account, smtpd(BUSY))
    entry = queue_one(account)
    waits, first, last_counted, counted = [], clock.now(), 0, 0
    while len(waits) < 12:
        now = clock.now()
        if now - last_counted >= HOUR:
            last_counted, counted = now, counted + 1
        flushed(account)
        waits.append(due(entry) - now)
        expected = expected_wait(now, first, counted)
        assert 0.9 * expected - SLACK <= waits[-1] <= 1.1 * expected + SLACK, (waits, expected)
        clock.set(due(entry) - 30)
        flushed(account)  # too early
        assert due(entry) == pytest.approx(clock.now() + 30, abs=SLACK)
        clock.set(due(entry) + 0.1)
    assert waits[0] < 6 * MINUTE and waits[-1] > 3.5 * HOUR
    assert len(set(waits[-3:])) == 3  # spread, so that not all of them come back together


def test_the_configured_pace_counts(account, smtpd, clock):
    relay(account, smtpd(BUSY), "\n[spool]\nretry = 1m..10m\n")
    entry = queue_one(account)
    flushed(account)
    assert 54 - SLACK <= due(entry) - clock.now() <= 66 + SLACK
    for _ in range(9):
        try_again(account, clock)
    assert 9 * MINUTE - SLACK <= due(entry) - clock.now() <= 11 * MINUTE + SLACK


def test_only_one_attempt_an_hour_is_counted(account, smtpd, clock):
    relay(account, smtpd(BUSY))
    queue_one(account)
    for _ in range(5):
        flushed(account, "--all")
    assert attempts(account) == 1
    clock.advance(HOUR + 1)
    flushed(account, "--all")
    assert attempts(account) == 2


# Clocks that are wrong, and machines that sleep.


@pytest.mark.parametrize("dead", [False, True], ids=["refused", "no-server"])
def test_a_week_asleep_bounces_nothing(account, smtpd, clock, dead):
    server = smtpd(BUSY)
    relay(account, closed_port() if dead else server, QUIET)
    entry = queue_one(account)
    flushed(account)
    clock.advance(7 * DAY)
    flushed(account)
    assert attempts(account) == 2
    waiting, = account.entries()
    assert (waiting.id, waiting.statuses) == (entry.id, ".")
    server.script = Script({})
    relay(account, server)
    flushed(account, "--all")
    assert ["bob@example.org"] in [message.addresses for message in server.messages]
    assert not any(b"Undelivered" in message.data for message in server.messages) and account.entries() == []


@pytest.mark.parametrize("years", [25, -25])
@pytest.mark.parametrize("dead", [False, True], ids=["refused", "no-server"])
def test_a_clock_that_jumps_bounces_nothing_and_strands_nothing(account, smtpd, clock, years, dead):
    server = smtpd(BUSY)
    relay(account, closed_port() if dead else server, QUIET)
    clock.shift(years * YEAR)  # wrong from the start …
    queue_one(account)
    flushed(account)
    clock.shift(0)  # … set right …
    queue_one(account)
    flushed(account)
    clock.shift(-years * YEAR)  # … and wrong again, the other way
    flushed(account)
    clock.shift(0)
    assert statuses(account) == [".", "."]
    # All of it is due at once, or within the longest wait; nothing waits for a time that is years off.
    server.script = Script({})
    if dead:
        relay(account, server)  # a changed configuration
    clock.advance(5 * HOUR)
    flushed(account)
    assert account.entries() == []
    told = [each for each in server.messages if each.addresses == ["jane@sender.test"]]
    assert [each.addresses for each in server.messages if each not in told] == [["bob@example.org"]] * 2
    assert all(b"Delayed Mail" in each.data for each in told)  # by that clock it was


# Giving up.


def age(account, clock, days, counted):
    """Has the queue's message tried, at most so often counted, until it is that old."""
    begin = clock.now()
    for number in range(counted):
        clock.set(begin + number * (HOUR + 1))
        flushed(account, "--all")
    clock.set(begin + days * DAY + 1)


def test_neither_age_nor_attempts_alone_give_up(account, smtpd, clock):
    relay(account, smtpd(BUSY), QUIET)
    queue_one(account)
    age(account, clock, 0, 12)  # often enough, not old enough
    flushed(account, "--all")
    assert statuses(account) == ["."] and attempts(account) >= 10
    queue_one(account, "bob@example.org", sender="other@sender.test")
    age(account, clock, 4.9, 0)
    flushed(account, "--all")
    assert statuses(account) == [".", "."]


def test_ten_attempts_and_five_days_give_up(account, smtpd, clock):
    server = smtpd(BUSY)
    relay(account, server, QUIET)
    entry = queue_one(account)
    age(account, clock, 5, 9)
    assert attempts(account) == 9 and statuses(account) == ["."]
    lines = log_of(account, "--all")
    assert any(f"{entry.id}: from=<jane@sender.test>, status=expired, returned to sender" in line for line in lines)
    bounce, = server.messages  # the smarthost works: the news of it goes out in the same run
    assert (bounce.sender, bounce.addresses) == ("", ["jane@sender.test"]) and account.entries() == []
    assert b"\r\nAction: failed\r\nStatus: 5.4.7\r\n" in bounce.data
    assert b"given up after 5 days; the last problem" in bounce.data and b"450 4.2.1 busy" in bounce.data


def test_held_mail_is_never_given_up(account, smtpd, clock):
    server = smtpd(BUSY)
    relay(account, server, QUIET)
    entry = queue_one(account)
    age(account, clock, 1, 10)
    assert account.mailq("--hold", entry.id).returncode == 0
    connections = len(server.connections)
    for _ in range(3):
        clock.advance(30 * DAY)
        flushed(account)
        flushed(account, "--all")
    assert statuses(account) == ["."] and len(server.connections) == connections and server.messages == []


@pytest.mark.parametrize("setup", [
    pytest.param(None, id="no-server"),
    pytest.param({"mail": "530 5.7.0 log in first"}, id="530"),
    pytest.param({"mail": "421 4.3.2 down"}, id="421"),
    pytest.param({"greeting": "554 5.7.1 banned"}, id="banned"),
])
def test_what_expires_behind_a_dead_smarthost_is_told_to_the_owner_of_the_spool(account, smtpd, clock, setup):
    server = smtpd(setup) if setup else closed_port()
    relay(account, server)
    entry = queue_one(account)
    age(account, clock, 5, 10)
    assert len(account.entries()) == 1  # no notice of a delay either, it could only take the same way
    flushed(account, "--all")
    bounce, = account.entries()
    assert bounce.id != entry.id and bounce.sender == "" and bounce.statuses == "."
    recipient, = bounce.recipients
    assert (recipient.kind, recipient.address) == ("m", "root")
    assert b"\nStatus: 5.4.7\n" in bounce.message and b"jane@sender.test" in bounce.message


# Telling of a delay.


def test_one_notice_tells_of_a_delay(account, smtpd, clock):
    server = smtpd(BUSY)
    relay(account, server)
    queue_one(account)
    age(account, clock, 4.5 / 24, 1)
    server.wait_for_connections(1)
    assert server.messages == []
    flushed(account, "--all")
    notice, = server.messages
    assert (notice.sender, notice.addresses) == ("", ["jane@sender.test"])
    assert b"Subject: Delayed Mail" in notice.data and b"\r\nAction: delayed\r\nStatus: 4.2.1\r\n" in notice.data
    assert b"\r\nWill-Retry-Until: " in notice.data
    age(account, clock, 2, 5)
    flushed(account, "--all")
    assert len(server.messages) == 1 and statuses(account) == ["."]


@pytest.mark.parametrize("notify, told", [("delay", True), ("failure,delay", True), ("failure", False), ("never", False),
                                          ("success", False)])
def test_notify_decides_about_notices_of_delay(account, smtpd, clock, notify, told):
    server = smtpd(BUSY)
    relay(account, server)
    queue_one(account, options=["-N", notify])
    age(account, clock, 1, 2)
    flushed(account, "--all")
    assert [each.addresses for each in server.messages] == ([["jane@sender.test"]] if told else [])
    assert statuses(account) == ["."]


def test_a_machine_that_slept_tells_of_no_delay(account, smtpd, clock):
    server = smtpd(BUSY)
    relay(account, server)
    queue_one(account)
    clock.advance(3 * DAY)
    flushed(account)
    assert server.messages == [] and attempts(account) == 1


@pytest.mark.parametrize("setup", [
    pytest.param(None, id="no-server"),
    pytest.param({"mail": "530 5.7.0 log in first"}, id="530"),
    pytest.param({"rcpt": "550 5.7.1 relaying denied"}, id="condemned"),
])
def test_no_notice_takes_the_way_that_is_its_cause(account, smtpd, clock, setup):
    relay(account, smtpd(setup) if setup else closed_port())
    for number in range(3):
        queue_one(account, f"r{number}@example.org")
    age(account, clock, 2, 5)
    flushed(account, "--all")
    assert statuses(account) == ["."] * 3 and len(account.entries()) == 3


def test_a_notice_goes_out_where_another_smarthost_is_the_cause(account, smtpd, clock):
    server = smtpd()
    relay(account, server, f"\n[smarthost away]\nhost = localhost:{closed_port()}\nsecurity = none\n"
          "recipients = *@away.test\n")
    queue_one(account, "bob@away.test")
    age(account, clock, 1, 2)
    flushed(account, "--all")
    notice, = server.messages
    assert (notice.sender, notice.addresses) == ("", ["jane@sender.test"]) and statuses(account) == ["."]
