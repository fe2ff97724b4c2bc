"""Every program that is known to call sendmail gets what it expects: its message queued whole, silence and status 0.

Each runs twice: with its own account and the path of the built program, and (as root) exactly as it is, in a world
where sendmail is installed and no configuration exists.
"""

import os
import pwd
import re
import shutil
import signal
import subprocess
import time

import pytest
from support import entries, stand_ins
from support.callers import CALLERS, DIALOGUES, LETTER
from support.world import World

INSTALLED = ("/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/bin/sendmail")
DATE = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"


class AccountDesk:
    """Callers of an account's own, on this machine."""

    def __init__(self, account):
        self.account = account
        self.spool = account.spool
        self.wait_until = account.wait_until
        self.uid = os.geteuid()
        user = pwd.getpwuid(self.uid)
        self.login = user.pw_name
        self.name = user.pw_gecos.split(",")[0].replace("&", self.login.capitalize())
        self.path = str(account.programs["sendmail"])

    def start(self, command, env=None, cwd=None, **more):
        kept = {"PATH": f"{os.path.dirname(self.path)}:/usr/bin:/bin"} if env is None else env
        if isinstance(command, str):
            command = ["sh", "-c", re.sub("|".join(INSTALLED), self.path, command)]
        own = command[0] in INSTALLED or command[0] == "sendmail"
        return subprocess.Popen(command, executable=self.path if own else None, cwd=cwd or self.account.work,
                                env={**kept, "POSTBAG_CONFIG": str(self.account.config)}, **more)


class WorldDesk:
    """Callers that are jane's, where sendmail is installed and nothing is configured."""

    login, name = "jane", "Jane Tester"

    def __init__(self, inside):
        self.inside = inside
        self.uid = inside.uids[self.login]
        home = inside.path("/home/jane")
        shutil.rmtree(home / ".local", ignore_errors=True)
        self.spool = home / ".local/state/postbag/spool"

    def start(self, command, env=None, cwd=None, **more):
        command = ["sh", "-c", command] if isinstance(command, str) else command
        if env is not None:
            command = ["env", "-i", *(f"{name}={value}" for name, value in env.items()), *command]
        return self.inside.popen(command, user="jane", cwd=cwd, **more)

    @staticmethod
    def wait_until(condition, what, timeout=10):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come"
            time.sleep(0.005)


@pytest.fixture(scope="session")
def programs(programs, tmp_path_factory):  # pylint: disable=redefined-outer-name
    """The real sendmail beside a flush that only notes that it was started."""
    return stand_ins.make(tmp_path_factory.mktemp("bin"), programs)


@pytest.fixture(scope="session")
def town(programs):  # pylint: disable=redefined-outer-name
    if os.geteuid() != 0:
        pytest.skip("a world of its own needs root")
    with World(users=["jane"], mailname="lan.example") as inside:
        places = {"postbag-flush": "/usr/libexec/postbag/postbag-flush", "sendmail": INSTALLED[0]}
        for name, place in places.items():
            target = inside.path(place)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            shutil.copy(programs[name], target)
        for link in INSTALLED[1:]:
            inside.path(link).unlink(missing_ok=True)
            inside.path(link).symlink_to("../sbin/sendmail")
        yield inside


@pytest.fixture(params=["built", "installed"])
def desk(request):
    if request.param == "built":
        return AccountDesk(request.getfixturevalue("account"))
    return WorldDesk(request.getfixturevalue("town"))


def call(desk, caller, folder):  # pylint: disable=redefined-outer-name
    """(status, all output)"""
    if caller.from_file:
        path = folder / "stdin"
        path.write_text(caller.stdin, newline="")
        with open(path, "rb") as file, desk.start(caller.command, caller.env, caller.cwd, stdin=file,
                                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            return process.wait(30), process.stdout.read()
    with desk.start(caller.command, caller.env, caller.cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT) as process:
        output = process.communicate(caller.stdin.encode(), 30)[0]
        return process.returncode, output


def expected_header(caller, shown_from):
    """The lines below Received; those that sendmail adds as patterns."""
    head = caller.stdin.replace("\r\n", "\n").partition("\n\n")[0].split("\n")
    if caller.body and not caller.stdin.replace("\r\n", "\n").endswith("\n\n" + caller.body):
        head = [line for line in head if line not in caller.body.split("\n")]
    assert set(caller.changes) <= set(head), "the table names a line that is not there"
    lines = [caller.changes.get(line, line) for line in head]
    lines = [re.escape(line) for line in lines if line is not None]
    added = {"D": "Date: " + DATE, "F": "From: " + re.escape(shown_from),
             "M": r"Message-ID: <\d+\.[0-9A-V]{15}@lan\.example>"}
    return lines + [added[letter] for letter in caller.added]


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
def test_a_caller(desk, caller, tmp_path):
    assert call(desk, caller, tmp_path) == (0, b"")
    entry, = entries.committed(desk.spool)
    assert entry.addresses == caller.to
    assert [to.kind for to in entry.recipients] == ["a" if "@" in address else "u" for address in caller.to]
    assert entry.senders == {0: (caller.sender.format(login=desk.login), caller.dsn[1])}
    assert [to.params for to in entry.recipients] == [caller.dsn[0]] * len(caller.to)
    assert (entry.uid, entry.statuses, entry.state) == (desk.uid, "." * len(caller.to), "--")
    shown = caller.shown_from.format(name=desk.name, login=desk.login)
    if shown.startswith(" <"):  # a user without a full name
        shown = shown.strip(" <>")
    lines = entry.header.decode().split("\n")[:-1]
    assert re.fullmatch(rf"Received: by \S+ \(postbag, from userid {desk.uid}\)", lines[0])
    assert re.fullmatch(rf"\tid {entry.id}; {DATE}", lines[1])
    patterns = expected_header(caller, shown)
    assert tuple(lines[2:2 + len(caller.mime)]) == caller.mime
    rest = lines[2 + len(caller.mime):]
    assert len(rest) == len(patterns) and all(map(re.fullmatch, patterns, rest)), f"{rest}\n{patterns}"
    body = caller.body if caller.body is not None else caller.stdin.partition("\n\n")[2]
    assert entry.body == body.encode()
    if caller.flush:
        assert stand_ins.started(desk)[0].startswith("--lock=")
    else:
        assert stand_ins.never_started(desk)


@pytest.mark.parametrize("name, command, lines", DIALOGUES, ids=[name for name, *_ in DIALOGUES])
def test_a_caller_that_speaks_smtp(desk, name, command, lines):
    with desk.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    bufsize=0) as process:
        for text, awaited in lines:
            process.stdin.write(text.encode())
            reply = process.stdout.readline().decode()
            while reply[3:4] == "-":
                reply = process.stdout.readline().decode()
            assert reply.startswith(awaited), f"{name}: {text!r}: {reply!r}"
        assert process.communicate(timeout=30) == (b"", b"") and process.returncode == 0
    entry, = entries.committed(desk.spool)
    assert (entry.sender, entry.addresses) == ("ann@x.test", ["bob@y.test"])
    header, _, body = LETTER.partition("\n\n")
    assert entry.header.decode().split("\n", 2)[2] == header + "\n" and entry.body == body.encode() + b"\n"
    assert stand_ins.started(desk)[0].startswith("--lock=")


