"""A smarthost that fails is asked once, by the run that finds out; then it rests, and others do not wait for it."""

import subprocess
import time
from pathlib import Path

import pytest
from support.clock import DAY, HOUR, MINUTE
from support.installed import give, install
from support.queueing import due, flushed, log_of, queue_one, statuses, why
from support.smtpd import Gate, Script, Stall, closed_port

PASSWORDS = {"me": "open sesame"}


def state_file(account):
    return Path(account.spool, "run", "host.-")


def secret_file(account, text):
    path = account.folder / "secret"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


def logins(server):
    return server.verbs.count("AUTH")


class Rejected:
    """Fifty messages behind a wrong password, after one run."""

    def __init__(self, account, server, certs):
        self.account, self.server = account, server
        account.relay_through(server, user="me", password=f"file {secret_file(account, 'wrong')}", ca=certs.ca)
        for number in range(50):
            queue_one(account, f"r{number}@example.org")
        flushed(account)

    def all_wait(self):
        """All wait for one moment, and know why; that moment."""
        assert statuses(self.account) == ["."] * len(self.account.entries())
        assert why(self.account).count("535 5.7.8 bad credentials") == len(self.account.entries())
        moment, = {due(entry) for entry in self.account.entries()}
        return moment

    def all_leave(self):
        assert self.account.entries() == [] and not state_file(self.account).exists()


@pytest.fixture
def rejected(account, smtpd, certs, clock):
    return Rejected(account, smtpd(certificate=certs.good, passwords=dict(PASSWORDS), require_auth=True), certs)


def test_a_wrong_password_is_one_login_a_run_and_none_before_its_time(account, rejected, clock):
    server = rejected.server
    assert logins(server) == 1 and "MAIL" not in server.verbs
    until = rejected.all_wait()
    assert 4.5 * MINUTE - 2 <= until - clock.now() <= 5.5 * MINUTE + 2
    for number in range(3):  # runs that submissions start
        queue_one(account, f"more{number}@example.org")
        flushed(account)
    assert len(server.connections) == 1 and rejected.all_wait() == until
    longest = 4 * HOUR
    for failures in range(2, 9):
        clock.set(until + 1)
        flushed(account)
        assert logins(server) == failures
        until = rejected.all_wait()
        expected = min(5 * MINUTE * 2 ** (failures - 1), longest)
        assert 0.9 * expected - 2 <= until - clock.now() <= 1.1 * expected + 2
    assert len(account.entries()) == 53


def test_asking_for_a_run_asks_the_smarthost(account, rejected, clock):
    flushed(account, "--all")
    assert logins(rejected.server) == 2
    rejected.all_wait()
    clock.shift(0)
    assert account.sendmail("-q").returncode == 0
    account.wait_until_idle()
    assert logins(rejected.server) == 3
    rejected.all_wait()


@pytest.mark.parametrize("submitted", [0, 1], ids=["by-the-next-run", "by-a-submission"])
def test_a_changed_password_is_tried_at_once(account, rejected, submitted):
    secret_file(account, "open sesame")
    for _ in range(submitted):
        queue_one(account)
    flushed(account)
    assert logins(rejected.server) >= 2
    # … and what waited for the smarthost goes with it.
    assert len(rejected.server.messages) == 50 + submitted
    rejected.all_leave()


def test_a_changed_configuration_is_tried_at_once(account, rejected):
    account.config.write_text(account.config.read_text().replace("host = ", "connect_timeout = 9s\nhost = "))
    rejected.server.settings.passwords["me"] = "wrong"
    queue_one(account)
    flushed(account)
    assert len(rejected.server.messages) == 51
    rejected.all_leave()


def test_a_success_ends_the_rest(account, rejected, clock):
    assert state_file(account).exists()
    rejected.server.settings.passwords["me"] = "wrong"
    clock.set(rejected.all_wait() + 1)
    flushed(account)
    assert len(rejected.server.messages) == 50
    rejected.all_leave()


def test_a_rest_that_a_wrong_clock_set_ends_with_it(account, smtpd, clock):
    server = smtpd()
    account.relay_through(server, security="none")
    server.script = Script({"greeting": "421 4.3.2 busy"})
    clock.shift(30 * DAY)
    queue_one(account)
    flushed(account)
    server.script = Script({})
    clock.shift(0)
    flushed(account)
    assert len(server.messages) == 1 and account.entries() == []


# What it costs.


