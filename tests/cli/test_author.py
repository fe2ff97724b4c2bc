"""Who a message is from: -f, -F, passwd, the real uid; and when it was written."""

import email.utils
import os
import pwd
import re

import pytest

from support.entries import committed
from support.wellformed import RECEIVED, added, facts_of, normalised, only_entry, own_name


@pytest.mark.parametrize("arguments,sender,author", [
    (["-f", "a@x.test"], "a@x.test", None),
    (["-f", "a@x.test", "-F", ""], "a@x.test", None),
    (["-f", "a@x.test", "-F", "Ann"], "a@x.test", "Ann <a@x.test>"),
    (["-f", "a@x.test", "-FAnn Doe"], "a@x.test", "Ann Doe <a@x.test>"),
    (["-f", "a@x.test", "-F", 'A. "B" \\ <C>, (D)'], "a@x.test", '"A. \\"B\\" \\\\ <C>, (D)" <a@x.test>'),
    (["-f", "a@x.test", "-F", "Jörg"], "a@x.test", "=?UTF-8?B?SsO2cmc=?= <a@x.test>"),
    (["-f", "a@x.test", "-F", "x\nBcc: y@x.test"], "a@x.test", '"x Bcc: y@x.test" <a@x.test>'),
    (["-f", "a@x.test", "-F", "x\r\n\ty\x1b\x7f"], "a@x.test", '"x   y" <a@x.test>'),
    (["-f", "a@x.test", "-F", os.fsdecode(b"\xff\xfe x")], "a@x.test", "?? x <a@x.test>"),
    (["-f", "ann"], "ann", None),
    (["-f", "ann", "-F", "Ann"], "ann", "Ann <ann@lan.example>"),
    (["-f", "Ann Doe <a@x.test>"], "a@x.test", None),
    (["-r", "a@x.test"], "a@x.test", None),
    (["-f", ""], "", "MAILER-DAEMON@lan.example"),
    (["-f", "<>"], "", "MAILER-DAEMON@lan.example"),
    (["-f<>"], "", "MAILER-DAEMON@lan.example"),
], ids=str)
def test_sender(account, arguments, sender, author):
    done = account.sendmail("-odq", *arguments, "bob@x.test", input=b"Subject: x\n\nbody\n")
    assert (done.returncode, done.stderr) == (0, b"")
    entry = only_entry(account)
    assert entry.sender == sender
    if author is None:
        address = sender if "@" in sender else f"{sender}@lan.example"
        author = f"{own_name()} <{address}>" if own_name() else address
    assert normalised(entry) == RECEIVED + b"Subject: x\n" + added(author=author) + b"\nbody\n"


def test_null_sender_keeps_its_author(account):
    account.sendmail("-odq", "-f", "<>", "bob@x.test", input=b"From: ann\n\n")
    entry = only_entry(account)
    assert entry.sender == "" and b"\nFrom: ann@lan.example\n" in entry.message


def test_sender_is_the_user(account):
    account.sendmail("-odq", "bob@x.test", input=b"From: eve@x.test\nSender: eve@x.test\nReturn-Path: <eve@x.test>\n\n")
    entry = only_entry(account)
    assert (entry.sender, entry.uid) == (pwd.getpwuid(os.geteuid()).pw_name, os.geteuid())


@pytest.mark.parametrize("zone", ["UTC0", "XYZ-05:30", "XYZ+03:30", "Europe/Berlin"])
def test_dates_are_the_arrival(account, zone):
    account.sendmail("-odq", "bob@x.test", input=b"Resent-To: bob@x.test\n\n", env={"TZ": zone})
    entry = only_entry(account)
    dates = re.findall(rb"(?m)(?:^(?:Resent-)?Date: |^\tid \S+; )(.*)$", entry.header)
    assert len(dates) == 3 and len(set(dates)) == 1
    assert email.utils.parsedate_to_datetime(dates[0].decode()).timestamp() == int(entry.time)
    offset = {"UTC0": b"+0000", "XYZ-05:30": b"+0530", "XYZ+03:30": b"-0330"}.get(zone)
    assert offset is None or dates[0].endswith(offset)


def test_message_ids_differ(account):
    for _ in range(20):
        account.sendmail("-odq", "bob@x.test", input=b"x\n")
    found = [re.search(rb"(?m)^Message-ID: (.*)$", entry.header)[1] for entry in account.entries()]
    assert len(set(found)) == 20


