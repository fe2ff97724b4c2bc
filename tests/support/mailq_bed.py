"""A queue that nobody delivers, and what its mailq says: fixtures and helpers of the tests of mailq."""

import fcntl
import os
import shutil
import struct
import time
from pathlib import Path

import pytest

TEXT = "Subject: test\n\nhello\n"
# Whoever recorded its arguments was started as a flush.
RECORDER = """#!/bin/sh
printf '%s\\n' "$@" > "{folder}/started.new"
mv "{folder}/started.new" "{folder}/started"
"""


@pytest.fixture
def queue(account):
    """queue(recipient, …): queues a message that nobody delivers; its entry."""
    def add(*recipients, sender="jane@lan.example", text=TEXT):
        before = {entry.id for entry in account.entries()} if Path(account.spool).exists() else set()
        result = account.sendmail("-odq", "-f", sender, *(recipients or ("ops@example.org",)), input=text)
        assert (result.returncode, result.stderr) == (0, b"")
        entry, = [entry for entry in account.entries() if entry.id not in before]
        return entry
    return add


@pytest.fixture
def alone(account, tmp_path):
    """mailq beside a flush that only records its arguments; started() gives them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(account.programs["mailq"], folder / "mailq")
    flush = folder / "postbag-flush"
    flush.write_text(RECORDER.format(folder=folder))
    flush.chmod(0o755)
    account.programs = {**account.programs, "mailq": folder / "mailq"}
    marker = folder / "started"

    def started():
        account.wait_until(marker.exists, what="a flush")
        return marker.read_text().splitlines()
    started.marker = marker
    return started


@pytest.fixture
def leased(account):
    """leased(entry): from now on somebody delivers it."""
    files = []

    def take(entry):
        files.append(open(entry.path, "r+b", buffering=0))  # pylint: disable=consider-using-with
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(files[-1], fcntl.F_OFD_SETLK, lock)
    yield take
    for file in files:
        file.close()


def mailq(account, *arguments, **more):
    return account.mailq(*arguments, env={"TZ": "UTC"}, **more)


def size(entry):
    return int(entry.facts["bytes"])


def first_line(entry, mark="", sender="jane@lan.example"):
    when = time.asctime(time.gmtime(int(entry.time)))[:19]
    return f"{entry.id + mark:<17} {size(entry):8d} {when} {sender}\n"


def closing(entries):
    count = len(entries)
    total = sum(map(size, entries)) // 1024
    return f"\n\t\tTotal requests: {count}\n-- {total} Kbytes in {count} Request{'s' * (count != 1)}.\n"


def told(result):
    """Exit status and what was said on standard error; nothing may stand on standard output."""
    assert result.stdout == b""
    return result.returncode, result.stderr.decode()


def write_why(account, entry, text):
    Path(account.spool, "why", entry.id).write_text(f"postbag why 1\n{text}")
