"""tests/bench/sink, an SMTP server that takes all mail and counts: messages, sessions, round trips."""

import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Taken:
    """What was in when the last message was: flights are its round trips, idle others; times are seconds of the monotonic clock."""
    messages: int
    flights: int
    idle: int
    sessions: int
    octets: int
    first: float
    last: float

    @property
    def seconds(self):
        """From the first connection to the last message's 250."""
        return self.last - self.first

    @property
    def rate(self):
        return self.messages / self.seconds


class Sink:
    """Runs inside `with`. Each flight is answered `delay` milliseconds after it came; popen may start it elsewhere."""

    def __init__(self, program, messages, delay=0, trace=False, popen=subprocess.Popen):
        self.command = [str(program), str(delay), str(messages), *(["trace"] if trace else [])]
        self.popen = popen
        self.steps = []  # (name, time) of each step, when traced

    def __enter__(self):
        self._rest = b""
        self._process = self.popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        word, self.port = self._line(10).split()
        assert word == "port"
        self.port = int(self.port)
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def wait(self, timeout=60):
        """Taken, once all messages are in."""
        deadline = time.monotonic() + timeout
        while not (line := self._line(deadline - time.monotonic())).startswith("done "):
            name, moment = line.split()
            self.steps.append((name, int(moment) / 1e9))
        numbers = [int(word.partition("=")[2]) for word in line.split()[1:]]
        return Taken(*numbers[:5], numbers[5] / 1e9, numbers[6] / 1e9)

    def _line(self, timeout):
        end = time.monotonic() + timeout
        stdout = self._process.stdout.fileno()
        while b"\n" not in self._rest:
            ready = select.select([stdout], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"the sink said nothing more: {self.command}, {self.steps[-5:]}"
            part = self._process.stdout.read1(65536)
            assert part, f"the sink has ended: {self.command}"
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()


def beside(programs, name):
    """A program of the benchmarks, built with these {name: path} programs."""
    return Path(programs["sendmail"]).parents[1] / "bench" / name
