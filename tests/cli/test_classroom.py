"""A classroom's first lessons about mail on one machine, as the textbook tells them.

jane teaches; dave, emma and sam learn. Everybody has a configuration of their own, which names the machine's aliases.
"""

import pytest
from support.lab import LOCAL, SITE, relay_through

ALIASES = """\
# /etc/aliases: who gets what is sent to a name
news:       root
root:       jane
complaints: /dev/null
subscribe:  |subscribe.sh
staff:      "Jane Tester" <jane>, visitor@lab1.example
"""


@pytest.fixture
def server(lab):
    return lab.smtpd()


@pytest.fixture
def room(lab, server):
    """Everybody is at their desks."""
    lab.aliases(ALIASES)
    for name in ("jane", "dave", "emma", "sam"):
        lab.person(name, f"{SITE}{LOCAL}commands = ~/commands\n{relay_through(server)}")
    return lab


def say(person, text, *recipients):
    """`echo TEXT | sendmail RECIPIENT`, and then mail is delivered by itself."""
    done = person.run("sendmail", *recipients, input=text.encode() + b"\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    person.flush_until_empty()


def test_1_an_alias_leads_to_the_next_one(room):
    jane = room.person("jane")
    say(jane, "the bell is broken", "news")
    letter, = jane.mail
    assert letter["X-Original-To"] == "news"
    assert letter["Delivered-To"] == "jane@box.lan.example"
    assert letter["Return-Path"] == "<jane>"  # nothing of it leaves this machine
    assert letter.get_payload() == "the bell is broken\n"
    assert jane.box.startswith(b"From jane ")


def test_2_dave_reads_his_mail_elsewhere(room, server):
    dave = room.person("dave")
    dave.give({".forward": "emma@lab1.example\n"})
    say(dave, "see you there", "dave")
    letter, = server.messages
    assert letter.addresses == ["emma@lab1.example"] and letter.sender == "dave@lan.example"
    assert letter.data.startswith(b"Delivered-To: dave@box.lan.example\r\n")
    assert letter.data.endswith(b"\r\n\r\nsee you there\r\n")
    assert dave.box == b"" and server.violations == []


def test_3_nobody_reads_complaints(room, server):
    jane = room.person("jane")
    say(jane, "this is no good", "complaints")
    assert jane.entries == [] and jane.box == b"" and server.messages == []


def test_4_a_program_gets_the_mail(room):
    jane = room.person("jane")
    jane.give({"commands/subscribe.sh": "#!/bin/sh\necho \"$SENDER $ORIGINAL_RECIPIENT\" >~/members\ncat >~/letter\n"})
    say(jane, "me too", "subscribe")
    assert jane.read("members") == b"jane subscribe\n"
    letter = jane.read("letter")
    assert letter.startswith(b"From jane ") and letter.endswith(b"\n\nme too\n")


def test_5_sam_keeps_a_copy(room, server):
    sam = room.person("sam")
    sam.give({".forward": "\\sam, sam@elsewhere.example\n"})
    say(sam, "both of us", "sam")
    assert [letter.get_payload() for letter in sam.mail] == ["both of us\n"]
    assert [letter.addresses for letter in server.messages] == [["sam@elsewhere.example"]]


def test_6_a_list_has_members_here_and_there(room, server):
    jane = room.person("jane")
    say(jane, "lunch", "staff")
    assert [letter.get_payload() for letter in jane.mail] == ["lunch\n"]
    assert [letter.addresses for letter in server.messages] == [["visitor@lab1.example"]]


def test_7_who_does_not_exist_is_told_of(room):
    emma = room.person("emma")
    say(emma, "are you there", "nobody-here")
    letter, = emma.mail
    assert letter["Subject"] == "Undelivered Mail Returned to Sender"
    assert letter["From"] == '"Mail Delivery System" <MAILER-DAEMON@lan.example>' and letter["Return-Path"] == "<>"
    assert b'unknown user: "nobody-here"' in emma.box


def test_8_what_will_happen_can_be_asked(room):
    done = room.person("jane").run("sendmail", "-bv", "news")
    assert done.stdout.decode().splitlines() == ["  news -> root (alias)", "    root -> jane (alias)",
                                                 "jane... deliverable: mailer local, user jane"]


def test_9_the_administrator_compiles_the_table(room):
    room.write("/root/postbag.ini", LOCAL, 0o600)
    done = room.world.run(["newaliases"], env={"POSTBAG_CONFIG": "/root/postbag.ini"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"/etc/aliases: 5 aliases, longest 42 bytes, 104 bytes total\n"
    jane = room.person("jane")
    say(jane, "still here", "news")
    assert [letter["X-Original-To"] for letter in jane.mail] == ["news"]
