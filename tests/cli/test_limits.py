"""Sizes: whatever comes is stored as it is in little memory, or refused without a trace."""

import hashlib
import shutil

import pytest

from support.memory import run_measured
from support.wellformed import MIME, RECEIVED, added, assert_no_leftovers, assert_nothing_stored, normalised, only_entry

KILOBYTE, MEGABYTE = 1 << 10, 1 << 20
# Of the whole process, in kB as VmHWM counts them; libc and the program's own pages are 2 to 2.5 MB of it.
LIMIT = 3 * 1024
# What a recipient costs besides: its strings, its line of the envelope, and the header's text while it is read.
LIMIT_A_RECIPIENT = 500  # bytes
UNLIMITED = "[site]\ndomain = lan.example\n[spool]\nsize_limit = 0\n"
TO = ("-odq", "bob@x.test")


@pytest.fixture
def unlimited(make_account):
    return make_account(UNLIMITED)


def run(account, arguments, chunks):
    # A sanitizer cannot look for leaks in a traced process.
    return run_measured([account.programs["sendmail"], *arguments], chunks, cwd=account.work,
                        env={**account.env, "ASAN_OPTIONS": "detect_leaks=0"})


def measured(account, arguments, chunks, limit=LIMIT):
    """Runs sendmail; prints its memory beside that for an empty message, and holds it to the limit."""
    base = run(account, TO, [])[3]
    account.entries()[0].path.unlink()
    status, _, errors, peak = run(account, arguments, chunks)
    print(f"memory: {peak} kB, for an empty message {base} kB")
    assert (status, errors) == (0, b"")
    sanitized = b"__asan_init" in account.programs["sendmail"].read_bytes()
    assert peak < limit or sanitized, f"{peak} kB; for an empty message {base} kB"


LONG = b"a" * MEGABYTE
LONG_HEADERS = [
    ("one line", b"X: " + LONG + b"\n"),
    ("one folded field", b"X: a\n" + b" bcd\n" * 200_000),
    ("a million lines", b"X: abc\n" * 1_000_000),
    ("a million names", b"".join(b"X-%d: a\n" % number for number in range(1_000_000))),
    ("one address", b"To: " + LONG + b"\n"),
    ("one comment", b"To: (" + LONG + b") bob@x.test\n"),
    ("nested comments", b"To: " + b"(" * 100_000 + b")" * 100_000 + b" bob@x.test\n"),
    ("quotes", b"To: " + b'"a" ' * 100_000 + b"<bob@x.test>\n"),
    ("a list", b"To: " + b"abc@x.test,\n " * 100_000 + b"abc@x.test\n"),
    ("address fields", b"Reply-To: abc@x.test\n" * 100_000),
]


@pytest.mark.parametrize("header", [row[1] for row in LONG_HEADERS], ids=[row[0] for row in LONG_HEADERS])
def test_long_header(unlimited, header):
    measured(unlimited, TO, [header, b"\nbody\n"])
    assert normalised(only_entry(unlimited)) == RECEIVED + header + added() + b"\nbody\n"


def test_header_of_100_megabytes(unlimited):
    header = b"X: " + LONG * 50 + b"\nTo: " + (LONG[:-1] + b",") * 50 + b"ann\n"
    measured(unlimited, TO, [header, b"\nbody\n"])
    entry = only_entry(unlimited)
    entry.path.unlink()
    assert normalised(entry) == RECEIVED + header + added() + b"\nbody\n"


@pytest.mark.parametrize("opening,ending,qualified", [
    (b"To: ", b"z\n", True), (b"To: all: ", b"z;, y\n", True), (b"From: ", b"z\n", True),
    (b"To: " + b" " * 200_000, b"z\n", False), (b"From: " + b" " * 200_000, b"z\n", True),
], ids=["list", "group", "From", "blanks", "From after blanks"])
def test_long_address_fields_are_qualified(unlimited, opening, ending, qualified):
    """Also in pieces: an address at the edge of one is not cut, and a group is not forgotten."""
    names = [b"user%d" % number for number in range(40_000)] if len(opening) < 100 else []
    measured(unlimited, TO, [opening, b"".join(name + b", " for name in names), ending])
    stored = only_entry(unlimited).message.replace(b" " * 1000, b"")
    at = b"@lan.example" if qualified else b""
    tail = ending.replace(b"z", b"z" + at).replace(b"y", b"y" + at)
    assert b"".join(name + b"@lan.example, " for name in names) + tail in stored
    assert stored.count(b"\nFrom:") == 1


def test_long_body_line(unlimited):
    measured(unlimited, TO, [b"\n", LONG])
    assert normalised(only_entry(unlimited)) == RECEIVED + added() + b"\n" + LONG + b"\n"


def test_8_bit_body_of_10_megabytes(unlimited):
    text = "ä€𝄞".encode() * 100_000
    measured(unlimited, TO, [b"\n", *[text] * 10])
    assert normalised(only_entry(unlimited)) == RECEIVED + b"".join(MIME) + added() + b"\n" + text * 10 + b"\n"


ADDRESSES = [f"user{number}@x.test" for number in range(100_000)]
RECIPIENTS_LIMIT = LIMIT + len(ADDRESSES) * LIMIT_A_RECIPIENT // KILOBYTE


def check_recipients(account):
    entry = only_entry(account)
    assert entry.addresses == ADDRESSES
    assert entry.statuses == "." * len(ADDRESSES)


