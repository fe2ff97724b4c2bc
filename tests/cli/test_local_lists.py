"""Lists and tables that change while mail waits: owners, corrected aliases, broken files; nobody is served twice."""

import pytest
from support.lab import SITE, relay_through, split_mbox
from support.report import parse

OWN = SITE + "[local]\naliases = ~/aliases\n"


@pytest.fixture
def jane(lab):
    """jane, who keeps aliases of her own and has no smarthost."""
    person = lab.person("jane", OWN)
    person.give({"aliases": "# none\n"})
    return person


def newaliases(person):
    return person.run("newaliases")


# Owners.


def test_a_lists_owner_is_its_sender(lab, jane):
    server = lab.smtpd({("rcpt", "gone@x.test"): "550 5.1.1 no such user"})
    jane.configure(OWN + relay_through(server))
    jane.give({"aliases": "list: ann@x.test, gone@x.test, jane, |exit 67\nowner-list: emma@x.test, /home/jane/owner\n"})
    jane.deliver("list", "bob@x.test", sender="x@y.test", options=["-N", "success,failure"])
    sent = [(message.sender, message.addresses) for message in server.messages if message.sender]
    assert sorted(sent) == [("owner-list@lan.example", ["ann@x.test"]), ("x@y.test", ["bob@x.test"])]
    assert [letter["Return-Path"] for letter in jane.mail] == ["<owner-list>"]
    # The members' failures are the owner's business, here and there; the sender hears of bob alone.
    told = split_mbox(jane.read("owner"))
    assert [parse(text).actions for text in told] in (
        [[("gone@x.test", "failed", "5.1.1"), ("list@lan.example", "failed", "5.1.1")]],
        [[("list@lan.example", "failed", "5.1.1"), ("gone@x.test", "failed", "5.1.1")]])
    bounces = [message.addresses for message in server.messages if not message.sender]
    assert bounces == [["emma@x.test"]] and jane.entries == []


def test_a_null_sender_stays_one_through_a_list(lab, jane):
    server = lab.smtpd()
    jane.configure(OWN + relay_through(server))
    jane.give({"aliases": "list: ann@x.test, jane\nowner-list: jane\n"})
    jane.deliver("list", sender="")
    assert [message.sender for message in server.messages] == [""]
    assert [letter["Return-Path"] for letter in jane.mail] == ["<>"]


def test_a_list_of_100_000_names(lab, jane):
    names = range(100_000)
    jane.give({"aliases": "all: :include:/home/jane/members\n" + "".join(f"n{number}: jane\n" for number in names),
               "members": "".join(f"n{number}\n" for number in names)})
    jane.deliver("all")
    assert [letter["X-Original-To"] for letter in jane.mail] == ["all"] and jane.entries == []


# Tables that change.


def test_a_corrected_alias_serves_who_was_not_served(lab, jane):
    server = lab.smtpd({("rcpt", "jhon@x.test"): "450 4.1.1 nobody of that name"})
    jane.configure(OWN + relay_through(server))
    jane.give({"aliases": "list: jane, |~/save.sh, ann@x.test, jhon@x.test, |exit 75\n",
               "save.sh": "#!/bin/sh\necho x >>~/saved\n"})
    entry = jane.deliver("list", "bob@x.test")
    assert jane.statuses == ["DDD..D"]
    jane.give({"aliases": "list: ann@x.test, jane, john@x.test, |~/save.sh, bob@x.test\n"})
    jane.flush("--all")
    assert jane.statuses == ["DDD..D"]  # the old one counts until somebody says otherwise
    jane.mailq("--requeue", entry.id)
    jane.flush_until_empty()
    assert [letter["X-Original-To"] for letter in jane.mail] == ["list"] and jane.read("saved") == b"x\n"
    assert sorted(address for message in server.messages for address in message.addresses) == [
        "ann@x.test", "bob@x.test", "john@x.test"]


def test_an_unknown_name_that_is_made_an_alias(lab, jane):
    jane.give({"aliases": "news: :include:/home/jane/readers\n"})
    entry = jane.deliver("news")
    assert ":include:/home/jane/readers: open: No such file or directory" in jane.mailq() and jane.statuses == ["."]
    jane.give({"aliases": "news: jane\n"})
    jane.mailq("--requeue", entry.id)
    jane.flush_until_empty()
    assert [letter["X-Original-To"] for letter in jane.mail] == ["news"]


@pytest.mark.parametrize("compiled", [False, True])
def test_changed_aliases_count_at_once(lab, jane, compiled):
    jane.give({"aliases": "news: /home/jane/old\n"})
    if compiled:
        assert newaliases(jane).returncode == 0
    jane.deliver("news")
    jane.give({"aliases": "news: /home/jane/new\n"})
    jane.deliver("news")
    assert len(split_mbox(jane.read("old"))) == len(split_mbox(jane.read("new"))) == 1 and jane.entries == []


def test_broken_aliases_with_a_database_leave_the_last_good_ones(lab, jane):
    jane.give({"aliases": "news: /home/jane/old\n"})
    assert newaliases(jane).returncode == 0
    jane.give({"aliases": "news: /home/jane/new\noops\n"})
    jane.send("news")
    log = "\n".join(jane.log())
    assert "/home/jane/aliases:2: " in log
    assert len(split_mbox(jane.read("old"))) == 1 and jane.read("new") is None and jane.entries == []


def test_broken_aliases_without_a_database_delay_local_mail_alone(lab, jane):
    server = lab.smtpd()
    jane.configure(OWN + relay_through(server))
    jane.give({"aliases": "news: /home/jane/new\noops\n"})
    jane.deliver("news", "jane", "ann@x.test")
    shown = jane.mailq()
    assert shown.count("/home/jane/aliases:2: ") in (1, 2) and jane.statuses == ["..D"]
    assert [message.addresses for message in server.messages] == [["ann@x.test"]] and jane.box == b""
    jane.give({"aliases": "news: /home/jane/new\n"})
    jane.flush("--all")
    assert len(split_mbox(jane.read("new"))) == 1 == len(jane.mail) and jane.entries == []


def test_aliases_that_are_named_and_not_there_delay(jane):
    (jane.home / "aliases").unlink()
    jane.deliver("news")
    assert "/home/jane/aliases: open: No such file or directory" in jane.mailq() and jane.statuses == ["."]
    jane.give({"aliases": "news: jane\n"})
    jane.flush("--all")
    assert [letter["X-Original-To"] for letter in jane.mail] == ["news"] and jane.entries == []


def test_aliases_that_others_can_write_name_no_commands(lab, jane):
    jane.give({"aliases": "cmd: |touch /home/jane/canary\nnews: jane\n"})
    (jane.home / "aliases").chmod(0o666)
    jane.deliver("cmd")
    jane.deliver("news")
    assert "can be written by group or others" in jane.mailq() and jane.read("canary") is None
    assert jane.statuses == ["."] and [letter["X-Original-To"] for letter in jane.mail] == ["news"]
