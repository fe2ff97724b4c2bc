"""`mail` at a terminal: lines are edited, remembered and completed."""

import stat

import pytest
from support.mail_reader import Reader

# pylint: disable=redefined-outer-name


@pytest.fixture
def reader(tmp_path, programs):
    return Reader(tmp_path, programs, "six.mbox")


def typed(session, *lines):
    for line in lines:
        session.expect(b"& ")
        session.send(line)


def test_lines_are_remembered_from_session_to_session(reader):
    with reader.at_terminal("-N") as session:
        typed(session, b"from 2\n", b"=\n", b"x\n")
        session.finish()
    kept = reader.home / ".local/state/postbag/mail-history"
    assert kept.read_text() == "from 2\n=\nx\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    with reader.at_terminal("-N", env={"TERM": "vt100"}) as session:
        typed(session, b"\x1b[A\x1b[A\x1b[A\n")
        session.expect(b" N  2 alice@example.org")
        typed(session, b"history\n")
        session.expect(b"1\tfrom 2\r\n2\t=\r\n3\tx\r\n4\tfrom 2\r\n5\thistory\r\n")
        typed(session, b"x\n")
        session.finish()
    assert session.status == 0


def test_history_file_says_where(reader):
    (reader.home / "rc").write_text("set history-file=~/typed\n")
    with reader.at_terminal("-N", env={"MAILRC": str(reader.home / "rc")}) as session:
        typed(session, b"=\n", b"x\n")
        session.finish()
    assert (reader.home / "typed").read_text() == "=\nx\n"
    (reader.home / "rc").write_text("set history-file=\n")
    with reader.at_terminal("-N", env={"MAILRC": str(reader.home / "rc")}) as session:
        typed(session, b"size\n", b"x\n")
        session.finish()
    assert "size" not in (reader.home / "typed").read_text()
    assert not (reader.home / ".local").exists()


def test_a_line_is_edited(reader):
    with reader.at_terminal("-N", env={"TERM": "vt100"}) as session:
        typed(session, b"frmo 2\x1b[D\x1b[D\x1b[D\x14\n")  # ^T swaps two letters
        session.expect(b" N  2 alice@example.org")
        typed(session, b"junk\x15=\n")
        session.expect(b"2\r\n")
        typed(session, b"x\n")
        session.finish()
    assert session.status == 0


def test_characters_are_more_than_bytes(reader):
    with reader.at_terminal("-N", env={"TERM": "vt100"}) as session:
        typed(session, "f /東京ßé".encode() + b"\x7f\x7f\n")
        session.expect(b" N  3 jalal@example.ir ")
        typed(session, b"x\n")
        session.finish()
    assert session.status == 0


@pytest.mark.parametrize("keys, seen", [
    (b"unali\t", b"unalias "),
    (b"set histo\t", b"set history-file "),
    (b"mail te\t", b"mail team@example.org-people "),
    (b"file ~/Ma\t", b"file ~/Mailboxes/"),
    (b"source ~/a\\ b", b"source ~/a\\ b"),
    (b"save +in\t", b"save +incoming "),
    (b"cd nosuch\t", b"cd nosuch"),
])
def test_words_are_completed(reader, keys, seen):
    (reader.home / "rc").write_text("set folder=Mailboxes history-file=\nalias team@example.org-people a b\n")
    (reader.home / "Mailboxes").mkdir()
    (reader.home / "Mailboxes/incoming").write_text("")
    with reader.at_terminal("-N", env={"MAILRC": str(reader.home / "rc")}) as session:
        session.expect(b"& ")
        session.send(keys)
        session.expect(seen)
        session.send(b"\x03")
        session.expect(b"Interrupt\r\n")
        session.send(b"x\n")
        session.finish()
    assert session.status == 0


@pytest.mark.parametrize("kind", ["dumb", "", "nosuchterminal", "xterm-256color"])
def test_any_terminal_will_do(reader, kind):
    with reader.at_terminal("-N", env={"TERM": kind}) as session:
        typed(session, b"from 1\n")
        session.expect(b">N  1 root@funlife       Sat Jan  2 08:50   22/627   apt-listchanges: news for f\r\n")
        typed(session, b"x\n")
        session.finish()
    assert session.status == 0
    assert b"\x1b[?2004" not in session.output
