"""How a submission starts the flush, what the flush inherits, and how it ends."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import disks
import faults
import pytest
from spoolcheck import queue_of, report
from support.pty_session import PtySession
from support.smtpd import Gate

TEXT = b"Subject: start\n\nhello\n"
# More than fits into the buffers of both sides of a connection that nobody reads.
LARGE = TEXT + b"a line of very many\n" * 450_000 + b"hello\n"


def relay(account, server, **settings):
    account.relay_through(server, security="none", connections=1, **settings)


def submit(account, *addresses, **more):
    done = account.sendmail(*(addresses or ("bob@example.org",)), input=TEXT, **more)
    assert (done.returncode, done.stderr) == (0, b"")


def wait_delivered(account, server, count, timeout=10):
    """Each message once, the queue empty, nobody left."""
    account.wait_until_empty(timeout)
    account.wait_until_idle(timeout)
    assert len(server.messages) == count and server.violations == []


def foreground(account):
    """A flush's command line, by which account.processes() knows it."""
    return [account.programs["postbag-flush"], "--config", account.config]


def status_of(pid):
    """The lines of /proc/PID/status."""
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def parent_of(pid):
    try:
        return int(status_of(pid)["PPid"])
    except OSError:  # it ended
        return None


def dispatcher(account):
    """The flush itself, not its session worker."""
    account.wait_until(account.processes, what="a flush")
    pids = account.processes()
    found, = [pid for pid in pids if parent_of(pid) not in pids]
    return found


# Many submissions, one flush.


