"""A person writes a letter at a terminal: prompts, every escape, interrupts, answers."""

import os
import signal
import termios
import time

import pytest
from support.letters import Desk
from support.pty_session import PtySession

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


@pytest.fixture
def desk(account):
    made = Desk(account)
    made.settings("set dot askcc\nalternates jane@box j.doe@work.example\n")
    return made


@pytest.fixture
def write(desk):
    """write(*words): a session of mail that is written in."""
    started = []

    def start(*words, **env):
        session = Writer([desk.account.programs["mail"], "-n", *words], cwd=desk.account.work,
                             env={"LANG": "C.UTF-8", **desk.account.env, **desk.env, **env})
        started.append(session)
        return session.__enter__()

    yield start
    for session in started:
        session.close()


def type_lines(session, *lines):
    for line in lines:
        session.send(line.encode() + b"\n")
        session.expect(line.encode())


def settle(session):
    """Until all that was typed is in the letter: what comes next finds nobody busy."""
    session.send(b"~p\n")
    session.expect(b"(continue)\n")


def test_subject_text_dot_and_cc(desk, write):
    session = write("alice@x.test")
    session.expect(b"Subject: ")
    type_lines(session, "My subject", "line1", ".")
    session.expect(b"Cc: ")
    session.send(b"cc1@x.test\n")
    session.finish()
    letter, = desk.letters()
    assert session.status == 0
    assert letter.to == ["alice@x.test", "cc1@x.test"]
    assert (letter["Subject"], letter["Cc"], letter.body) == ("My subject", "cc1@x.test", b"line1\n")


def test_the_end_of_file_ends_a_letter(desk, write):
    desk.settings("set nodot askbcc\n")
    session = write("-s", "given", "alice@x.test")
    type_lines(session, "line1", ".")
    session.send(b"\x04")
    session.expect(b"Bcc: ")
    session.send(b"b@x.test\n")
    session.finish()
    letter, = desk.letters()
    assert letter.to == ["alice@x.test", "b@x.test"] and letter.body == b"line1\n.\n"
    assert letter["Bcc"] is None


def test_a_newcomer_is_told_how_it_ends(desk, write):
    desk.rc.unlink()
    session = write("-s", "s", "alice@x.test", MAILRC="")
    session.expect(b"Ctrl-D sends it")
    type_lines(session, "hi")
    session.send(b"\x04")
    session.expect(b"EOT\n")
    session.finish()
    assert desk.letters()[0].body == b"hi\n"


def test_escapes_of_header_and_text(desk, write):
    (desk.account.work / "note").write_text("noted\n")
    desk.settings('set dot sign="Jane\\tDoe" Sign="--\\nJane"\n')
    session = write("-s", "given", "alice@x.test")
    type_lines(session, "line1", "~s newsubj", "~t bob@x.test", "~c carol@x.test", "~b dave@x.test")
    session.send(b"~p\n")
    seen = session.expect(b"(continue)\n")
    assert (b"-------\nMessage contains:\nTo: alice@x.test bob@x.test\nSubject: newsubj\nCc: carol@x.test\n"
            b"Bcc: dave@x.test\nMIME-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\n"
            b"Content-Transfer-Encoding: 7bit\n\nline1\n(continue)\n") in seen
    session.send(b"~r note\n")
    session.expect(b"note\" 1/6\n")
    session.send(b"~<!echo from a command\n")
    session.expect(b"!echo from a command\" 1/15\n")
    session.send(b"~w out\n")
    session.expect(b'"out" 3/27\n')
    session.send(b"~w out\n")
    session.expect(b"out: File exists\n")
    for line, answer in (("~a", b"Jane\tDoe\n"), ("~A", b"--\nJane\n"), ("~i none", b'"none": undefined variable\n'), ("~Z foo", b"Unknown tilde escape.\n"),
                         ("~! echo hi", b"\nhi\n!\n"), ("~: set fresh=1", b"(continue)\n"), ("~i fresh", b"\n1\n"),
                         ("~r /nosuch", b"No such file or directory\n"), ("~d", b"No such file or directory\n"),
                         ("~?", b"~.\t\t\tSimulate end of file on input.\n")):
        session.send(line.encode() + b"\n")
        session.expect(answer)
    type_lines(session, "~~tilde")
    session.send(b"~.\n")
    session.finish()
    letter, = desk.letters()
    assert letter.to == ["alice@x.test", "bob@x.test", "carol@x.test", "dave@x.test"]
    assert letter.body == (b"line1\nnoted\nfrom a command\nJane\tDoe\n--\nJane\n1\n~tilde\n")
    assert (desk.account.work / "out").read_bytes() == b"line1\nnoted\nfrom a command\n"