@pytest.mark.parametrize("header", [
    "To: " + ",\n ".join(ADDRESSES) + "\n", "Bcc: " + ", ".join(ADDRESSES) + "\n",
    "".join(f"Cc: {address}\n" for address in ADDRESSES)], ids=["folded", "one line", "fields"])
def test_recipients_from_header(unlimited, header):
    measured(unlimited, ("-odq", "-t"), [header.encode(), b"\nbody\n"], RECIPIENTS_LIMIT)
    check_recipients(unlimited)


def test_recipients_from_a_session(unlimited):
    commands = [f"RCPT TO:<{address}>\r\n".encode() for address in ADDRESSES]
    measured(unlimited, ("-bs", "-odq"), [b"EHLO x\r\nMAIL FROM:<a@x.test>\r\n", *commands,
                                          b"DATA\r\n", b"\r\nbody\r\n.\r\nQUIT\r\n"], RECIPIENTS_LIMIT)
    check_recipients(unlimited)


def test_recipients_from_arguments(unlimited):
    """One word may have 128 KiB, all of them together 2 MiB."""
    words = [",".join(ADDRESSES[first:first + 5000]) for first in range(0, len(ADDRESSES), 5000)]
    measured(unlimited, ("-odq", *words), [b"body\n"], RECIPIENTS_LIMIT + 8 * KILOBYTE)
    check_recipients(unlimited)


def test_duplicates_are_found_fast(unlimited):
    header = b"To: " + b"a@x.test, b@x.test, " * 50_000 + b"\n"
    measured(unlimited, ("-odq", "-t"), [header], RECIPIENTS_LIMIT)
    assert only_entry(unlimited).addresses == ["a@x.test", "b@x.test"]


def test_message_of_a_gigabyte(unlimited):
    """From a pipe; what is stored is right by size and digest."""
    if shutil.disk_usage(unlimited.folder).free < 3 << 30:
        pytest.skip("a message of 1 GB needs 3 GB of free disk")
    block = b"".join(b"%07d %s\n" % (number, b"x" * 55) for number in range(16384))
    measured(unlimited, TO, [b"Subject: large\n\n", *[block] * 1024])
    path, = unlimited.spool.glob("queue/*")
    expected, found = hashlib.blake2b(), hashlib.blake2b()
    with open(path, "rb") as file:
        head = file.read(4096)
        offset = head.index(b"\n\n", head.index(b"\n\n") + 2) + 2
        assert path.stat().st_size == offset + len(block) * 1024
        assert b"facts bytes=%016d " % (path.stat().st_size - head.index(b"\n\n") - 2) in head
        file.seek(offset)
        for _ in range(1024):
            expected.update(block)
            found.update(file.read(len(block)))
    path.unlink()
    assert found.digest() == expected.digest()
    assert_no_leftovers(unlimited.spool)


# size_limit.

LIMITED = "[site]\ndomain = lan.example\n[spool]\nsize_limit = 1M\n"
TOO_LARGE = b"sendmail: message is larger than size_limit of [spool], 1048576 bytes\n"
WIDE = b"a" * 99 + b"\n"


@pytest.mark.parametrize("arguments,text", [
    (TO, b"\n" + WIDE * 20_000),
    (TO, b"\n" + LONG),
    (TO, LONG),
    (TO, b"X: " + LONG + b"\n\nbody\n"),
    (TO, b"X: a\n" * 300_000),
    (TO, b"To: " + LONG + b"\n\n"),
    (("-odq", "-t"), b"To: " + b"a@x.test, " * 200_000 + b"\n\nbody\n"),
    (TO, b"\n" + WIDE * 10_485),
], ids=["body", "one line", "no header", "field", "header", "address field", "recipients", "just over, with our fields"])
def test_over_the_limit(make_account, arguments, text):
    account = make_account(LIMITED)
    done = account.sendmail(*arguments, input=text)
    assert (done.returncode, done.stdout, done.stderr) == (65, b"", TOO_LARGE)
    assert_nothing_stored(account)


def test_endless_input_is_refused_while_it_comes(make_account):
    """An endless header does not fill the disk first."""
    account = make_account(LIMITED)
    for endless in (b"X: a\n", b"a"):
        status, _, errors, _ = run(account, TO, iter(lambda: endless * 20_000, None))
        assert (status, errors) == (65, TOO_LARGE)
    assert_nothing_stored(account)


def test_at_the_limit(make_account):
    account = make_account(LIMITED)
    account.sendmail(*TO, input=b"\n")
    room = MEGABYTE - len(only_entry(account).message)
    only_entry(account).path.unlink()
    for size, status in ((room + 1, 65), (room, 0)):
        done = account.sendmail(*TO, input=b"\n" + b"a" * (size - 1) + b"\n")
        assert done.returncode == status
    assert len(only_entry(account).message) == MEGABYTE


def test_session_over_the_limit(make_account):
    account = make_account(LIMITED)
    with account.session("-odq") as smtp:
        smtp.ehlo()
        assert smtp.esmtp_features["size"] == "1048576"
        smtp.docmd("MAIL", "FROM:<a@x.test> SIZE=1048577")
        smtp.mail("a@x.test")
        smtp.rcpt("bob@x.test")
        code, text = smtp.data(b"\r\n" + LONG)
        assert code == 552 and b"larger than size_limit" in text
        smtp.sendmail("a@x.test", ["bob@x.test"], b"Subject: small\r\n\r\n")
        smtp.quit()
        assert smtp.finish() == 0
    assert b"\nSubject: small\n" in only_entry(account).message
