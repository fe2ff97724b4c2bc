"""A person who reads mail with `mail`, at a pipe or a terminal, with a home of their own.

    reader = Reader(tmp_path, programs, "ref.mbox")
    done = reader.run("from 1\nexit\n")
    with reader.at_terminal() as session:
        session.expect(b"& ")
"""

import re
import shutil
import subprocess
import time
from pathlib import Path

from support.pty_session import PtySession

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/data"
BANNER = f"Mail version {(ROOT / 'VERSION').read_text().strip()}.  Type ? for help.\n"
FORTY_FIVE = "".join(f"From u{i}@x Mon Mar  4 10:{i:02}:00 2024\nFrom: User {i} <u{i}@x>\nTo: jadi\nSubject: subject {i}\n\n"
                     f"body {i}\n\n" for i in range(1, 46))


class Reader:
    """box: a file of tests/data, or text, or None for no mailbox."""

    def __init__(self, folder, programs, box):
        self.mail = programs["mail"]
        self.home = folder / "home"
        self.home.mkdir()
        self.box = folder / "box"
        if box is not None and box.endswith(".mbox"):
            shutil.copy(DATA / box, self.box)
        elif box is not None:
            self.box.write_text(box)
        self.env = {"HOME": str(self.home), "MAIL": str(self.box), "MAILRC": "/dev/null", "PATH": "/usr/bin:/bin",
                    "LC_ALL": "C.UTF-8", "TERM": "dumb", "SHELL": "/bin/sh", "LOGNAME": "jadi"}

    def run(self, commands="", *options, env=None, rc=False, merged=True):
        """What it printed is text; merged: standard error between it."""
        argv = [str(self.mail), *([] if rc else ["-n"]), *options]
        return subprocess.run(argv, input=commands.encode(), env={**self.env, **(env or {})}, cwd=self.home, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT if merged else subprocess.PIPE,
                              check=False)

    def lines(self, commands, *options, **more):
        """What commands print, one in a line each, in a session that leaves the mailbox as it is."""
        done = self.run(commands + "\nexit\n", "-N", *options, **more)
        assert done.returncode == 0
        return done.stdout.decode().splitlines()[2:]

    def at_terminal(self, *options, rows=24, columns=80, env=None, rc=False):
        argv = [str(self.mail), *([] if rc else ["-n"]), *options]
        return PtySession(argv, {**self.env, **(env or {})}, self.home, rows, columns)


def wait_until(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for does not come"
        time.sleep(0.01)


def raw_screen(data):
    """Bytes of a terminal as text, line ends made LF: a control sequence would stay in it."""
    return re.sub(rb"\r+\n", b"\n", data).decode()