def test_a_thousand_submissions_make_one_flush(account, smtpd):
    first = Gate()
    server = smtpd({"dot": [first]})
    relay(account, server)
    submit(account)
    first.wait_reached()
    most, ended = [0], threading.Event()

    def watch():
        while not ended.wait(0.003):
            most[0] = max(most[0], len(account.processes()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    before = dispatcher(account)
    # All are there before the first is waited for.
    running = [subprocess.Popen([account.programs["sendmail"], "bob@example.org"], stdin=subprocess.PIPE,
                                env=account.env, cwd=account.work) for _ in range(1000)]
    for process in running:
        process.stdin.write(TEXT)
        process.stdin.close()
    assert {process.wait(60) for process in running} == {0}
    assert dispatcher(account) == before and len(queue_of(account.spool)[0]) == 1001
    first.open()
    wait_delivered(account, server, 1001, 60)
    ended.set()
    watcher.join()
    report("start", f"1000 submissions during a run: at most {most[0]} processes of flushes\n")
    assert most[0] <= 3  # the flush, its session worker, and one that has just been forked


def test_a_commit_between_the_last_look_and_the_unlock_is_not_missed(account, smtpd):
    server = smtpd()
    relay(account, server)
    submit(account, "-odq", "bob@example.org")
    results = []
    run = threading.Thread(target=lambda: results.append(faults.run(
        foreground(account), point="2:flock:*/run/flush.lock", signal="STOP", fallible=True,
        paths=[account.spool / "run"], env=account.env)))
    run.start()
    account.wait_until((account.spool / "run/last").exists)
    flush, = account.processes()
    account.wait_until(lambda: stopped(flush))
    submit(account)
    assert [entry.statuses for entry in account.entries()] == ["."] and account.processes() == [flush]
    os.kill(flush, signal.SIGCONT)
    run.join(20)
    assert (results[0].status, results[0].hit.name) == (0, "flock")
    wait_delivered(account, server, 2)


def stopped(pid):
    """Stopped for good: a tracer's own short stops do not last."""
    for _ in range(20):
        if status_of(pid)["State"][0] not in "tT":
            return False
        time.sleep(0.001)
    return True


def test_a_submission_after_the_unlock_starts_its_own(account, smtpd):
    server = smtpd()
    relay(account, server)
    for count in range(1, 4):
        submit(account)
        wait_delivered(account, server, count)


# What the flush inherits: nothing.


def test_the_callers_pipes_are_released_at_once(account, smtpd):
    gate = Gate()
    server = smtpd({"greeting": gate})
    relay(account, server)
    extra, theirs = os.pipe()
    with subprocess.Popen([account.programs["sendmail"], "bob@example.org"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[theirs], env=account.env,
                          cwd=account.work) as process:
        os.close(theirs)
        output = process.communicate(TEXT, timeout=5)  # waits for the end of both pipes
        assert (process.returncode, *output) == (0, b"", b"")
    assert os.read(extra, 1) == b""
    os.close(extra)
    gate.wait_reached()
    assert account.processes() and server.messages == []
    gate.open()
    wait_delivered(account, server, 1)


@pytest.mark.parametrize("terminal", [False, True], ids=["no terminal", "terminal"])
def test_what_the_flush_lives_in(account, smtpd, terminal):
    gate = Gate()
    server = smtpd({"greeting": gate})
    relay(account, server)
    environment = {**account.env, "http_proxy": "http://127.0.0.1:1", "LD_LIBRARY_PATH": "/nowhere", "HOME": "/nowhere"}
    argv = ["sh", "-c", f'umask 0; exec "{account.programs["sendmail"]}" bob@example.org <"$0"', account.work / "in"]
    (account.work / "in").write_bytes(TEXT)
    if terminal:
        with PtySession(argv, env=environment, cwd=account.work) as session:
            assert session.finish() == b"" and session.status == 0
    else:
        subprocess.run(argv, env=environment, cwd=account.work, check=True)
    gate.wait_reached()
    flush = dispatcher(account)
    proc = Path(f"/proc/{flush}")
    # pid, parent, group, session, terminal
    group, session, tty = re.search(r"\) \S \d+ (\d+) (\d+) (\d+) ", (proc / "stat").read_text()).groups()
    assert int(session) == int(group) != os.getsid(0) and tty == "0"
    assert os.readlink(proc / "cwd") == "/" and status_of(flush)["Umask"] == "0077"
    names = {word.partition(b"=")[0].decode() for word in (proc / "environ").read_bytes().split(b"\0") if word}
    assert names == {"PATH", "HOME", "USER", "LOGNAME", "LANG"}
    assert b"HOME=/nowhere" not in (proc / "environ").read_bytes()
    files = {int(fd.name): os.readlink(fd) for fd in (proc / "fd").iterdir()}
    assert [files.pop(fd) for fd in (0, 1, 2)] == ["/dev/null"] * 3
    assert f"{account.spool}/run/flush.lock" in files.values()
    ours = (str(account.spool), "socket:", "anon_inode:inotify")
    foreign = [name for name in files.values() if not name.startswith(ours)]
    assert foreign == []
    gate.open()
    wait_delivered(account, server, 1)


def test_v_on_a_terminal_waits_and_shows(account, smtpd):
    gate = Gate()
    server = smtpd({"dot": gate})
    relay(account, server)
    (account.work / "in").write_bytes(TEXT)
    argv = ["sh", "-c", f'exec "{account.programs["sendmail"]}" -v bob@example.org <"$0"', account.work / "in"]
    with PtySession(argv, env=account.env, cwd=account.work) as session:
        session.expect(b"(queue active)")
        gate.wait_reached()
        assert session.status is None
        gate.open()
        shown = session.finish()
        assert session.status == 0
    assert b"to=<bob@example.org>, relay=localhost[127.0.0.1]" in shown and b"status=sent (250 2.0.0 taken)" in shown
    wait_delivered(account, server, 1)


def test_v_without_a_terminal_does_not_wait(account, smtpd):
    gate = Gate()
    server = smtpd({"dot": gate})
    relay(account, server)
    submit(account, "-v", "bob@example.org")
    gate.wait_reached()
    gate.open()
    wait_delivered(account, server, 1)


@pytest.fixture
def service_manager(world, programs):
    """start(path, user): a world whose socket at this path takes the datagrams."""
    sockets = []

    def start(path, user=None):
        bed = world(users=["jane"])
        for name in ("sendmail", "postbag-flush"):
            disks.run("cp", programs[name], bed.path(f"/usr/local/bin/{name}"))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sockets.append(listener)
        bed.path(path).parent.mkdir(parents=True)
        listener.bind(str(bed.path(path)))
        if user:
            for each in (bed.path(path), bed.path(path).parent):
                os.chown(each, bed.uids[user], bed.uids[user])
        listener.settimeout(5)
        return bed, listener

    yield start
    for each in sockets:
        each.close()


@pytest.mark.parametrize("path, user, config, spool", [
    ("/run/postbag/flush", None, "/etc/postbag/postbag.ini", "/var/spool/postbag/0"),
    ("/run/user/5001/postbag/flush", "jane", "/home/jane/.config/postbag/postbag.ini",
     "/home/jane/.local/state/postbag/spool")], ids=["system", "user"])
def test_a_datagram_socket_replaces_the_fork(service_manager, path, user, config, spool):
    bed, listener = service_manager(path, user)
    bed.path(config).parent.mkdir(parents=True, exist_ok=True)
    bed.path(config).write_text("[site]\ndomain = lan.example\n")
    if user:
        bed.run(["chown", "-R", user, "/home/jane"])
    else:
        bed.path("/var/spool/postbag").mkdir(exist_ok=True)
        bed.path("/var/spool/postbag").chmod(0o1733)
    done = bed.run(["/usr/local/bin/sendmail", "bob@example.org"], user=user, input=TEXT)
    assert (done.returncode, done.stderr) == (0, b"")
    assert listener.recv(100) == b"flush"
    assert bed.processes() == [] and not (bed.path(spool) / "run/flush.lock").exists()
    assert len(queue_of(bed.path(spool))[0]) == 1
    # Nobody listens any more: the fork is back.
    listener.close()
    bed.path(path).unlink()
    assert bed.run(["/usr/local/bin/sendmail", "bob@example.org"], user=user, input=TEXT).returncode == 0
    deadline = time.monotonic() + 10
    while not (bed.path(spool) / "run/last").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# How it ends.


def flush_at(account, gate, text=TEXT):
    """A flush, started in the foreground, whose server waits at the gate."""
    assert account.sendmail("-odq", "bob@example.org", input=text).returncode == 0
    flush = subprocess.Popen(foreground(account), env=account.env, cwd="/")
    gate.wait_reached()
    return flush


def terminate(account, flush, everybody):
    """SIGTERM for the flush alone, or for its worker too as systemd does it."""
    for pid in account.processes() if everybody else [flush.pid]:
        with contextlib.suppress(ProcessLookupError):  # the flush was quicker to end its worker
            os.kill(pid, signal.SIGTERM)


def wait_still_due(account):
    entry, = account.entries()
    assert entry.statuses == "." and entry.path.stat().st_mtime <= time.time()
    assert not list((account.spool / "why").iterdir())


BOTH = pytest.mark.parametrize("everybody", [False, True], ids=["flush", "flush and worker"])


@BOTH
@pytest.mark.parametrize("step", ["greeting", "ehlo", ("ehlo", 2), "mail", "rcpt", "data", ("body", 5000)], ids=str)
def test_sigterm_before_the_final_dot_drops_the_connection(account, smtpd, step, everybody):
    gate = Gate()
    server = smtpd({step: gate})
    relay(account, server)
    flush = flush_at(account, gate, LARGE)
    start = time.monotonic()
    terminate(account, flush, everybody)
    assert flush.wait(10) == 0 and time.monotonic() - start < 5
    gate.open()
    server.wait_for_connections(1)
    assert server.messages == [] and b"\r\n.\r\n" not in server.wire[0]
    wait_still_due(account)
    submit(account)
    wait_delivered(account, server, 2)


def caught(pid):
    """Whether it has had its SIGTERM."""
    status = status_of(pid)
    bit = 1 << (signal.SIGTERM - 1)
    return not (int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)) & bit


@BOTH
def test_sigterm_after_the_final_dot_waits_for_the_reply(account, smtpd, everybody):
    gate = Gate()
    server = smtpd({"dot": gate})
    relay(account, server)
    flush = flush_at(account, gate)
    submit(account, "-odq", "eve@example.org")
    terminate(account, flush, everybody)
    account.wait_until(lambda: all(map(caught, account.processes())))
    with pytest.raises(subprocess.TimeoutExpired):
        flush.wait(1.5)  # longer than the second after which waits look about
    gate.open()
    assert flush.wait(5) == 0
    assert [message.addresses for message in server.messages] == [["bob@example.org"]]
    entry, = account.entries()  # the one that was not begun
    assert entry.addresses == ["eve@example.org"]
    wait_still_due(account)


def test_sigterm_after_the_final_dot_waits_twenty_seconds(account, smtpd):
    gate = Gate()
    server = smtpd({"dot": [gate]})
    relay(account, server)
    flush = flush_at(account, gate)
    start = time.monotonic()
    terminate(account, flush, True)
    assert flush.wait(30) == 0
    assert 19 < time.monotonic() - start < 24
    entry, = account.entries()
    # In doubt: the same message, and not before 15 minutes.
    assert entry.statuses == "." and entry.path.stat().st_mtime > time.time() + 14 * 60
    assert len(server.messages) == 1  # the server had it all the time


@pytest.mark.parametrize("victim", ["flush", "worker"])
@pytest.mark.parametrize("step", ["greeting", "ehlo", ("ehlo", 2), "mail", "rcpt", "data", ("body", 5000), "dot"], ids=str)
def test_sigkill_loses_nothing(account, smtpd, step, victim):
    gate = Gate()
    server = smtpd({step: [gate]})
    relay(account, server)
    flush = flush_at(account, gate, LARGE)
    submit(account, "-odq", "eve@example.org")
    worker, = [pid for pid in account.processes() if pid != flush.pid]
    os.kill(flush.pid if victim == "flush" else worker, signal.SIGKILL)
    assert flush.wait(10) == (-signal.SIGKILL if victim == "flush" else 0)
    account.wait_until_idle()
    gate.open()
    server.wait_for_connections(1)
    assert account.flush("--all").returncode == 0
    wait_delivered(account, server, 3 if step == "dot" else 2)  # a dot without its reply: the window of design
    assert {message.data.endswith(b"hello\r\n") for message in server.messages} == {True}
