"""A person writes a letter at a terminal: prompts, every escape, interrupts."""

import os
import signal

import pytest
from support.writer import BOX, desk, settle, type_lines, write  # noqa: F401 (fixtures)

# pylint: disable=redefined-outer-name


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


def test_whoever_is_cut_off_after_a_letter_within_a_letter_keeps_the_outer_one(desk, write):
    (desk.account.work / "box").write_text(BOX)
    desk.settings("set dot\n")
    session = write("-N", "-f", "box")
    session.expect(b"& ")
    session.send(b"mail out@x.test\n")
    session.expect(b"Subject: ")
    type_lines(session, "s1", "outer text", "~:mail in@x.test")
    session.expect(b"Subject: ")
    type_lines(session, "s2", "inner", "~x")
    session.expect(b"(continue)\n")
    type_lines(session, "more")
    settle(session)
    os.kill(session.pid, signal.SIGHUP)
    session.finish()
    assert session.status == -signal.SIGHUP and desk.dead.read_bytes() == b"outer text\nmore\n"


def test_whoever_is_cut_off_while_the_editor_runs_keeps_what_it_wrote(desk, write, tmp_path):
    started, go = tmp_path / "started", tmp_path / "go"
    os.mkfifo(go)
    editor = tmp_path / "editor"
    editor.write_text(f"#!/bin/sh\necho edited >>\"$1\"\n: >{started}\nread x <{go}\n")
    editor.chmod(0o755)
    session = write("-s", "given", "alice@x.test", EDITOR=str(editor))
    type_lines(session, "line1")
    session.send(b"~e\n")
    desk.account.wait_until(started.exists)
    os.kill(session.pid, signal.SIGTERM)
    go.write_text("\n")
    session.finish()
    assert session.status == -signal.SIGTERM
    assert desk.dead.read_bytes() == b"line1\nedited\n" and desk.letters() == []


def test_a_terminal_that_has_gone_ends_a_letter(desk, write):
    desk.settings("set ignoreeof\n")
    session = write("-s", "given", "alice@x.test")
    type_lines(session, "line1")
    for _ in range(24):
        session.send(b"\x04")
        session.expect(b'Use "." to terminate letter\n')
    session.send(b"\x04")
    session.finish()
    assert session.status != 0 and desk.dead.read_bytes() == b"line1\n" and desk.letters() == []


def test_a_tab_in_a_letter_is_text(desk, write):
    desk.settings("set dot\n")
    session = write("-s", "given", "alice@x.test")
    for line in (b"all:", b"\tgcc -o a\tb.c", b"x\tb", b"\t\t", b"."):
        session.send(line + b"\n")
    session.finish()
    letter, = desk.letters()
    assert session.status == 0 and letter.body == b"all:\n\tgcc -o a\tb.c\nx\tb\n\t\t\n"
