"""Runs a program on a terminal: send what a person types, read what a person sees.

    with PtySession([mail], env={...}) as session:
        session.expect(b"& ")
        session.send(b"print 1\n")
        seen = session.expect(b"& ")
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

CONTROL_SEQUENCE = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\-_])")


class PtySession:
    """output holds every byte the program wrote; status its exit status (negative: the signal) once it ended."""

    def __init__(self, argv, env=None, cwd=None, rows=24, columns=80):
        self.argv = [os.fspath(word) for word in argv]
        self.env = {"PATH": "/usr/bin:/bin", "TERM": "dumb", **(env or {})}
        self.cwd = cwd
        self.size = struct.pack("HHHH", rows, columns, 0, 0)
        self.output = b""
        self.status = None
        self._seen = 0
        self._pid = self._fd = None

    def __enter__(self):
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, self.size)
                if self.cwd:
                    os.chdir(self.cwd)
                os.execvpe(self.argv[0], self.argv, self.env)
            finally:
                os._exit(127)
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        while data:
            data = data[os.write(self._fd, data):]

    def expect(self, wanted, timeout=10):
        """Waits for bytes or a compiled pattern in what was not yet expected; returns the output up to its end."""
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, bytes) else wanted
        deadline = time.monotonic() + timeout
        while not (match := pattern.search(self.output, self._seen)):
            alive = self._read(deadline)
            assert alive or pattern.search(self.output, self._seen), f"{pattern.pattern!r} not in {self._rest()!r}"
        start, self._seen = self._seen, match.end()
        return seen(self.output[start:self._seen])

    def finish(self, timeout=10):
        """Reads to the end of the program; returns what was not yet expected."""
        deadline = time.monotonic() + timeout
        while self._read(deadline):
            pass
        assert self._wait(deadline), f"{self.argv[0]} does not end: {self._rest()!r}"
        rest, self._seen = self._rest(), len(self.output)
        return seen(rest)

    def resize(self, rows, columns):
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self):
        """Hangs up, as a closed window does; then insists."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        for number in (signal.SIGHUP, signal.SIGKILL):
            if self.status is None:
                os.kill(self._pid, number)
                self._wait(time.monotonic() + 0.5)

    @property
    def pid(self):
        return self._pid

    def _rest(self):
        return self.output[self._seen:]

    def _read(self, deadline):
        """False at the end of the output or at the deadline."""
        if not select.select([self._fd], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            chunk = os.read(self._fd, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        self.output += chunk
        return bool(chunk)

    def _wait(self, deadline):
        while self.status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > deadline:
                return False
            else:
                time.sleep(0.005)
        return True


def seen(data):
    """What stands on the screen: LF line ends, without control sequences and bells, backspaces applied."""
    data = CONTROL_SEQUENCE.sub(b"", data).replace(b"\r\n", b"\n").replace(b"\a", b"")
    shown = bytearray()
    for octet in data:
        if octet == 8:
            del shown[-1:]
        else:
            shown.append(octet)
    return bytes(shown)
