"""Reads committed entries of a spool: an independent second reading of the file format."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

NAME = re.compile(r"([0-9A-V]{15})\.(\d+)-(\d+)")
# What an entry looks like.
SAMPLE = b"""postbag 1
state --
facts bytes=00000000012 lines=0000000002
time 1795175767.123456
uid 1000
from 0 <a%20b@x.test> ret=hdrs envid=Q1
from 1 <>
done 3 .DB
to u 0 <root> <root>
to s 0 notify=never orcpt=rfc822;j@x.test <Jane@x.test> <jane%3E@x.test>
to | 1 <list> <|cat%20%25>
check 0123abcd
pad    

Subject: x

body
"""


@dataclass(frozen=True)
class Recipient:
    """status is one of the bytes of `done`: . pending, D done, B bounced, X handed over."""
    kind: str
    sender: int
    params: dict
    original: str
    address: str
    status: str


@dataclass
class Entry:
    """envelope is the list of text lines; message what follows the empty line."""
    path: Path
    name: str
    id: str
    generation: int
    size: int
    envelope: list
    message: bytes

    def lines(self, word):
        """The rests of the lines that begin with this word."""
        return [line.partition(" ")[2] for line in self.envelope if line.partition(" ")[0] == word]

    def value(self, word):
        found = self.lines(word)
        assert len(found) == 1, f"{self.name}: {len(found)} lines {word!r}"
        return found[0]

    @property
    def state(self):
        return self.value("state")

    @property
    def facts(self):
        return dict(word.split("=", 1) for word in self.value("facts").split())

    @property
    def uid(self):
        return int(self.value("uid"))

    @property
    def time(self):
        return float(self.value("time"))

    @property
    def senders(self):
        """{index: (address, parameters)}"""
        parsed = [re.fullmatch(r"(\d+) <([^>]*)>(.*)", line) for line in self.lines("from")]
        return {int(match[1]): (decoded(match[2]), parameters(match[3])) for match in parsed}

    @property
    def sender(self):
        return self.senders[0][0]

    @property
    def statuses(self):
        """One byte for each recipient, in their order."""
        return self.value("done").split()[-1]

    @property
    def recipients(self):
        found = []
        for line, status in zip(self.lines("to"), self.statuses, strict=True):
            match = re.fullmatch(r"(\S) (\d+)(.*?) <([^>]*)> <([^>]*)>", line)
            assert match, f"{self.name}: to {line!r}"
            found.append(Recipient(match[1], int(match[2]), parameters(match[3]), decoded(match[4]),
                                   decoded(match[5]), status))
        return found

    @property
    def addresses(self):
        return [recipient.address for recipient in self.recipients]

    @property
    def header(self):
        return self.message.partition(b"\n\n")[0] + b"\n"

    @property
    def body(self):
        return self.message.partition(b"\n\n")[2]


def decoded(text):
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def parameters(text):
    return dict(word.partition("=")[::2] for word in text.split())


def parse(path):
    """The Entry in this file; AssertionError says what is wrong with it."""
    path = Path(path)
    data = path.read_bytes()
    match = NAME.fullmatch(path.name)
    assert match, f"no entry's name: {path.name}"
    assert int(match[3]) == len(data), f"{path.name} has {len(data)} bytes"
    head, empty, message = data.partition(b"\n\n")
    assert empty, f"{path.name}: no empty line after the envelope"
    envelope = head.decode("utf-8", "surrogateescape").split("\n")
    assert envelope[0] == "postbag 1", f"{path.name}: {envelope[0]!r}"
    return Entry(path, path.name, match[1], int(match[2]), int(match[3]), envelope, message)


def committed(spool):
    """All entries of a spool in their order of arrival. One that a flush just finished is not among them."""
    found = []
    for path in sorted(Path(spool, "queue").glob("*")):
        try:
            found.append(parse(path))
        except FileNotFoundError:
            pass
    return found
