"""XENTRY: a sendmail that cannot write its own spool hands a whole entry to `sendmail -bs`, which believes nothing."""

import os
import re

import pytest
from support import entries, stand_ins

MESSAGE = "Subject: s\n\n.one\nzwei ä\n"


@pytest.fixture(scope="session")
def programs(programs, tmp_path_factory):  # pylint: disable=redefined-outer-name
    """The real sendmail beside a flush that only notes that it was started."""
    return stand_ins.make(tmp_path_factory.mktemp("bin"), programs)


@pytest.fixture
def entry(make_account):
    """A committed entry of another account: (its file's bytes, the entry)."""
    other = make_account(name="other")
    assert other.sendmail("-odq", "-f", "a@x.test", "-N", "never", "-V", "id", "b@x.test", "root", "\\jane",
                          input=MESSAGE).returncode == 0
    found, = other.entries()
    return found.path.read_bytes(), found


def crc64(data):
    value = 0xFFFFFFFFFFFFFFFF
    for octet in data:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0xC96C5795D7870F42 if value & 1 else 0)
    return value ^ 0xFFFFFFFFFFFFFFFF


def sealed(data):
    """The entry with a checksum that fits: over all lines of its head but state, facts and done."""
    head, rest = data.split(b"check ", 1)
    covered = b"".join(line for line in head.splitlines(True) if not re.match(rb"state|facts|done", line))
    return head + b"check %016x\n" % crc64(covered) + rest.partition(b"\n")[2]


def hand_over(account, data, size=None, behind=b"NOOP\r\nQUIT\r\n"):
    """The replies behind the greeting; what stands behind the entry must be understood as commands again."""
    size = len(data) if size is None else size
    done = account.sendmail("-bs", input=b"XENTRY %d\r\n" % size + data + behind)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().split("\r\n")[1:-1]


AFTER = ["250 2.0.0 Ok", "221 2.0.0 Bye"]


def test_sealing_is_the_identity_on_what_sendmail_wrote(entry):
    data, _ = entry
    assert sealed(data) == data


def test_a_valid_entry_is_stored(account, entry):
    data, sent = entry
    replies = hand_over(account, data)
    stored, = account.entries()
    assert replies == ["354 Send the entry", f"250 2.0.0 Ok: queued as {stored.id}", *AFTER]
    assert stored.message == sent.message and stored.facts == sent.facts
    assert (stored.senders, stored.recipients) == (sent.senders, sent.recipients)
    assert [to.kind for to in stored.recipients] == ["a", "u", "m"]
    assert (stored.time, stored.uid) == (sent.time, os.geteuid())
    assert stand_ins.started(account)


def test_what_an_entry_says_of_its_past_and_its_owner_counts_for_nothing(account, entry):
    data, _ = entry
    data = data.replace(b"state --", b"state hw").replace(b"\ndone 3 ...\n", b"\ndone 3 DBX\n")
    hand_over(account, sealed(re.sub(rb"\nuid \d+\n", b"\nuid 12345\n", data)))
    stored, = account.entries()
    assert (stored.state, stored.statuses, stored.uid) == ("--", "...", os.geteuid())


def test_a_large_entry_is_stored(account, make_account):
    other = make_account(name="other")
    body = b"".join(b"%07d.\n" % number for number in range(400000))
    assert other.sendmail("-odq", "b@x.test", input=b"Subject: s\n\n" + body).returncode == 0
    sent, = other.entries()
    assert hand_over(account, sent.path.read_bytes())[1].startswith("250 ")
    stored, = account.entries()
    assert stored.message == sent.message


def altered(pattern, replacement):
    def alter(data):
        changed, count = re.subn(pattern, replacement, data, count=1)
        assert count == 1, f"{pattern} is not in the entry"
        return changed
    return alter


