"""A person answers and forwards messages at a terminal."""

import os

import pytest
from support.writer import BOX, desk, type_lines, write  # noqa: F401 (fixtures)

# pylint: disable=redefined-outer-name


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


def send_letter(session):
    """The letter that is being written; the session goes on."""
    type_lines(session, ".")
    session.expect(b"Cc: ")
    session.send(b"\n")
    session.expect(b"& ")


def answer(session, command, expected, *lines):
    session.send(command.encode() + b"\n")
    session.expect(command.encode() + b"\n")
    seen = session.expect(expected)
    type_lines(session, *lines)
    send_letter(session)
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
    send_letter(session)
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
    send_letter(session)
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


def test_another_mailbox_is_not_opened_while_one_of_this_is_answered(desk, read):
    (desk.account.work / "other").write_text(BOX.replace("alice", "zoe"))
    desk.settings("set dot\n")
    session = read()
    session.send(b"R 2\n")
    session.expect(b"\n\n")
    type_lines(session, "important", "~:file other")
    session.expect(b"Not while a letter is written\n")
    type_lines(session, "~m", ".")
    session.expect(b"& ")
    session.send(b"quit\n")
    session.finish()
    letter, = desk.letters()
    assert session.status == 0 and letter.body == b"important\n\tFrom: dave@example.org\n\tTo: jane\n\tSubject: " \
        + "Grüße\n".encode() + b"\tMessage-ID: <d1@example.org>\n\n\tshort\n\n"
    assert "X-Status: A" in (desk.account.work / "box").read_text()
    assert "X-Status" not in (desk.account.work / "other").read_text()


def test_letters_are_no_history(desk, read):
    desk.settings("set dot\n")
    session = read()
    session.send(b"mail x@x.test\n")
    session.expect(b"Subject: ")
    type_lines(session, "Secret", "my password", "~x")
    session.expect(b"& ")
    session.send(b"history\n")
    session.expect(b"1\tmail x@x.test\n2\thistory\n& ")
    session.send(b"x\n")
    session.finish()
    assert session.status == 0
