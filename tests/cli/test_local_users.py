"""Who gets mail of this machine: other users, unknown ones, tables, and what is true of addresses that leave."""

import pytest
from support import entries
from support.lab import LOCAL, SITE, TEXT, relay_through
from support.report import parse

SYSTEM_SPOOL = "/var/spool/postbag/5001"


def only_report(person):
    text, = person.texts
    return parse(text)


def diagnosis(person):
    """What the one bounce in somebody's mailbox says of its one recipient."""
    report = only_report(person)
    (address, action, status), = report.actions
    assert action == "failed" and person.entries == []
    return address, status, " ".join(report.recipients[0]["Diagnostic-Code"].split())


# Other users of the machine.


def test_another_user_without_a_system_comes_back_with_a_clear_text(lab):
    jane = lab.person("jane")
    jane.deliver("dave")
    assert diagnosis(jane) == ("dave@lan.example", "5.2.0", "X-Postbag; dave: another user of this machine, and there is "
                               "no system installation of postbag to reach him")


def test_another_user_is_the_systems_business_where_there_is_one(lab):
    """The system's sendmail takes it with all that the sender wants to hear of; its flush is another story."""
    lab.system_installation(SITE)
    jane = lab.person("jane", SITE)
    jane.deliver("dave", "\\emma", "jane", sender="x@y.test",
                 options=["-N", "success,delay", "-R", "hdrs", "-V", "Q+2B1"])
    report, = jane.entries  # of her own mailbox; of the others' the system tells
    assert (report.addresses, parse(report.message).actions) == (["x@y.test"], [("jane@lan.example", "delivered", "2.0.0")])
    taken = entries.committed(lab.world.path(SYSTEM_SPOOL))
    assert [(entry.recipients[0].kind, entry.addresses) for entry in taken] == [("u", ["dave"]), ("m", ["emma"])]
    for entry in taken:
        assert entry.uid == 5001 and entry.senders == {0: ("x@y.test", {"ret": "hdrs", "envid": "Q+2B1"})}
        assert entry.recipients[0].params == {"notify": "success,delay"}
        assert entry.body == b"hello\n" and entry.header.count(b"Message-ID:") == 1


def test_a_system_that_takes_nothing_delays(lab):
    lab.system_installation(SITE)
    lab.world.path("/var/spool/postbag").chmod(0o755)
    jane = lab.person("jane", SITE)
    jane.deliver("dave")
    assert "the system's sendmail does not take it: sendmail: " in jane.mailq() and jane.statuses == ["."]
    lab.system_installation(SITE)
    jane.flush("--all")
    assert jane.entries == [] and len(entries.committed(lab.world.path(SYSTEM_SPOOL))) == 1


def test_a_handed_over_list_is_handed_over_once(lab):
    lab.system_installation(SITE)
    jane = lab.person("jane", SITE + "[local]\naliases = ~/aliases\n")
    jane.give({"aliases": "list: dave, emma, |exit 75\n"})
    jane.send("list")
    for _ in range(3):
        jane.flush("--all")
    assert jane.statuses == ["DD."]
    assert [entry.addresses for entry in entries.committed(lab.world.path(SYSTEM_SPOOL))] == [["dave"], ["emma"]]


# Nobody.


def test_an_unknown_user_comes_back(lab):
    jane = lab.person("jane", SITE)
    jane.deliver("nobody-here@lan.example")
    assert diagnosis(jane) == ("nobody-here@lan.example", "5.1.1", 'X-Postbag; unknown user: "nobody-here"')


def test_unknown_users_at_the_smarthost(lab):
    server = lab.smtpd()
    jane = lab.person("jane", f"{SITE}[local]\nunknown = smarthost\n{relay_through(server)}")
    jane.deliver("nobody-here", "jane")
    assert [message.addresses for message in server.messages] == [["nobody-here@lan.example"]]
    assert [letter["X-Original-To"] for letter in jane.mail] == ["jane"] and jane.entries == []


@pytest.mark.parametrize("catcher", ["jane", "catch-all@x.test"])
def test_an_address_for_unknown_users(lab, catcher):
    server = lab.smtpd()
    jane = lab.person("jane", f"{SITE}[local]\nunknown = {catcher}\n{relay_through(server)}")
    jane.deliver("nobody-here@lan.example")
    found = [letter["X-Original-To"] for letter in jane.mail]
    assert (found, [message.addresses for message in server.messages]) == (
        (["nobody-here@lan.example"], []) if catcher == "jane" else ([], [[catcher]]))
    assert jane.entries == []


# Tables and settings.


def test_all_mail_to(lab):
    server = lab.smtpd()
    jane = lab.person("jane", f"{SITE}all_mail_to = me@x.test\n{relay_through(server)}")
    for recipient in ("root", "dave", "jane@lan.example", "bob@other.test"):
        jane.deliver(recipient)
    assert [message.addresses for message in server.messages] == [["me@x.test"]] * 3 + [["bob@other.test"]]
    assert jane.box == b"" and jane.entries == []


def test_virtual_comes_before_aliases_and_may_be_an_error(lab):
    server = lab.smtpd()
    lab.aliases("news: jane\nsales: dave\n")
    lab.write("/etc/virtual", "sales@lan.example news\n@old.example %1@new.example\n"
              "gone@lan.example error:5.7.0:550 no such department\n")
    jane = lab.person("jane", f"{SITE}{LOCAL}virtual = /etc/virtual\n{relay_through(server)}")
    jane.deliver("sales@lan.example", "ann@old.example", "gone@lan.example")
    letter, report = jane.mail
    assert letter["X-Original-To"] == "sales@lan.example"
    assert [message.addresses for message in server.messages] == [["ann@new.example"]]
    assert parse(jane.texts[1]).actions == [("gone@lan.example", "failed", "5.7.0")]
    assert b"550 no such department" in jane.texts[1] and report["Auto-Submitted"] == "auto-replied"
    assert jane.entries == []


def test_routes_to_this_machine_and_to_nowhere(lab):
    server = lab.smtpd()
    jane = lab.person("jane", f"{SITE}{relay_through(server)}[routes]\n.lab.example = local\nno.test = error 5.1.6 550 moved\n")
    jane.deliver("jane@a.lab.example", "bob@no.test")
    assert jane.mail[0]["X-Original-To"] == "jane@a.lab.example" and server.messages == []
    assert parse(jane.texts[1]).actions == [("bob@no.test", "failed", "5.1.6")] and jane.entries == []


def test_generic_is_for_mail_that_leaves(lab):
    server = lab.smtpd()
    lab.write("/etc/generic", "jane jane@home.test\n")
    jane = lab.person("jane", f"{SITE}[local]\ngeneric = /etc/generic\n{relay_through(server)}")
    jane.deliver("bob@x.test", "jane")
    message, = server.messages
    assert message.sender == "jane@home.test" and b"From: Jane Tester <jane@home.test>\r\n" in message.data
    letter, = jane.mail
    assert letter["From"] == "Jane Tester <jane@lan.example>" and letter["Return-Path"] == "<jane>"


def test_mail_from_another_machine_comes_to_its_user(lab):
    """As a script says it: with an envelope sender and a recipient of its own, several at a time."""
    jane = lab.person("jane", SITE)
    jane.deliver("jane@box", "root@box.lan.example, jane@localhost", sender="x@y.test", text=b"From: x@y.test\n" + TEXT)
    # root is another user, and the two others are one.
    assert [letter["Return-Path"] for letter in jane.mail] == ["<x@y.test>"]
    bounce, = jane.entries
    assert (bounce.sender, bounce.addresses) == ("", ["x@y.test"])