DAMAGES = {
    "address": altered(rb"<b@x\.test>", b"<c@x.test>"),
    "checksum": altered(rb"check (.)", lambda match: b"check g"),
    "magic": altered(rb"postbag 1", b"postbag 2"),
    "no-entry": lambda data: b"x" * len(data),
    "bytes": altered(rb"bytes=0{13}", b"bytes=0000000000001"),
    "lines": altered(rb"(lines=\d+)\d", rb"\g<1>0"),
    "dots": altered(rb"(dots=\d+)\d", rb"\g<1>0"),
    "longest": altered(rb"(longest=\d+)\d\d\d", rb"\g<1>001"),
    "8-bit": altered(rb"body8=1", b"body8=0"),
    "nul": altered(rb"nul=0", b"nul=1"),
    "cr": altered(rb"cr=0", b"cr=1"),
    "no-recipient": lambda data: sealed(re.sub(rb"to . .*\n", b"", data).replace(b"done 3 ...", b"done 0 ")),
    "more-recipients": altered(rb"done 3 \.\.\.", b"done 2 .."),
    "sender": lambda data: sealed(altered(rb"from 0 <a@x\.test>", b"from 0 <a%0A@x.test>")(data)),
    "line-end-in-recipient": lambda data: sealed(data.replace(b"<b@x.test>", b"<b%0ADATA@x.test>")),
    "command-as-sender": lambda data: sealed(data.replace(b"<a@x.test>", b"<|touch12>")),
    "two-senders": lambda data: sealed(data.replace(b"done 3", b"from 1 <c@x.test>\ndone 3").replace(b"to a 0", b"to a 1")),
    "option-as-recipient": lambda data: sealed(data.replace(b"<b@x.test>", b"<-X/x@x.test>")),
    "null-recipient": lambda data: sealed(data.replace(b"to u 0 notify=never <root> <root>",
                                                       b"to u 0 notify=never <root> <%3C%3E>")),
    "ret": lambda data: sealed(data.replace(b" envid=id", b" ret=all envid=id")),
    "envid": lambda data: sealed(data.replace(b" envid=id", b" envid=i=d")),
    "envid-of-another-spelling": lambda data: sealed(data.replace(b" envid=id", b" envid=+69d")),
    "long-envid": lambda data: sealed(data.replace(b" envid=id", b" envid=" + b"i" * 101)),
    "notify": lambda data: sealed(data.replace(b"to u 0 notify=never", b"to u 0 notify=never,delay")),
    "orcpt": lambda data: sealed(data.replace(b"to u 0 notify=never", b"to u 0 orcpt=rfc822;a=b")),
}
DAMAGES.update({
    f"kind-{name}": lambda data, kind=kind, target=target: sealed(re.sub(
        rb"to a 0 notify=never <b@x.test> <b@x.test>", b"to %s 0 <list> <%s>" % (kind, target), data))
    for name, kind, target in [("command", b"|", b"|touch%20canary"), ("file", b"/", b"/etc/x"),
                               ("user", b"h", b"jane"),
                               ("local", b"l", b"jane"), ("remote", b"s", b"b@x.test"), ("mailbox", b"m", b"b@x.test"),
                               ("unqualified-command", b"u", b"|touch")]})


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_or_lying_entry_is_refused(account, entry, damage):
    data, _ = entry
    changed = damage(data)
    assert changed != data
    replies = hand_over(account, changed)
    assert replies[0] == "354 Send the entry"
    assert replies[1].startswith("554 5.6.0 "), replies
    assert replies[2:] == AFTER
    assert account.entries() == [] and not list((account.spool / "tmp").iterdir())
    assert stand_ins.never_started(account)


@pytest.mark.parametrize("cut", [0, 1, 50, -1], ids=lambda cut: f"at{cut}")
def test_an_entry_that_is_cut_short_by_the_end_of_input_is_not_stored(account, entry, cut):
    data, _ = entry
    assert hand_over(account, data[:cut], len(data), behind=b"") == ["354 Send the entry"]
    assert account.entries() == [] and not list((account.spool / "tmp").iterdir())


@pytest.mark.parametrize("size", ["one-less", "head-only"])
def test_a_size_below_the_entrys_is_refused(account, entry, size):
    data, sent = entry
    size = len(data) - 1 if size == "one-less" else len(data) - len(sent.message)
    replies = hand_over(account, data[:size], size)
    assert replies[1].startswith("554 5.6.0 ") and replies[2:] == AFTER
    assert account.entries() == []


def test_a_size_above_the_entrys_is_refused(account, entry):
    data, _ = entry
    replies = hand_over(account, data + b"x", len(data) + 1)
    assert replies[1].startswith("554 5.6.0 ") and replies[2:] == AFTER
    assert account.entries() == []


@pytest.mark.parametrize("limit, code", [("below", "552 5.3.4 "), ("exact", "250 2.0.0 ")])
def test_the_size_limit_holds_for_entries(make_account, entry, limit, code):
    data, sent = entry
    largest = len(sent.message) - (limit == "below")
    account = make_account(f"[site]\ndomain = lan.example\n[spool]\nsize_limit = {largest}\n")
    replies = hand_over(account, data)
    assert replies[1].startswith(code) and replies[2:] == AFTER
    assert len(account.entries()) == (limit == "exact")


def test_a_size_of_nearly_2_to_the_64_neither_overflows_nor_takes_memory(account, entry):
    data, _ = entry
    assert hand_over(account, data, 2**64 - 1, behind=b"") == ["354 Send the entry"]
    assert hand_over(account, b"", 2**64, behind=b"")[0].startswith("501 5.5.4 ")
    assert account.entries() == []


def test_entries_and_messages_share_a_session(account, entry):
    data, _ = entry
    mail = b"MAIL FROM:<c@x.test>\r\nRCPT TO:<d@x.test>\r\nDATA\r\nSubject: m\r\n\r\nx\r\n.\r\n"
    replies = hand_over(account, data, behind=mail + b"XENTRY %d\r\n" % len(data) + data + b"QUIT\r\n")
    assert [reply[:3] for reply in replies] == "354 250 250 250 354 250 354 250 221".split()
    assert [found.sender for found in account.entries()] == ["a@x.test", "c@x.test", "a@x.test"]
    assert entries.committed(account.spool) == account.entries()
