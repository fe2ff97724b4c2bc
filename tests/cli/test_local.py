"""The whole local path, from sendmail through the flush into mailboxes, files and commands, as its user."""

import email
import mailbox
import os
import re
import stat
import time

import pytest
from support.lab import LOCAL, SITE, TEXT, relay_through, split_mbox
from support.report import parse

ALIASES_OWN = "[local]\naliases = ~/aliases\n"


def wait_for(condition, what, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come in {timeout} s"
        time.sleep(0.005)


def is_whole(data, text):
    return data.endswith(text + b"\n")


# Out of the box: nobody has configured anything.


@pytest.mark.parametrize("mode, there, box", [
    (0o1777, False, "/var/mail/jane"), (0o2775, True, "/var/mail/jane"),
    (0o2775, False, "/home/jane/.local/share/postbag/mail/jane")],
    ids=["folder of all", "own file", "neither"])
def test_mail_to_oneself_arrives_by_itself(lab, mode, there, box):
    lab.world.path("/var/mail").chmod(mode)
    if there:
        lab.write("/var/mail/jane", "", 0o660, "jane")
    jane = lab.person("jane")
    done = jane.run("sh", "-c", "echo hello | sendmail $USER")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    path = lab.world.path(box)
    wait_for(lambda: path.exists() and is_whole(path.read_bytes(), b"\n\nhello\n"), "the mail")
    letter, = map(email.message_from_bytes, split_mbox(path.read_bytes()))
    assert letter["X-Original-To"] == "jane" and letter["Delivered-To"] == "jane@box.lan.example"
    assert letter["Return-Path"] == "<jane>" and letter["From"].endswith("<jane@lan.example>")
    assert stat.S_IMODE(path.stat().st_mode) == (0o660 if there else 0o600) and path.stat().st_uid == jane.world.uids["jane"]
    wait_for(lambda: not jane.entries, "an empty queue")
    others = {"/var/mail/jane", "/home/jane/.local/share/postbag/mail/jane"} - {box}
    assert not any(lab.world.path(other).exists() for other in others)


def test_root_and_postmaster_are_oneself(lab):
    jane = lab.person("jane")
    names = ["root", "postmaster", "Postmaster@localhost", "root@box.lan.example", "jane+lists", "JANE", "\\jane"]
    for name in names:
        jane.send(name)
    jane.flush()
    assert [letter["X-Original-To"] for letter in jane.mail] == names
    assert jane.entries == []


@pytest.mark.parametrize("by", ["sendmail", "flush", "mailq"])
def test_the_mailbox_that_mail_names(lab, by):
    jane = lab.person("jane")
    env = {"MAIL": "/home/jane/inbox"}
    if by == "sendmail":
        assert jane.run("sendmail", "jane", input=TEXT, env=env).returncode == 0
    else:
        entry = jane.send("jane")
        if by == "flush":
            jane.flush(env=env)
        else:
            assert jane.run("mailq", "--retry", entry.id, env=env).returncode == 0
    wait_for(lambda: is_whole(jane.read("inbox") or b"", b"\n\nhello\n"), "the mail")
    assert jane.box == b"" and len(split_mbox(jane.read("inbox"))) == 1


# Where mail lies.


def test_a_maildir(lab):
    jane = lab.person("jane", "[local]\nmailbox = ~/Maildir/\n")
    jane.deliver("jane", text=b"Subject: one\n\nFrom here on\n")
    jane.deliver("jane+two")
    read = mailbox.Maildir(jane.home / "Maildir", create=False)
    found = sorted(read, key=lambda letter: letter["X-Original-To"])
    assert [letter["X-Original-To"] for letter in found] == ["jane", "jane+two"]
    assert found[0].get_payload() == "From here on\n" and found[0]["Return-Path"] == "<jane>"
    assert jane.entries == [] and jane.box == b""


def test_procmail_sorts(lab):
    jane = lab.person("jane", '[local]\nmailbox = |procmail -a "$EXTENSION"\n')
    jane.give({".procmailrc": "DEFAULT=$HOME/default\n:0:\n* ^Subject: hi\nsorted\n"})
    jane.deliver("jane+x", text=b"Subject: hi\n\nFrom me\n")
    jane.deliver("jane", text=b"Subject: else\n\nbody\n")
    assert b"Delivered-To: jane@box.lan.example\n" in jane.read("sorted")
    assert jane.read("sorted").endswith(b"\n\n>From me\n\n") and jane.read("default").endswith(b"\n\nbody\n\n")
    assert jane.entries == [] and jane.box == b""


@pytest.mark.parametrize("damage, reason", [
    ("ln -s /home/jane/other /var/mail/jane", "link"), ("mkfifo /var/mail/jane", "not a regular file"),
    ("mkdir /var/mail/jane", "maildir"), (": > /var/mail/x; ln /var/mail/x /var/mail/jane", "more than one name")])
def test_an_odd_mailbox_delays_and_says_why(lab, damage, reason):
    jane = lab.person("jane")
    assert jane.run("sh", "-c", damage).returncode == 0
    jane.deliver("jane")
    shown = jane.mailq()
    assert "cannot update mailbox /var/mail/jane for user jane. " in shown and reason in shown
    assert jane.statuses == ["."] and not jane.read("other")
    assert jane.run("sh", "-c", "rm -rf /var/mail/jane").returncode == 0
    jane.flush("--all")
    assert len(jane.mail) == 1 and jane.entries == []


# One message, several ways: each has its own status.

FAILING = "#!/bin/sh\n[ -e ~/mended ] || { echo not yet; exit 75; }\necho x >>~/failing.ran\n"
MIX = ["\\jane", "/home/jane/archive", "|~/save.sh", "|~/fail.sh", "/home/jane/none/file", "ok@x.test", "later@x.test"]


@pytest.mark.parametrize("by", ["alias", ".forward"])
def test_what_one_target_does_is_nothing_to_the_others(lab, by):
    server = lab.smtpd({("rcpt", "later@x.test"): ["450 4.2.1 busy"] * 3})
    jane = lab.person("jane", SITE + ALIASES_OWN + relay_through(server))
    jane.give({"save.sh": "#!/bin/sh\necho x >>~/saved\n", "fail.sh": FAILING,
               **({"aliases": f"mix: {', '.join(MIX)}\n"} if by == "alias" else
                  {"aliases": "# none\n", ".forward": "\n".join(MIX) + "\n"})})
    entry = jane.send("mix" if by == "alias" else "jane")
    for _ in range(3):
        jane.flush("--all")
        waiting, = jane.entries
        assert (waiting.id, waiting.statuses) == (entry.id, "DDD..D.")
        assert (len(jane.mail), len(split_mbox(jane.read("archive"))), jane.read("saved")) == (1, 1, b"x\n")
        assert [message.addresses for message in server.messages] == [["ok@x.test"]]
    shown = jane.mailq()
    assert "temporary failure. Command output: not yet" in shown and "450 4.2.1 busy" in shown
    assert "cannot append message to file /home/jane/none/file" in shown
    assert all(text not in shown for text in ("save.sh", "archive", "ok@x.test"))
    jane.give({"mended": "", "none/file": ""})
    jane.flush("--all")
    assert jane.entries == [] and jane.read("failing.ran") == b"x\n" == jane.read("saved")
    assert len(split_mbox(jane.read("none/file"))) == len(split_mbox(jane.read("archive"))) == len(jane.mail) == 1
    assert [message.addresses for message in server.messages] == [["ok@x.test"], ["later@x.test"]]


def test_one_target_that_fails_for_good_comes_back_alone(lab):
    jane = lab.person("jane", SITE + ALIASES_OWN)
    jane.give({"aliases": "mix: |~/no.sh, /home/jane/archive, nobody-here, /dev/null\n",
               "no.sh": "#!/bin/sh\necho no such account\nexit 67\n"})
    jane.deliver("mix")
    report, = map(parse, jane.texts)
    assert [(address, status) for address, _, status in report.actions] == [
        ("nobody-here@lan.example", "5.1.1"), ("mix@lan.example", "5.1.1")]
    assert b"no.sh" not in jane.texts[0]  # what runs here is nobody else's business
    assert "user unknown. Command output: no such account" in " ".join(report.text.split())
    assert 'unknown user: "nobody-here"' in " ".join(report.text.split())
    assert len(split_mbox(jane.read("archive"))) == 1 and jane.entries == []


# .forward: what is unsafe delays, and does nothing else.


@pytest.mark.parametrize("damage, reason", [
    ("chmod 666 .forward", "/home/jane/.forward: can be written by group or others"),
    ("chmod 777 .", "/home/jane/.forward: its folder can be written by group or others"),
    ("mv .forward x; ln -s x .forward", "/home/jane/.forward: is a symbolic link"),
    ("chmod 0 .forward", "/home/jane/.forward: open: Permission denied")])
def test_an_unsafe_forward_waits_and_does_nothing(lab, damage, reason):
    jane = lab.person("jane", SITE)
    jane.give({".forward": "|touch ~/canary\n\\jane\n"})
    assert jane.run("sh", "-c", damage).returncode == 0
    jane.deliver("jane")
    assert reason in jane.mailq() and jane.statuses == ["."]
    assert jane.read("canary") is None and jane.box == b""
    mend = "chmod 700 .; [ -h .forward ] && mv x .forward; chmod 600 .forward"
    assert jane.run("sh", "-c", mend).returncode == 0
    jane.flush("--all")
    assert jane.read("canary") == b"" and len(jane.mail) == 1 and jane.entries == []


def test_a_forward_of_another_user_is_not_used(lab):
    jane = lab.person("jane", SITE)
    lab.write("/home/jane/.forward", "|touch ~/canary\n", 0o644, "sam")
    jane.deliver("jane")
    assert f"belongs to uid {lab.world.uids['sam']}" in jane.mailq()
    assert jane.read("canary") is None and jane.statuses == ["."]


def test_an_empty_forward_is_none(lab):
    jane = lab.person("jane", SITE)
    jane.give({".forward": ""})
    jane.deliver("jane")
    assert len(jane.mail) == 1 and jane.entries == []


# Commands of aliases.

EXITS = {0: None, 64: "5.3.0", 65: "5.6.0", 67: "5.1.1", 69: "5.3.0", 77: "5.7.0",
         71: "4.3.0", 73: "4.2.0", 75: "4.3.0", 78: "4.3.5", 126: "4.3.0", 127: "4.3.0"}


def test_the_exit_status_of_a_command_decides(lab):
    jane = lab.person("jane", SITE + ALIASES_OWN)
    jane.give({"aliases": "".join(f"c{number}: |exit {number}\n" for number in EXITS)})
    sent = {jane.send(f"c{number}").id: number for number in EXITS}
    log = jane.log()
    found = {number: re.search(r"dsn=(\S+), status=(\w+)", line).groups() for identity, number in sent.items()
             for line in log if f" {identity}: to=<" in line}
    assert {number: status for number, (status, _) in found.items()} == {
        number: status or "2.0.0" for number, status in EXITS.items()}
    reports = [parse(text) for text in jane.texts]
    assert sorted(report.actions[0][2] for report in reports) == sorted(
        status for status in EXITS.values() if status and status.startswith("5"))
    assert {report.fields["X-Postbag-Queue-ID"] for report in reports} == {
        identity for identity, number in sent.items() if (EXITS[number] or "").startswith("5")}
    assert {entry.id for entry in jane.entries} == {
        identity for identity, number in sent.items() if (EXITS[number] or "").startswith("4")}


def test_what_a_command_sees(lab):
    jane = lab.person("jane", SITE + ALIASES_OWN)
    jane.give({"aliases": "list: |~/show.sh \"$SENDER\"\n",
               "show.sh": "#!/bin/sh\necho \"$@\" >~/words\nenv >~/env\npwd >~/cwd\nls -l /proc/$$/fd >~/fds\ncat >~/text\n"})
    jane.deliver("list+a*b", sender="x@y.test", text=b"Subject: hi\n\nFrom here on\n")
    seen = dict(line.split("=", 1) for line in jane.read("env").decode().splitlines())
    assert {name: seen[name] for name in ("HOME", "USER", "LOGNAME", "SHELL", "SENDER", "ORIGINAL_RECIPIENT")} == {
        "HOME": "/home/jane", "USER": "jane", "LOGNAME": "jane", "SHELL": "/bin/sh", "SENDER": "x@y.test",
        "ORIGINAL_RECIPIENT": "list+a_b"}
    assert set(seen) <= {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "LC_ALL", "LANG", "TZ", "PWD", "OLDPWD", "_", "SHLVL",
                         "SENDER", "RECIPIENT", "ORIGINAL_RECIPIENT", "LOCAL", "DOMAIN", "EXTENSION"}
    assert jane.read("words") == b"x@y.test\n" and jane.read("cwd") == b"/home/jane\n"
    assert b"queue" not in jane.read("fds") and b"socket" not in jane.read("fds")
    text = jane.read("text")
    assert text.startswith(b"From x@y.test ") and b"\nReturn-Path: <x@y.test>\nX-Original-To: list+a*b\n" in text
    assert text.endswith(b"\n\nFrom here on\n") and jane.entries == []


def test_only_commands_of_the_folder_run(lab):
    jane = lab.person("jane", f"{SITE}{ALIASES_OWN}commands = ~/commands\n")
    jane.give({"aliases": "good: |/anywhere/keep.sh\nbad: |touch /home/jane/canary\nworse: |keep.sh; touch /home/jane/canary\n",
               "commands/keep.sh": "#!/bin/sh\ncat >~/kept\n"})
    for name in ("good", "bad", "worse"):
        jane.deliver(name)
    assert jane.read("kept").endswith(b"\n\nhello\n") and jane.read("canary") is None
    assert jane.statuses == [".", "."] and jane.mailq().count("cannot run command ") == 2


def test_root_runs_nothing(lab):
    lab.aliases("cmd: |touch /root/canary\nfile: /root/canary\nvoid: /dev/null\n")
    lab.write("/root/p.ini", f"{SITE}{LOCAL}[spool]\ndirectory = /root/spool\n", 0o600)
    env = {"POSTBAG_CONFIG": "/root/p.ini"}
    for name in ("cmd", "file", "void"):
        assert lab.world.run(["sendmail", "-odq", name], input=TEXT, env=env).returncode == 0
    assert lab.world.run(["/usr/libexec/postbag/postbag-flush"], env=env).returncode == 0
    shown = lab.world.run(["mailq"], env=env).stdout.decode()
    assert shown.count("not as root; let an alias name a user instead") == 2
    assert not lab.world.path("/root/canary").exists() and "void" not in shown
    assert len(os.listdir(lab.world.path("/root/spool/queue"))) == 2
