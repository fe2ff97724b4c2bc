"""What must hold of a spool whatever went wrong: entries are whole or not there. And how a fault test reports.

An independent second reading of the format: the checksum, the facts and the message are computed again.
"""

import collections
import os
import re
import tempfile
from pathlib import Path

from support import entries

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "build/release/tests"
# What differs between two submissions of the same text.
CHANGING = [(re.compile(pattern), word) for pattern, word in (
    (rb"\b[0-9A-V]{15}\b", b"ID"), (rb"\b\d{10}\.ID\b", b"STAMP"),
    (rb"\w{3}, +\d+ \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", b"DATE"))]


def _table():
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0xC96C5795D7870F42 if value & 1 else 0)
        yield value


CRC_TABLE = list(_table())


def crc64(data):
    """CRC-64/XZ."""
    value = (1 << 64) - 1
    for octet in data:
        value = CRC_TABLE[(value ^ octet) & 0xFF] ^ (value >> 8)
    return value ^ ((1 << 64) - 1)


def facts_of(message):
    """The words of the facts line that fits the message."""
    lines = message.removesuffix(b"\n").split(b"\n")
    header, _, body = message.partition(b"\n\n")
    numbers = {"bytes": len(message), "lines": len(lines), "dots": sum(line.startswith(b".") for line in lines),
               "longest": max(map(len, lines))}
    flags = {"header8": not header.isascii(), "body8": not body.isascii(), "nul": b"\0" in message,
             "cr": b"\r" in message}
    return {**{name: f"{number:016}" for name, number in numbers.items()},
            **{name: str(int(flag)) for name, flag in flags.items()}}


def problems(entry):
    """What is wrong with an entry that entries.parse() took."""
    words = ("state ", "facts ", "done ", "check ", "pad ")
    covered = "".join(line + "\n" for line in entry.envelope if not line.startswith(words))
    found = []
    if entry.value("check") != f"{crc64(covered.encode('utf-8', 'surrogateescape')):016x}":
        found.append("the checksum does not fit")
    if entry.facts != facts_of(entry.message):
        found.append(f"facts {entry.facts} of a message with {facts_of(entry.message)}")
    if len(entry.statuses) != len(entry.lines("to")):
        found.append("not one status a recipient")
    return [f"{entry.name}: {problem}" for problem in found]


def queue_of(spool):
    """(whole entries, complaints about all else that lies in queue/)."""
    whole, complaints = [], []
    for path in sorted(Path(spool, "queue").glob("*")):
        try:
            entry = entries.parse(path)
        except AssertionError as error:
            complaints.append(f"in the queue: {error}")
            continue
        complaints += problems(entry)
        whole.append(entry)
    return whole, complaints


def timeless(message):
    """The message without what changes from one submission of it to the next."""
    for pattern, word in CHANGING:
        message = pattern.sub(word, message)
    return message


def quick_base():
    """A folder for many short-lived worlds: in memory where that can be had."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()


class Tally:
    """Counts what became of each fault, by kind of fault and name of the call."""

    def __init__(self, title):
        self.title = title
        self.rows = collections.defaultdict(collections.Counter)

    def add(self, fault, word, count=1):
        self.rows[fault.kind, fault.call.name][word] += count

    def total(self, word):
        return sum(row[word] for row in self.rows.values())

    def text(self, outcome):
        words = sorted({word for row in self.rows.values() for word in row})
        lines = [f"{self.title}: {outcome}", f"{'fault':14}{'call':16}" + "".join(f" {word:>14}" for word in words)]
        for (kind, call), row in sorted(self.rows.items()):
            lines.append(f"{kind:14}{call:16}" + "".join(f" {row[word] or '-':>14}" for word in words))
        lines.append(f"{'':30}" + "".join(f" {self.total(word):>14}" for word in words))
        return "\n".join(lines) + "\n"


def report(name, text):
    """Prints a summary and keeps it beside the built tests."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / f"faults-{name}.txt").write_text(text)
    print("\n" + text)