def install(place, programs):
    program = place.path("/usr/local/sbin/sendmail")
    program.write_bytes(programs["sendmail"].read_bytes())
    program.chmod(0o755)


GECOS = [
    (b"Jane Doe,room 1,2,3", "Jane Doe"),
    (b"", None),
    (b",room", None),
    (b"& Doe", "Jane Doe"),
    (b"A&&", "AJaneJane"),
    (b'Jane "J" Doe', '"Jane \\"J\\" Doe"'),
    (b"Jane \\ Doe", '"Jane \\\\ Doe"'),
    (b"Jane <eve@x.test>", '"Jane <eve@x.test>"'),
    (b"Jane (x", '"Jane (x"'),
    (b"J. Doe", '"J. Doe"'),
    (b"Bcc; eve@x.test", '"Bcc; eve@x.test"'),
    (b"Jane\x1b[2J\x07\r\tDoe", '"Jane [2J   Doe"'),
    ("Jörg Ärmel".encode(), "=?UTF-8?B?SsO2cmcgw4RybWVs?="),
    (b"J\xf6rg", "J?rg"),
    ("日本語".encode(), "=?UTF-8?B?5pel5pys6Kqe?="),
    (b"%n%s%x", "%n%s%x"),
    (b"x" * 4096, "x" * 4096),
    (b"x" * 20000, "x" * 20000),
]


def test_full_names_of_passwd(world, programs):
    """passwd may say anything of a person; the message's header stays a header (CVE-1999-0131)."""
    place = world(users=["jane"])
    install(place, programs)
    passwd = place.path("/etc/passwd")
    text = passwd.read_bytes()
    spool = place.path("/home/jane/.local/state/postbag/spool")
    for gecos, shown in GECOS:
        passwd.write_bytes(text.replace(b"Jane Tester,,,", gecos))
        done = place.run(["sendmail", "-odq", "bob@x.test"], user="jane", input=b"Subject: x\n\nbody\n")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), gecos
        entry, = committed(spool)
        author = f"{shown} <jane@lan.example>" if shown else "jane@lan.example"
        assert normalised(entry) == RECEIVED + b"Subject: x\n" + added(author=author) + b"\nbody\n", gecos
        assert entry.facts == facts_of(entry.message)
        assert (entry.uid, entry.sender) == (place.uids["jane"], "jane")
        assert entry.message.startswith(b"Received: by box.lan.example (postbag, from userid 5001)\n\tid ")
        entry.path.unlink()


LOGINS = ["jane.doe", "jane$", "0", "LAN\\jane", "jane doe", "jürgen"]


def test_received_names_the_real_uid(world, programs):
    """A set-uid program that runs sendmail: the mail is the effective uid's, and who stands behind it is told."""
    place = world(users=["jane"])
    install(place, programs)
    spool = place.path("/root/.local/state/postbag/spool")
    before = {entry.id for entry in committed(spool)}  # the machine's own, seen through
    done = place.run(["setpriv", "--ruid=5001", "sendmail", "-odq", "bob@x.test"], input=b"x\n",
                     env={"POSTBAG_CONFIG": "/home/jane/mine.ini"})
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    entry, = [entry for entry in committed(spool) if entry.id not in before]
    assert entry.message.startswith(b"Received: by box.lan.example (postbag, from userid 0, real userid 5001)\n\tid ")
    assert (entry.uid, entry.sender) == (0, "root")


@pytest.mark.parametrize("login", LOGINS)
def test_any_login_can_send(world, programs, login):
    place = world(users=["jane"])
    install(place, programs)
    passwd = place.path("/etc/passwd")
    passwd.write_text(passwd.read_text().replace("jane:x:", f"{login}:x:", 1))
    done = place.run(["setpriv", "--reuid=5001", "--regid=5001", "--clear-groups", "sendmail", "-odq", "bob@x.test"],
                     input=b"x\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    entry, = committed(place.path("/home/jane/.local/state/postbag/spool"))
    quoted = '"' + login.replace("\\", "\\\\") + '"' if "\\" in login or " " in login else login
    assert entry.sender == quoted
    assert f"\nFrom: Jane Tester <{quoted}@lan.example>\n".encode() in entry.message