def test_filters_and_editors(desk, write):
    editor = desk.home / "editor"
    editor.write_text('#!/bin/sh\necho "by $0" >>"$1"\n')
    editor.chmod(0o755)
    session = write("-s", "s", "alice@x.test", EDITOR=str(editor), VISUAL=f"{editor} --")
    type_lines(session, "text")
    session.send(b"~| tr a-z A-Z\n")
    session.expect(b"(continue)\n")
    session.send(b"~| false\n")
    session.expect(b"Fatal error, process exited with code 1.\n(continue)\n")
    session.send(b"~e\n")
    session.expect(b"(continue)\n")
    type_lines(session, ".")
    session.expect(b"Cc: ")
    session.send(b"\n")
    session.finish()
    assert desk.letters()[0].body == f"TEXT\nby {editor}\n".encode()


def test_the_header_is_edited(desk, write):
    session = write("-s", "old", "alice@x.test")
    type_lines(session, "text")
    session.send(b"~h\n")
    for prompt, more in ((b"To: alice@x.test", b" bob@x.test\n"), (b"Subject: old", b"er\n"), (b"Cc: ", b"c@x.test\n"),
                         (b"Bcc: ", b"\n")):
        session.expect(prompt)
        session.send(more)
    session.expect(b"(continue)\n")
    session.send(b".\n")
    session.expect(b"Cc: c@x.test")
    session.send(b"\n")
    session.finish()
    letter, = desk.letters()
    assert letter.to == ["alice@x.test", "bob@x.test", "c@x.test"] and letter["Subject"] == "older"


def test_files_are_attached(desk, write):
    (desk.account.work / "note").write_text("noted\n")
    session = write("-s", "s", "alice@x.test")
    type_lines(session, "text")
    session.send(b"~@ note\n")
    session.expect(b"Attachment: ")
    type_lines(session, ".")
    session.expect(b"Cc: ")
    session.send(b"\n")
    session.finish()
    assert desk.letters()[0].parts[1] == ("text/plain", "note", b"noted\n")


def test_two_interrupts_keep_the_letter(desk, write):
    session = write("-s", "given", "alice@x.test")
    type_lines(session, "line1")
    settle(session)
    session.send(b"\x03")
    session.expect(b"(Interrupt -- one more to kill letter)\n")
    session.send(b"\x03")
    session.finish()
    assert session.status not in (0, None)
    assert desk.dead.read_bytes() == b"line1\n"
    assert desk.letters() == []


def test_one_interrupt_is_forgiven_and_ignored_ones_show(desk, write):
    session = write("-s", "given", "alice@x.test")
    type_lines(session, "line1")
    settle(session)
    session.send(b"\x03")
    session.expect(b"(Interrupt -- one more to kill letter)\n")
    type_lines(session, "more")
    session.send(b"~: set ignore\n")
    session.expect(b"(continue)\n")
    session.send(b"\x03")
    session.expect(b"@\n")
    type_lines(session, ".")
    session.expect(b"Cc: ")
    session.send(b"\n")
    session.finish()
    assert session.status == 0 and desk.letters()[0].body == b"line1\nmore\n"


