"""Looks at a queue: they cost little, and the flush's last one, after it let go of its lock, misses nothing."""

import os
import re
import signal
import subprocess
import time

import pytest
from support.smtpd import Delay, Gate, Stall

MESSAGE = "Subject: hi\n\nhello\n"


def traced(account, *options, arguments=()):
    """A flush under strace, which writes what it sees to work/trace."""
    # A leak sanitizer cannot work beside another tracer.
    return subprocess.Popen(["strace", "-o", "trace", *options, account.programs["postbag-flush"], *arguments],
                            env={**account.env, "ASAN_OPTIONS": "detect_leaks=0"}, cwd=account.work,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(flush):
    """Its exit status and what it printed."""
    out, err = flush.communicate(timeout=30)
    return flush.returncode, out, err


def queue(account, count=1):
    for _ in range(count):
        assert account.sendmail("-odq", "bob@example.org", input=MESSAGE).returncode == 0
    return [entry.path for entry in account.entries()]


def put_off(paths, seconds=3600):
    for path in paths:
        os.utime(path, (time.time() + seconds,) * 2)


def test_an_idle_run_lists_the_queue_once_and_asks_for_each_time_once(account):
    paths = queue(account, 20)
    put_off(paths)
    assert ended(traced(account, "-y", "-e", "trace=openat,newfstatat,getdents64")) == (0, b"", b"")
    trace = (account.work / "trace").read_text()
    asked = re.findall(r'newfstatat\([^"]*/queue>, "([^"]+)"', trace)
    assert sorted(asked) == [path.name for path in paths]
    assert len(re.findall(r"getdents64\([^,]*/queue>,.* = [1-9]", trace)) == 1  # the next call says that it ended
    assert not re.search(r'openat\([^"]*/queue>, "[^."]', trace)  # no entry is opened


def test_a_listing_leaves_access_times_alone(account):
    paths = queue(account, 3)
    for path in paths:
        os.utime(path, (1_000_000_000, time.time() + 3600))  # read before it was written last: relatime would note it
    assert account.mailq().stdout.endswith(b"3 Requests.\n")
    assert [path.stat().st_atime for path in paths] == [1_000_000_000] * 3


def commit(account):
    return account.sendmail("bob@example.org", input=MESSAGE)


def retry(account):
    return account.mailq("--retry", "ALL")


def release(account):
    return account.mailq("--release", "ALL")


# What cannot be watched is looked at once more: inotify has limits.
UNWATCHED = ("-e", "inject=inotify_init1:error=EMFILE")
CASES = {"commit": (commit, ()), "retry": (retry, ()), "release": (release, ()),
         "commit, unwatched": (commit, UNWATCHED)}


@pytest.mark.parametrize("action, more", CASES.values(), ids=CASES)
def test_what_comes_between_the_last_pass_and_the_lock_is_not_missed(account, smtpd, action, more):
    server = smtpd()
    account.relay_through(server, security="none")
    paths = queue(account)
    if action is commit:
        assert account.mailq("--delete", "ALL").returncode == 0
    else:
        if action is release:
            assert account.mailq("--hold", "ALL").returncode == 0
        put_off(paths)
    # Its second flock gives the lock back, and takes long.
    flush = traced(account, "-e", "trace=flock,inotify_init1", *more, "-e", "inject=flock:delay_enter=1500000:when=2")
    account.wait_until((account.spool / "run/last").exists, what="the end of the pass")
    assert action(account).returncode == 0
    assert not server.messages  # it found the lock taken and relies on that flush
    assert ended(flush) == (0, b"", b"")
    assert len(server.wait_for(1)) == 1
    account.wait_until_idle()
    assert account.entries() == []
    trace = (account.work / "trace").read_text()
    assert trace.count("LOCK_UN") == 2  # one flush did it all


def fill_pipe():
    """A pipe that whoever writes to it waits at."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    return reader, writer


@pytest.mark.parametrize("action", ["--release", "--retry"])
def test_what_mailq_makes_due_beside_a_run_is_tried_by_that_run(account, smtpd, action):
    first, second = Gate(), Gate()
    server = smtpd({"dot": [first, second]})
    account.relay_through(server, security="none")
    middle = queue(account, 3)[1]
    put_off([middle])
    name = middle.name.partition(".")[0]
    if action == "--release":
        assert account.mailq("--hold", name).returncode == 0
    flush = subprocess.Popen([account.programs["postbag-flush"]], env=account.env, cwd=account.work)
    first.wait_reached()
    reader, writer = fill_pipe()
    mailq = subprocess.Popen([account.programs["mailq"], action, name], env=account.env, stderr=writer)
    account.wait_until(lambda: middle.stat().st_mtime <= time.time(), what="mailq's change")
    first.open()
    second.wait_reached()  # the run has passed the middle one, and mailq is still at it
    os.close(writer)
    while os.read(reader, 65536):
        pass
    os.close(reader)
    assert mailq.wait(10) == 0
    second.open()
    assert flush.wait(10) == 0
    account.wait_until_idle()
    assert len(server.messages) == 3 and account.entries() == []


def test_what_a_server_put_off_is_tried_again_in_a_long_run(account, smtpd):
    """Its time comes while the run is busy with others; beside a busy run no other flush would do it."""
    server = smtpd({("rcpt", "r0@x.test"): ["451 4.7.1 greylisted"], "dot": [Delay(2.5, "250 2.0.0 Ok")]})
    account.relay_through(server, security="none")
    account.configure(account.config.read_text().replace("[spool]\n", "[spool]\nretry = 1s..2s\n"))
    for number in range(2):
        assert account.sendmail("-odq", f"r{number}@x.test", input=b"\n\nbody\n").returncode == 0
    assert account.flush().returncode == 0
    assert [message.addresses for message in server.messages] == [["r1@x.test"], ["r0@x.test"]]
    assert account.entries() == []


def test_a_smarthost_that_is_down_is_asked_once_a_run(account, smtpd):
    server = smtpd({"greeting": "554 5.3.2 not today"})
    account.relay_through(server, security="none")
    account.configure(account.config.read_text().replace("[spool]\n", "[spool]\nretry = 1s..1s\n"))
    queue(account, 5)
    assert account.flush().returncode == 0
    assert len(server.connections) == 1 and len(account.entries()) == 5


def test_a_smarthost_that_says_nothing_to_mail_costs_one_timeout_a_run(account, smtpd):
    server = smtpd({"mail": Stall()})
    account.relay_through(server, security="none", reply_timeout="1s")
    queue(account, 3)
    assert account.flush().returncode == 0
    assert server.verbs.count("MAIL") == len(server.connections) == 1 and len(account.entries()) == 3


def test_a_run_that_waits_for_a_server_rests(account, smtpd):
    server = smtpd({"dot": [None, None, None, Delay(2)]})
    account.relay_through(server, security="none", connections=1)
    queue(account, 40)
    flush = subprocess.Popen([account.programs["postbag-flush"]], env=account.env, cwd=account.work)
    _, status, used = os.wait4(flush.pid, 0)
    flush.returncode = os.waitstatus_to_exitcode(status)
    assert flush.returncode == 0 and len(server.messages) == 40
    assert used.ru_utime + used.ru_stime < 1, used  # of more than two seconds


def test_sigterm_ends_a_run_whose_server_is_silent(account, smtpd):
    stalled = Gate()
    server = smtpd({"mail": stalled})
    account.relay_through(server, security="none")
    queue(account, 4)
    flush = subprocess.Popen([account.programs["postbag-flush"]], env=account.env, cwd=account.work)
    stalled.wait_reached()
    start = time.monotonic()
    flush.send_signal(signal.SIGTERM)
    assert flush.wait(10) == 0
    assert time.monotonic() - start < 5
    assert [entry.statuses for entry in account.entries()] == ["."] * 4
    assert not (account.spool / "run/host.-").exists()  # being told to stop is no failure of the smarthost
    stalled.open()
