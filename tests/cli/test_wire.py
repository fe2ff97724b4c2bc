"""What goes over the wire means what the entry means, whatever the server takes."""

import random
import re

import pytest
from support import mime_trees
from support.wellformed import only_entry

EVERYTHING, NO_UTF8, SEVEN_BIT = (), ("SMTPUTF8",), ("8BITMIME", "SMTPUTF8")


def size_named(command):
    return int(re.search(r"SIZE=(\d+)", command)[1])


def number_of(message):
    return int(re.search(rb"(?m)^X-Number: (\d+)", message)[1])


def check_wire(server, message, without):
    """The rules of the wire, and the SIZE that was said."""
    lines = message.data.split(b"\r\n")
    assert max(map(len, lines)) <= 998 and b"\0" not in message.data
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", message.data)
    header = message.data.partition(b"\r\n\r\n")[0]
    assert header.isascii() or not without
    assert message.data.isascii() or "8BITMIME" not in without
    assert server.violations == []


@pytest.mark.parametrize("without", [EVERYTHING, NO_UTF8, SEVEN_BIT], ids=["all", "no SMTPUTF8", "7 bit"])
@pytest.mark.parametrize("seed", range(4))
def test_a_reader_finds_the_same_in_the_wire_as_in_the_entry(account, smtpd, without, seed):
    rng = random.Random(seed)
    server = smtpd(without=without)
    account.relay_through(server, security="none", connections=1)
    for number in range(60):
        text = b"X-Number: %d\n" % number + mime_trees.message(rng)
        assert account.sendmail("-odq", "-f", "a@x.test", "bob@x.test", input=text).returncode == 0
    entries = {number_of(entry.message): entry.message for entry in account.entries()}
    assert len(entries) == 60
    assert account.flush().returncode == 0
    assert account.entries() == [], account.describe()
    got = {number_of(message.data): message for message in server.messages}
    assert got.keys() == entries.keys()
    commands = [line for line in server.commands[0] if line.startswith("MAIL")]
    assert [size_named(line) for line in commands] == [len(message.data) for message in server.messages]
    for number, entry in entries.items():
        check_wire(server, got[number], without)
        wire = got[number].data.replace(b"\r\n", b"\n")
        sent, stored = mime_trees.reading(wire), mime_trees.reading(entry)
        for one, other in zip(sent, stored):
            assert one == other, number
        assert len(sent) == len(stored)


@pytest.mark.parametrize("kind", [b"multipart/signed; boundary=s", b"multipart/encrypted; boundary=s"])
@pytest.mark.parametrize("inside", [b"Gr\xc3\xbc\xc3\x9fe\n", b"x" * 1000 + b"\n", b"CR \r in it\n", b"NUL \0\n"])
def test_a_sealed_part_goes_as_it_is_or_not_at_all(account, smtpd, kind, inside):
    server = smtpd(without=SEVEN_BIT)
    account.relay_through(server, security="none", connections=1)
    part = b"--s\nContent-Type: text/plain\n\nsigned\n%s--s--\n"
    header = b"Content-Type: multipart/mixed; boundary=m\n\n--m\n\n\xc3\xa9\n--m\nContent-Type: " + kind + b"\n\n"
    assert account.sendmail("-odq", "bob@x.test", input=header + part % b"" + b"--m--\n").returncode == 0
    assert account.flush().returncode == 0
    assert (part % b"").replace(b"\n", b"\r\n") in server.messages[0].data
    assert b"=C3=A9" in server.messages[0].data
    assert account.sendmail("-odq", "bob@x.test", input=header + part % inside + b"--m--\n").returncode == 0
    assert account.flush().returncode == 0
    bounce = only_entry(account)
    assert bounce.sender == "" and len(server.messages) == 1 and server.violations == []
    assert b"what may not be recoded is a signed or encrypted part" in bounce.message.replace(b"\n", b" ")
    assert b"\nStatus: 5.6.3\n" in bounce.message


def test_an_address_without_an_ascii_form_needs_smtputf8(account, smtpd):
    text = "To: gr\u00fc\u00dfe@x.test\n\nx\n".encode()
    server = smtpd(without=NO_UTF8)
    account.relay_through(server, security="none", connections=1)
    assert account.sendmail("-odq", "bob@x.test", input=text).returncode == 0
    assert account.flush().returncode == 0
    bounce = only_entry(account)
    assert server.messages == [] and bounce.sender == "" and b"\nStatus: 5.6.7\n" in bounce.message
    able = smtpd()
    account.relay_through(able, security="none", connections=1)
    assert account.sendmail("-odq", "bob@x.test", input=text).returncode == 0
    assert account.flush("--all").returncode == 0
    assert able.messages[0].data.partition(b"\r\nTo: ")[2].startswith("gr\u00fc\u00dfe@x.test\r\n".encode())


@pytest.mark.parametrize("without, words", [(EVERYTHING, "BODY=8BITMIME SMTPUTF8"), (NO_UTF8, "BODY=8BITMIME"), (SEVEN_BIT, "")],
                         ids=["all", "no SMTPUTF8", "7 bit"])
def test_what_is_declared_is_what_is_sent(account, smtpd, without, words):
    server = smtpd(without=without)
    account.relay_through(server, security="none", connections=1)
    for text in ("Subject: \u00e9\n\n\u00e9\n", "Subject: x\n\nx\n"):
        assert account.sendmail("-odq", "-f", "a@x.test", "bob@x.test", input=text).returncode == 0
    assert account.flush().returncode == 0
    said = [re.sub(r"MAIL FROM:<a@x.test> SIZE=\d+ ?", "", line) for line in server.commands[0] if line.startswith("MAIL")]
    assert sorted(said) == sorted([words, ""])
    assert server.violations == []