def test_a_dead_smarthost_costs_one_timeout_a_run(account, smtpd):
    server = smtpd({"greeting": Stall()})
    account.relay_through(server, security="none", connect_timeout="1s", connections=5)
    for number in range(20):
        queue_one(account, f"r{number}@example.org")
    start = time.monotonic()
    flushed(account)
    assert time.monotonic() - start < 10 and len(server.connections) == 1
    assert statuses(account) == ["."] * 20


def test_mail_of_one_smarthost_does_not_wait_for_another(account, smtpd):
    gate = Gate("421 4.3.2 down")
    stalled, good = smtpd({"greeting": gate}), smtpd()
    account.relay_through(good, f"\n[smarthost slow]\nhost = {stalled.address}\nsecurity = none\n"
                          "recipients = *@slow.test\n", security="none")
    for number in range(10):
        queue_one(account, f"r{number}@slow.test")
    for number in range(10):
        queue_one(account, f"r{number}@example.org")
    with subprocess.Popen([account.programs["postbag-flush"]], env=account.env, cwd=account.work) as flush:
        gate.wait_reached()
        good.wait_for(10)
        assert flush.poll() is None
        assert account.sendmail("-odq", "bob@example.org").returncode == 0  # does not wait either
        good.wait_for(11)
        gate.open()
        assert flush.wait(30) == 0
    assert statuses(account) == ["."] * 10 and len(stalled.connections) == 1


# What the log says.


def test_the_log_has_one_line_when_it_starts_to_fail_and_one_when_it_ends(account, smtpd, clock):
    server = smtpd({"greeting": "421 4.3.2 busy"})
    account.relay_through(server, security="none")
    for number in range(20):
        queue_one(account, f"r{number}@example.org")

    def lines(text, log):
        return [line for line in log if text in line]

    log = log_of(account)
    fails, = lines(" fails: ", log)
    assert fails.startswith(f"postbag/smtp: smarthost localhost:{server.port} fails: ") and "421" in fails
    assert fails.endswith("; its mail waits")
    assert len(lines("status=deferred", log)) == 1  # that of the message that found out
    for _ in range(3):
        clock.set(due(account.entries()[0]) + 1)
        log = log_of(account)
        assert not lines(" fails: ", log) and len(lines("status=deferred", log)) == 1
    log = log_of(account)  # it rests
    assert not lines("smarthost", log) and not lines("status=", log)
    server.script = Script({})
    log = log_of(account, "--all")
    works, = lines("smarthost", log)
    assert works == f"postbag/smtp: smarthost localhost:{server.port} works again"
    assert len(lines("status=sent", log)) == 20 and account.entries() == []


# What lies with this process says nothing of the smarthost.


def test_a_password_command_that_fails_is_nobody_elses_business(account, smtpd, certs):
    server = smtpd(certificate=certs.good, passwords=PASSWORDS)
    account.relay_through(server, user="me", password="command echo x >>asked; test -e unlocked && echo open sesame",
                          ca=certs.ca)
    for number in range(5):
        queue_one(account, f"r{number}@example.org")
    flushed(account)
    assert (account.work / "asked").read_text() == "x\n" and statuses(account) == ["."] * 5
    assert not state_file(account).exists() and why(account).count("password command") == 5
    (account.work / "unlocked").touch()  # by somebody whose session has the agent
    queue_one(account)
    flushed(account)
    assert len(server.messages) == 1 and logins(server) == 1, why(account) + (account.work / "asked").read_text()


def test_a_process_without_a_network_speaks_for_nobody_else(world, programs):
    place = world(users=["jane"])
    give(place, "jane", {".config/postbag/postbag.ini":
                         "[smarthost]\nhost = 192.0.2.1:25\nsecurity = none\nallow_plaintext = yes\n"})
    paths = install(place, programs)
    assert place.run([paths["sendmail"], "-odq", "bob@example.org"], user="jane", input=b"x\n").returncode == 0
    done = place.run([paths["postbag-flush"], "-v"], user="jane")
    assert done.returncode == 0 and b"fails: " in done.stderr and b"its mail waits" in done.stderr
    spools = list(place.path("/home/jane").rglob("queue")) + list(place.path("/var/spool").rglob("queue"))
    queue, = (folder for folder in spools if list(folder.glob("*-*")))
    assert not list((queue.parent / "run").glob("host.*"))


def test_a_host_that_refuses_is_remembered(account):
    account.relay_through(closed_port(), security="none")
    queue_one(account)
    flushed(account)
    text = state_file(account).read_text()
    assert text.startswith("postbag host 1\nfailures 1 ") and "\nreason 4.4.2 connect to localhost" in text