@pytest.mark.parametrize("escape, kept", [("~q", True), ("~x", False)])
def test_a_letter_is_given_up(desk, write, escape, kept):
    session = write("-s", "given", "alice@x.test")
    type_lines(session, "line1", escape)
    session.finish()
    assert session.status not in (0, None)
    assert desk.dead.exists() == kept and desk.letters() == []


@pytest.mark.parametrize("end", [b"~q\n", b"\x03"])
def test_what_was_attached_is_named_when_a_letter_is_given_up(desk, write, end):
    (desk.account.work / "note").write_text("noted\n")
    session = write("-s", "given", "-c", "c@x.test", "alice@x.test")
    type_lines(session, "line1")
    session.send(b"~@ note\n")
    session.expect(b"Attachment: ")
    settle(session)
    session.send(end)
    if end == b"\x03":
        session.expect(b"(Interrupt -- one more to kill letter)\n")
        session.send(end)
    session.finish()
    assert desk.dead.read_bytes() == (b"To: alice@x.test\nSubject: given\nCc: c@x.test\nAttachment: note\n"
                                      b"\nline1\n")


def test_a_window_closed_at_the_last_question_does_not_send(desk, write):
    session = write("-s", "given", "alice@x.test")
    type_lines(session, "line1", ".")
    session.expect(b"Cc: ")
    session.close()
    assert session.status == -signal.SIGHUP
    assert desk.dead.read_bytes() == b"line1\n" and desk.letters() == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_whoever_is_cut_off_keeps_the_letter(desk, write, number):
    session = write("-s", "given", "alice@x.test")
    type_lines(session, "line1")
    settle(session)
    session.send(b"line2")
    session.expect(b"line2")
    os.kill(session.pid, number)
    session.finish()
    assert session.status == -number
    assert desk.dead.read_bytes() == b"line1\n" and desk.letters() == []


def test_a_closed_window_keeps_the_letter(desk, write):
    session = write("-s", "given", "alice@x.test")
    type_lines(session, "line1")
    settle(session)
    session.close()
    assert session.status == -signal.SIGHUP
    assert desk.dead.read_bytes() == b"line1\n" and desk.letters() == []


# --- answers


@pytest.fixture
def read(desk, write):
    """read(*commands): a session with BOX open."""
    box = desk.account.work / "box"
    box.write_text(BOX)

    def start():
        session = write("-N", "-f", "box")
        session.expect(b"& ")
        return session

    return start


def answer(session, command, expected, *lines):
    session.send(command.encode() + b"\n")
    session.expect(command.encode() + b"\n")
    seen = session.expect(expected)
    type_lines(session, *lines, ".")
    session.expect(b"Cc: ")
    session.send(b"\n")
    session.expect(b"& ")
    return seen


def test_answers_go_to_all_or_to_the_sender(desk, read):
    session = read()
    seen = answer(session, "r 1", b"\n\n", "answer")
    assert seen.startswith(b"To: alice@example.org bob@example.net\nSubject: Re: report\nCc: carol@example.com\n")
    answer(session, "R 1 2", b"To: alice@example.org dave@example.org\nSubject: Re: report\n\n", "answer")
    answer(session, "lreply 1", b"To: list@example.org\n", "answer")
    answer(session, "R 2", "Subject: Re: Grüße\n".encode(), "answer")
    session.send(b"set flipr\n")
    session.expect(b"& ")
    answer(session, "r 1", b"To: alice@example.org\nSubject: Re: report\n\n", "answer")
    session.send(b"set metoo noflipr\n")
    session.expect(b"& ")
    answer(session, "r 1", b"Cc: carol@example.com j.doe@work.example\n", "answer")
    session.send(b"x\n")
    session.finish()
    first = desk.letters()[0]
    assert first.to == ["alice@example.org", "bob@example.net", "carol@example.com"]
    assert first["In-Reply-To"] == "<mp1@example.org>"
    assert first["References"] == "<mp0@example.org> <mp1@example.org>"
    assert desk.letters()[3]["Subject"] == "Re: Grüße"


