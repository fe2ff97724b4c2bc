"""Reports about mail that stays here: who is told what, once, and where it ends."""

import shutil
import struct

import pytest
from support.lab import FLUSH, SITE, relay_through
from support.report import parse

HOUR = 3600
OWN = SITE + "[local]\naliases = ~/aliases\n"


@pytest.fixture
def jane(lab):
    person = lab.person("jane", OWN)
    person.give({"aliases": "no: |echo go away; exit 77\nyes: |exit 0\nfile: /home/jane/archive\nvoid: /dev/null\n"
                            "later: |exit 75\n"})
    return person


def reports(person):
    return [parse(text) for text in person.texts if b"\nReturn-Path: <>\n" in b"\n" + text]


# Success and failure.


def test_success_is_reported_where_it_is_asked_for(jane):
    jane.deliver("jane", "yes", "file", "void", "jane@lan.example",
                 options=["-N", "success", "-V", "Q+2B1"])
    report, = reports(jane)
    names = ("file", "jane", "void", "yes")  # jane, named twice, got it once
    assert sorted(report.actions) == [(f"{name}@lan.example", "delivered", "2.0.0") for name in names]
    assert report.message["Subject"] == "Successful Mail Delivery Report"
    assert report.fields["Original-Envelope-Id"] == "Q+1" and jane.entries == []
    jane.deliver("jane")
    assert len(reports(jane)) == 1


@pytest.mark.parametrize("notify, told", [("never", 0), ("success", 0), ("delay", 0), ("failure", 1), (None, 1)])
def test_notify_decides_about_bounces(jane, notify, told):
    jane.deliver("no", options=["-N", notify] if notify else [])
    assert len(reports(jane)) == told and jane.entries == []


def test_a_bounce_lands_in_the_senders_mailbox_whole(jane):
    entry = jane.deliver("no", "nobody-here", text=b"Subject: hi\n\nFrom me\n>From you\n")
    report, = reports(jane)
    assert report.fields["X-Postbag-Queue-ID"] == entry.id and report.message["To"] == "jane@lan.example"
    assert sorted(report.actions) == [("no@lan.example", "failed", "5.7.0"), ("nobody-here@lan.example", "failed", "5.1.1")]
    assert "go away" in report.text and report.whole and report.original.endswith(b"\n\nFrom me\n>From you\n")
    letter, = jane.mail
    assert letter["Delivered-To"] == "jane@box.lan.example" and jane.box.startswith(b"From MAILER-DAEMON ")
    assert jane.entries == []


def test_a_bounce_of_mail_from_elsewhere_leaves(lab, jane):
    server = lab.smtpd()
    jane.configure(OWN + relay_through(server))
    jane.deliver("nobody-here", sender="x@y.test")
    message, = server.messages
    assert (message.sender, message.addresses) == ("", ["x@y.test"]) and jane.entries == []
    assert parse(message.data).actions == [("nobody-here@lan.example", "failed", "5.1.1")]


# What cannot be told.


def test_what_cannot_be_given_back_is_told_to_postmaster_once(jane):
    jane.deliver("no", sender="nobody-here")
    report, = reports(jane)  # with no way to any other user, jane is postmaster
    assert report.message["To"] == "postmaster@lan.example"
    assert [address for address, _, _ in report.actions] == ["nobody-here@lan.example"]
    assert jane.entries == []
    jane.flush("--all")
    assert len(jane.mail) == 1


def test_postmaster_may_be_elsewhere(lab, jane):
    server = lab.smtpd()
    jane.configure(OWN.replace("[local]", "postmaster = pm@x.test\n[local]") + relay_through(server))
    jane.deliver("no", sender="nobody-here")
    assert [(message.sender, message.addresses) for message in server.messages] == [("", ["pm@x.test"])]
    assert jane.entries == [] and jane.box == b""


def test_what_nobody_can_be_told_of_is_held(jane):
    jane.configure(OWN.replace("[local]", "postmaster = nobody-there\n[local]"))
    jane.deliver("no", sender="nobody-here")
    held, = jane.entries
    assert (held.sender, held.addresses, held.statuses, held.state[0]) == ("", ["postmaster"], ".", "h")
    assert 'unknown user: "nobody-there"' in jane.mailq() and f"{held.id}!" in jane.mailq()
    jane.flush("--all")
    assert [entry.id for entry in jane.entries] == [held.id] and jane.box == b""
    jane.configure(OWN)
    jane.mailq("--release", held.id)
    jane.flush_until_empty()
    assert len(reports(jane)) == 1


def test_a_failing_mailbox_keeps_its_bounces(lab, jane):
    """A bounce is mail as all other: it waits for its mailbox."""
    assert jane.run("mkdir", "/var/mail/jane").returncode == 0
    jane.deliver("no")
    bounce, = jane.entries
    assert bounce.sender == "" and "cannot update mailbox /var/mail/jane" in jane.mailq()
    lab.world.path("/var/mail/jane").rmdir()
    jane.flush("--all")
    assert len(reports(jane)) == 1 and jane.entries == []


# Delays.


@pytest.fixture
def clock(lab, programs):
    """clock(seconds) sets the time that flush(…, env=clock.env) believes in."""
    library = programs["postbag-flush"].parents[1] / "tests/clock.so"
    place = lab.world.path("/usr/lib/clock.so")
    shutil.copy(library, place)
    offset = lab.world.path("/run/clock")
    offset.write_bytes(bytes(8))
    offset.chmod(0o644)

    def shift(seconds):
        with offset.open("r+b") as file:
            file.write(struct.pack("=q", seconds * 1_000_000))
    shift.env = {"LD_PRELOAD": "/usr/lib/clock.so", "POSTBAG_TEST_CLOCK": "/run/clock",
                 "ASAN_OPTIONS": "verify_asan_link_order=0"}
    return shift


def test_a_target_that_stays_broken_is_told_of_and_given_up(jane, clock):
    jane.send("later")
    for hours in (0, 3, 5, 6):
        clock(hours * HOUR)
        jane.flush("--all", env=clock.env)
        assert len(jane.mail) == (hours > 4)
    delay, = reports(jane)
    assert delay.actions == [("later@lan.example", "delayed", "4.3.0")]
    for hours in range(10, 110, 10):
        clock(hours * HOUR)
        jane.flush("--all", env=clock.env)
    assert len(jane.mail) == 1 and jane.statuses == ["."]
    clock(121 * HOUR)
    jane.flush("--all", env=clock.env)
    last = reports(jane)[-1]
    assert len(jane.mail) == 2 and last.actions == [("later@lan.example", "failed", "5.4.7")] and jane.entries == []


def test_what_nobody_could_try_waits_for_ever(jane, clock):
    """A table that cannot be read is no attempt, as a smarthost that is not configured is none."""
    jane.give({"aliases": "oops\n"})
    jane.send("jane")
    for days in range(0, 30, 2):
        clock(days * 24 * HOUR)
        jane.flush("--all", env=clock.env)
    assert jane.statuses == ["."] and "/home/jane/aliases:1: " in jane.mailq() and jane.box == b""


def test_a_run_says_what_it_did(jane):
    jane.send("no", "jane")
    done = jane.run(FLUSH, "-v")
    log = done.stderr.decode()
    assert log.count("relay=local") == 3 and log.count("status=sent") == 2 and log.count("status=bounced") == 1