# What callers leave their child with.


def simple_call(desk, prefix, suffix=""):
    """A shell's line around `sendmail root`; (status, what was said)."""
    line = f'{prefix} /usr/sbin/sendmail -i root {suffix}'
    with desk.start(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        output, errors = process.communicate(LETTER.encode(), 30)
        return process.returncode, output + errors


@pytest.mark.parametrize("closed", ["", "0", "1", "2", "01", "02", "12", "012"], ids=lambda closed: closed or "none")
def test_closed_descriptors(desk, closed):
    closing = " ".join({"0": "<&-", "1": ">&-", "2": "2>&-"}[number] for number in closed)
    status, said = simple_call(desk, "exec", closing)
    if "0" in closed:
        assert (status, said) == (66, b"" if "2" in closed else b"sendmail: standard input: closed\n")
        assert entries.committed(desk.spool) == []
        return
    assert (status, said) == (0, b"")
    entry, = entries.committed(desk.spool)
    assert entry.body == b"Hello,\n.\nAnn\n"
    assert stand_ins.started(desk)


SURROUNDINGS = {"umask-0": "umask 0; exec", "umask-777": "umask 0777; exec",
                "cwd-gone": "mkdir g; cd g; rmdir ../g; exec",
                "signals-ignored": "trap '' CHLD PIPE ALRM TERM HUP XFSZ; exec",
                "no-limits-left": "ulimit -c 0; ulimit -n 20; exec",
                "more-descriptors": "exec 3</dev/null 7>/dev/null 9</etc/passwd; exec",
                "false-environment": "exec env HOME=/nowhere USER=bob LOGNAME=bob MAIL=/x XDG_STATE_HOME=/x "
                                     "XDG_CONFIG_HOME=/x TZ=/etc/shadow IFS=/ TMPDIR=/nowhere LC_ALL=xx",
                "cwd-root": "cd /; exec", "new-session": "exec setsid -w"}


@pytest.mark.parametrize("prefix", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_surroundings(desk, prefix):
    assert simple_call(desk, prefix) == (0, b"")
    entry, = entries.committed(desk.spool)
    assert (entry.sender, entry.addresses, entry.body) == (desk.login, ["root"], b"Hello,\n.\nAnn\n")
    assert entry.path.stat().st_mode & 0o7777 == 0o600
    assert {path.name: path.stat().st_mode & 0o7777 for path in desk.spool.iterdir()} == \
        dict.fromkeys(("tmp", "queue", "why", "run", "bad"), 0o700)
    assert desk.spool.stat().st_mode & 0o7777 == 0o700
    assert stand_ins.started(desk)


def test_a_blocked_signal_of_the_caller_stays_outside(account):
    desk = AccountDesk(account)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGCHLD, signal.SIGTERM})
    try:
        assert simple_call(desk, "exec") == (0, b"")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM, signal.SIGCHLD, signal.SIGTERM})
    assert len(account.entries()) == 1


def test_sudo_as_root_stores_in_roots_own_spool(town):
    """Its environment says HOME=/; what counts is root's passwd entry."""
    shutil.rmtree(town.path("/root/.local"), ignore_errors=True)
    sudo = next(caller for caller in CALLERS if caller.name == "10-sudo")
    done = town.run(["env", "-i", *(f"{name}={value}" for name, value in sudo.env.items()), *sudo.command], cwd="/",
                    input=sudo.stdin.encode())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    entry, = entries.committed(town.path("/root/.local/state/postbag/spool"))
    assert (entry.uid, entry.sender, entry.addresses) == (0, "root", ["root"])


def test_a_service_that_may_gain_no_privileges(town):
    """NoNewPrivileges and no capabilities, as systemd's hardened units have it."""
    desk = WorldDesk(town)
    done = town.run(["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "sendmail", "root"],
                    user="jane",
                    input=LETTER.encode())
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(entries.committed(desk.spool)) == 1