def test_a_sender_cannot_drive_the_terminal_nor_choose_an_alias(desk, write):
    desk.settings("set dot askcc expandaddr\nalias run |touch pwned\n")
    (desk.account.work / "box").write_text("From run Mon Mar  4 10:11:12 2024\nFrom: run\nCc: a\x9b@x.test\n"
                                           "Subject: a\x9b2J\u202eb\n\ntext\n\n", encoding="utf-8")
    session = write("-N", "-f", "box")
    session.expect(b"& ")
    session.send(b"reply 1\n")
    session.expect("Subject: Re: a\ufffd2J\ufffdb\n".encode())
    type_lines(session, "answer")
    session.send(b"~h\n")
    session.expect(b"To: \\run")
    session.send(b"\n")
    session.expect("Subject: Re: a\ufffd2J\ufffdb".encode())
    session.send(b"\n")
    for prompt in (b"Cc: ", b"Bcc: "):
        session.expect(prompt)
        session.send(b"\n")
    session.expect(b"(continue)\n")
    type_lines(session, ".")
    session.expect(b"Cc: ")
    session.send(b"\n")
    session.expect(b"& ")
    session.send(b"x\n")
    session.finish()
    assert "\x9b".encode() not in session.output and "\u202e".encode() not in session.output
    letter, = desk.letters()
    assert letter.to == ["run"] and os.listdir(desk.account.work) == ["box"]


def test_messages_are_taken_into_a_letter(desk, read):
    session = read()
    session.send(b"set quote indentprefix='> '\n")
    session.expect(b"& ")
    answer(session, "R 1", b"> second line\n", "answer", )
    session.send(b"unset quote\nignore x-hidden\n")
    session.expect(b"& ")
    session.expect(b"& ")
    session.send(b"mail bob@x.test\n")
    session.expect(b"Subject: ")
    type_lines(session, "Subj")
    for escape, number in (("~m 2", 2), ("~M 1", 1), ("~f 1", 1), ("~F 2", 2)):
        session.send(escape.encode() + b"\n")
        session.expect(f"Interpolating: {number}\n(continue)\n".encode())
    type_lines(session, ".")
    session.expect(b"Cc: ")
    session.send(b"\n")
    session.expect(b"& ")
    session.send(b"x\n")
    session.finish()
    quoted, letter = desk.letters()
    assert quoted.body == (b"Alice Example <alice@example.org> wrote:\n\n> first line\n\n> second line\n\nanswer\n")
    body = letter.body.decode()
    assert "> Subject: Grüße\n" in body and "> short\n" in body
    assert "> X-Hidden: yes\n" in body and "\nX-Hidden" not in body
    assert "\nfirst line\n\nsecond line\n" in body


def test_messages_are_sent_on(desk, read):
    session = read()
    answer(session, "forward 2 bob@x.test", "To: bob@x.test\nSubject: Fwd: Grüße\n\n".encode(), "look")
    answer(session, "Forward 1 bob@x.test", b"Subject: Fwd: Re: report\n\n", "look")
    session.send(b"resend 1 carol@x.test\n")
    session.expect(b"& ")
    session.send(b"x\n")
    session.finish()
    inline, attached, resent = desk.letters()
    assert b"-------- Original Message --------\n" in inline.body and inline.body.endswith(b"short\n\nlook\n")
    kinds = [part.get_content_type() for part in attached.message.walk()]
    assert kinds == ["multipart/mixed", "text/plain", "message/rfc822", "text/plain"]
    assert resent.to == ["carol@x.test"]
    assert resent["Resent-To"] == "carol@x.test" and resent["Message-ID"] == "<mp1@example.org>"
    assert resent["To"] == "jane@box, Bob <bob@example.net>"


def test_a_followup_is_kept_under_its_author(desk, read):
    session = read()
    answer(session, "followup 1", b"\n\n", "answer")
    session.send(b"x\n")
    session.finish()
    assert (desk.account.work / "alice").read_bytes().count(b"\nanswer\n") == 1
