"""Senders on their way out: from, rewrite_from, senders and generic."""

import email
import re

import pytest

ROOT = b"From: root@lan.example (Cron Daemon)\nTo: root\nSubject: x\n\nhello\n"


@pytest.fixture
def relay(account, smtpd):
    """relay(text, sender, more=…, **settings): the one message that a server got."""
    server = smtpd()

    def send(text, sender="root@lan.example", more="", **settings):
        account.relay_through(server, more=more, security="none", **settings)
        before = len(server.messages)
        assert account.sendmail("-odq", "-f", sender, "bob@x.test", input=text).returncode == 0
        done = account.flush()
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert server.violations == [] and account.entries() == []
        got, = server.messages[before:]
        command = [line for line in server.commands[-1] if line.startswith("MAIL")][-1]
        assert int(re.search(r"SIZE=(\d+)", command)[1]) == len(got.data)
        return got, email.message_from_bytes(got.data)

    return send


def test_nothing_is_rewritten_unless_asked_for(relay):
    got, message = relay(ROOT)
    assert got.sender == "root@lan.example" and message["From"] == "root@lan.example (Cron Daemon)"
    got, message = relay(ROOT, **{"from": "me@out.test", "rewrite_from": "never"})
    assert got.sender == "root@lan.example" and message["X-Original-From"] is None


def test_a_foreign_sender_gives_way(relay):
    got, message = relay(ROOT, **{"from": "me@out.test"})
    assert got.sender == "me@out.test"
    assert message["From"] == "me@out.test (Cron Daemon)"
    assert message["X-Original-From"] == "root@lan.example (Cron Daemon)"
    assert message["Reply-To"] == "root@lan.example"
    assert got.data.endswith(b"\r\n\r\nhello\r\n")
    got, message = relay(ROOT, more="local = lan.example\n", **{"from": "me@out.test"})
    assert message["From"] == "me@out.test (Cron Daemon)" and message["Reply-To"] is None


@pytest.mark.parametrize("sender", ["me@out.test", "someone@own.test"])
def test_a_sender_that_fits_stays(relay, sender):
    text = b"From: Me <%s>\n\nx\n" % sender.encode()
    got, message = relay(text, sender, **{"from": "me@out.test", "senders": "@own.test, root@*, me@*"})
    assert got.sender == sender and message["From"] == f"Me <{sender}>" and message["X-Original-From"] is None
    got, message = relay(text, sender, **{"from": "me@out.test", "rewrite_from": "always"})
    assert got.sender == "me@out.test" and message["From"] == "Me <me@out.test>"


def test_the_null_sender_stays(relay):
    for mode in ("foreign", "always"):
        got, _ = relay(b"From: MAILER-DAEMON\n\nx\n", "<>", **{"from": "me@out.test", "rewrite_from": mode})
        assert got.sender == ""


@pytest.mark.parametrize("field", [b"DKIM-Signature: v=1; d=x\n", b"Content-Type: application/pkcs7-mime\n",
                                   b"Content-Type: multipart/signed; boundary=b\n"])
def test_a_signed_message_is_rewritten_only_by_always(relay, field):
    got, message = relay(field + ROOT, **{"from": "me@out.test"})
    assert got.sender == "root@lan.example" and message["From"] == "root@lan.example (Cron Daemon)"
    got, message = relay(field + ROOT, **{"from": "me@out.test", "rewrite_from": "always"})
    assert got.sender == "me@out.test" and message["From"] == "me@out.test (Cron Daemon)"


def test_the_resender_gives_way_not_the_author(relay):
    text = b"Resent-From: root@lan.example\nResent-To: bob@x.test\nFrom: ann@x.test\n\nx\n"
    got, message = relay(text, **{"from": "me@out.test"})
    assert got.sender == "me@out.test"
    assert (message["Resent-From"], message["From"]) == ("me@out.test", "ann@x.test")
    assert message["Reply-To"] is None


def test_generic_goes_first(relay, account):
    table = account.folder / "generic"
    table.write_text("# ours\nroot ops@own.test\n@lan.example @out.test\n")
    more = f"[local]\ngeneric = {table}\n"
    got, message = relay(ROOT, more=more)
    assert got.sender == "ops@own.test" and got.addresses == ["bob@x.test"]
    assert (message["From"], message["To"]) == ("ops@own.test (Cron Daemon)", "ops@own.test")
    got, message = relay(b"From: jane\nTo: bob@x.test\n\nx\n", "jane@lan.example", more=more,
                         **{"from": "me@out.test", "senders": "ops@*, *@lan.example"})
    assert got.sender == "me@out.test" and message["From"] == "me@out.test"
    assert message["X-Original-From"] == "jane@lan.example" and message["Reply-To"] == "jane@out.test"


def test_a_corrected_configuration_reaches_queued_mail(account, smtpd):
    server = smtpd()
    table = account.folder / "generic"
    table.write_text("root\n")
    account.relay_through(server, more=f"[local]\ngeneric = {table}\n", security="none")
    assert account.sendmail("-odq", "-f", "root@lan.example", "bob@x.test", input=ROOT).returncode == 0
    done = account.flush()
    assert done.returncode == 78 and done.stderr.endswith(b"generic:1: root: there is no address behind it\n")
    assert server.messages == [] and len(account.entries()) == 1
    table.write_text("root me@out.test\n")
    assert account.flush().returncode == 0
    assert server.messages[0].sender == "me@out.test"


@pytest.mark.parametrize("author", [b"a@b.test\rBcc: eve@x.test", b'"a\\\rb" <a@b.test>', b"a <a@b.test", b"Foo Bar", b"<>",
                                    b"a@b.test, \0", b"g: ;", b"\xff\xfe", b"a@b.test (" + b"(" * 2000])
def test_a_malformed_author_injects_nothing(relay, author):
    plain, before = relay(b"From: " + author + b"\nSubject: x\n\nbody\n")
    got, after = relay(b"From: " + author + b"\nSubject: x\n\nbody\n", **{"from": "me@out.test"})
    assert got.sender == "me@out.test" and plain.sender == "root@lan.example"
    ours = {"X-Original-From", "Reply-To"}
    assert [name for name in after.keys() if name not in ours] == before.keys()
    assert after.get_payload() == before.get_payload()
