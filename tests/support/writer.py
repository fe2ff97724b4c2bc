"""A person who writes letters with `mail` at a terminal."""

import termios
import time

import pytest
from support.letters import Desk
from support.pty_session import PtySession

# pylint: disable=redefined-outer-name

BOX = """From alice@example.org Mon Mar  4 10:11:12 2024
From: Alice Example <alice@example.org>
To: jane@box, Bob <bob@example.net>
Cc: carol@example.com, j.doe@work.example
Subject: Re: report
Message-ID: <mp1@example.org>
References: <mp0@example.org>
List-Post: <mailto:list@example.org>
X-Hidden: yes

first line

second line

From dave@example.org Tue Mar  5 10:11:12 2024
From: dave@example.org
To: jane
Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=
Message-ID: <d1@example.org>

short

"""


class Writer(PtySession):
    """Types only where a line is read: what comes between two lines is not the editor's yet."""

    def send(self, data):
        deadline = time.monotonic() + 10
        while termios.tcgetattr(self._fd)[3] & termios.ICANON:
            assert time.monotonic() < deadline, f"nobody reads a line: {self._rest()!r}"
            self._read(time.monotonic() + 0.005)
        super().send(data)

    def expect(self, wanted, timeout=10):
        return super().expect(wanted.replace(b"\n", b"\r\n"), timeout)


def type_lines(session, *lines):
    for line in lines:
        session.send(line.encode() + b"\n")
        session.expect(line.encode())


def settle(session):
    """Until all that was typed is in the letter: what comes next finds nobody busy."""
    session.send(b"~p\n")
    session.expect(b"(continue)\n")


@pytest.fixture
def desk(account):
    made = Desk(account)
    made.settings("set dot askcc\nalternates jane@box j.doe@work.example\n")
    return made


@pytest.fixture
def write(desk):
    """write(*words): a session of mail in which a letter is written; all end with the test."""
    started = []

    def start(*words, **env):
        session = Writer([desk.account.programs["mail"], "-n", *words], cwd=desk.account.work,
                         env={"LANG": "C.UTF-8", **desk.account.env, **desk.env, **env})
        started.append(session)
        return session.__enter__()

    yield start
    for session in started:
        session.close()
