"""An isolated user-mode account: a folder with a configuration, a spool and an empty place to work in."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from support import entries
from support.smtp_client import ProgramSMTP

DEFAULT = "[site]\ndomain = lan.example\n"


class Account:
    """programs maps names to paths. Every program runs with env (POSTBAG_CONFIG, PATH and no more) in work/."""

    def __init__(self, folder, programs, configuration=DEFAULT):
        self.folder = Path(folder)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.folder.chmod(0o700)  # programs of root's refuse a configuration that others could replace
        self.programs = programs
        self.config = self.folder / "postbag.ini"
        self.spool = self.folder / "spool"
        self.work = self.folder / "work"
        self.work.mkdir()
        self.mail = self.folder / "mail"  # a folder for mailboxes; without it, mail for this machine waits
        self.env = {"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": str(self.config)}
        self.configure(configuration)

    def configure(self, text):
        """Writes postbag.ini from a text or {section: {key: value}}; names spool and mailbox unless the text does.

        Mail that tests let come back must not land in the mailboxes of the machine they run on.
        """
        if isinstance(text, dict):
            text = "\n".join(f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
                             for section, keys in text.items())
        for section, key, value in (("spool", "directory", self.spool), ("local", "mailbox", f"{self.mail}/%u")):
            if not re.search(rf"^{key}\s*=", text, re.M):
                line = f"{key} = {value}\n"
                text, found = re.subn(rf"^\[{section}\]\s*\n", lambda match: match[0] + line, text, count=1, flags=re.M)
                text = text if found else f"{text.rstrip()}\n\n[{section}]\n{line}"
        self.config.write_text(text)
        self.config.chmod(0o600)

    def relay_through(self, port, more="", **settings):
        """Configures one smarthost on this port of localhost; a server may stand for its port."""
        chosen = {"host": f"localhost:{getattr(port, 'port', port)}", **settings}
        lines = "".join(f"{key} = {value}\n" for key, value in chosen.items())
        self.configure(f"{DEFAULT}{more}\n[smarthost]\n{lines}")

    # The programs.

    def sendmail(self, *arguments, **more):
        return self.run("sendmail", *arguments, **more)

    def mailq(self, *arguments, **more):
        return self.run("mailq", *arguments, **more)

    def flush(self, *arguments, **more):
        """A whole run, in the foreground."""
        return self.run("postbag-flush", *arguments, **more)

    def run(self, program, *arguments, input=b"", env=None, timeout=30, **more):
        """Runs a program to its end; returns a CompletedProcess with bytes."""
        assert program in self.programs, f"{program} is not built"
        input = input.encode() if isinstance(input, str) else input
        return subprocess.run([str(self.programs[program]), *map(str, arguments)], input=input, capture_output=True,
                              env={**self.env, **(env or {})}, timeout=timeout, check=False,
                              **{"cwd": self.work, **more})

    def session(self, *arguments, **more):
        """An smtplib client of `sendmail -bs`; finish() gives its exit status."""
        return ProgramSMTP([self.programs["sendmail"], "-bs", *arguments],
                           **{"env": self.env, "cwd": self.work, **more})

    # The spool.

    def entries(self):
        return entries.committed(self.spool)

    def wait_until_empty(self, timeout=10):
        self.wait_until(lambda: not any(Path(self.spool, "queue").glob("*")), timeout, "an empty queue")

    def wait_until_idle(self, timeout=10):
        """Until no flush of this account runs."""
        self.wait_until(lambda: not self.processes(), timeout, "the end of the flush")

    def wait_until(self, condition, timeout=10, what="what the test waits for"):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come in {timeout} s\n{self.describe()}"
            time.sleep(0.005)

    def describe(self):
        """What a failed test wants to see."""
        parts = [f"flushes: {self.processes()}"]
        for folder in ("queue", "why", "bad", "run"):
            for path in sorted(Path(self.spool, folder).glob("*")):
                shown = path.read_bytes()[:500] if path.is_file() and folder in ("queue", "why") else b""
                parts.append(f"{folder}/{path.name}: {shown.decode(errors='backslashreplace')}")
        return "\n".join(parts)

    # Its processes.

    def processes(self):
        """The pids of flushes whose command line names this account's configuration."""
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if self._ours(path)]

    def stop_processes(self, timeout=10):
        """Asks every flush of this account to end, then makes it."""
        deadline = time.monotonic() + timeout
        insist = time.monotonic() + timeout / 2
        asked = set()
        while pids := self.processes():
            assert time.monotonic() < deadline, f"flushes that do not end: {pids}"
            late = time.monotonic() > insist
            for pid in pids:
                if late or pid not in asked:
                    self._signal(pid, signal.SIGKILL if late else signal.SIGTERM)
                    asked.add(pid)
            time.sleep(0.005)

    def _ours(self, proc):
        try:
            words = (proc / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it ended
            return False
        named = any(os.fsencode(self.config) in word for word in words)
        return named and any(os.path.basename(word) == b"postbag-flush" for word in words[:2])

    def _signal(self, pid, number):
        """Looked at again through a descriptor, so that never another process that got the same pid is hit."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            if self._ours(Path(f"/proc/{pid}")):
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            pass
        finally:
            os.close(descriptor)
