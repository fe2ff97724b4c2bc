"""Whatever is written to sendmail is stored as a well-formed message, and no byte of its body is lost."""

import os
import re
from dataclasses import dataclass

import pytest

from support.wellformed import MIME, RECEIVED, UNKNOWN, added, assert_nothing_stored, normalised, only_entry

TO = ("-odq", "bob@x.test")


@dataclass
class Case:
    """fields: what stays of the header; body; late: MIME fields added; missing: names of fields added."""
    id: str
    stdin: bytes
    fields: bytes
    body: bytes
    late: tuple = ()
    missing: tuple = ("Date", "From", "Message-ID")

    def expected(self):
        more = added(*self.missing) if self.missing else b""
        return RECEIVED + b"".join(self.late) + self.fields + more + b"\n" + self.body


def check(account, case):
    done = account.sendmail(*TO, input=case.stdin)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert normalised(only_entry(account)) == case.expected()


def table(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.id)


SHAPES = [
    Case("no header", b"hello\nworld\n", b"", b"hello\nworld\n"),
    Case("no header, one line without its end", b"hello", b"", b"hello\n"),
    Case("header without a blank line", b"Subject: x\nhello\nTo: not a field\n", b"Subject: x\n",
         b"hello\nTo: not a field\n"),
    Case("only header", b"Subject: x\n", b"Subject: x\n", b""),
    Case("only header without its last end", b"Subject: x", b"Subject: x\n", b""),
    Case("header and blank line", b"Subject: x\n\n", b"Subject: x\n", b""),
    Case("only a blank line", b"\n", b"", b""),
    Case("only blank lines", b"\n\n\n", b"", b"\n\n"),
    Case("empty", b"", b"", b""),
    Case("blank line first", b"\nSubject: x\n", b"", b"Subject: x\n"),
    Case("no final newline", b"Subject: x\n\nhello", b"Subject: x\n", b"hello\n"),
    Case("dots", b"Subject: x\n\n.\n..\n.a\n", b"Subject: x\n", b".\n..\n.a\n"),
    Case("dot first", b".\nhello\n", b"", b".\nhello\n"),
    Case("continuation first", b" hello\nSubject: x\n", b"", b" hello\nSubject: x\n"),
    Case("tab first", b"\tSubject: x\n", b"", b"\tSubject: x\n"),
    Case("colon first", b": x\n", b"", b": x\n"),
    Case("no name", b"two words: x\n", b"", b"two words: x\n"),
    Case("folded", b"Subject: a\n b\n\tc\n\nbody\n", b"Subject: a\n b\n\tc\n", b"body\n"),
    Case("blank continuation", b"Subject: a\n \n b\n\nbody\n", b"Subject: a\n \n b\n", b"body\n"),
    Case("blank before the colon", b"Subject : a\n\nbody\n", b"Subject : a\n", b"body\n"),
    Case("name alone", b"Subject:\n\nbody\n", b"Subject:\n", b"body\n"),
    Case("dot field", b".hidden: a\n\nbody\n", b".hidden: a\n", b"body\n"),
    Case("unknown field", b"X-$%&!: a\n\nbody\n", b"X-$%&!: a\n", b"body\n"),
    Case("same field twice", b"Subject: a\nSUBJECT: b\n\nbody\n", b"Subject: a\nSUBJECT: b\n", b"body\n"),
    Case("URL first", b"http://x.test/\nmore\n", b"http://x.test/\n", b"more\n"),
]

LINE_ENDS = [
    Case("CRLF", b"Subject: x\r\nX: a\r\n b\r\n\r\nbody\r\n\r\nend\r\n", b"Subject: x\nX: a\n b\n", b"body\n\nend\n"),
    Case("CRLF header, LF body", b"Subject: x\r\n\r\nbody\nend\n", b"Subject: x\n", b"body\nend\n"),
    Case("LF header, CRLF body", b"Subject: x\n\nbody\r\nend\r\n", b"Subject: x\n", b"body\nend\n"),
    Case("mixed", b"Subject: x\r\nX: y\n\r\nbody\r\nmore\nend\r\n", b"Subject: x\nX: y\n", b"body\nmore\nend\n"),
    Case("CRLF, no header", b"hello\r\nworld\r\n", b"", b"hello\nworld\n"),
    Case("CRLF, no blank line", b"Subject: x\r\nhello\r\n", b"Subject: x\n", b"hello\n"),
    Case("CRLF blank line", b"\r\nhello\r\n", b"", b"hello\n"),
    Case("CR in the header", b"Subject: x\rBcc: hidden@x.test\rX: y\n\nbody\n", b"Subject: x\nX: y\n", b"body\n"),
    Case("CR folds", b"Subject: x\r y\n\nbody\n", b"Subject: x\n y\n", b"body\n"),
    Case("CR only", b"Subject: x\r\rbody\rend\r", b"Subject: x\n", b"body\rend\r\n"),
    Case("CR at the end of the header", b"Subject: x\r", b"Subject: x\n", b""),
    Case("CR in the body", b"Subject: x\n\na\rb\r\rc\n", b"Subject: x\n", b"a\rb\r\rc\n"),
    Case("CR CR LF in the body", b"Subject: x\n\na\r\r\nb\n", b"Subject: x\n", b"a\r\nb\n"),
    Case("CR at the end", b"Subject: x\n\na\r", b"Subject: x\n", b"a\r\n"),
    Case("CR in the first line, no header", b"hello\rworld\n", b"", b"hello\rworld\n"),
    Case("CR CR, no header", b"hello\r\rworld\n", b"", b"hello\r\rworld\n"),
    Case("CR, no blank line", b"Subject: x\rhello\rworld\n", b"Subject: x\n", b"hello\rworld\n"),
    Case("LF CR", b"Subject: x\n\na\n\rb\n", b"Subject: x\n", b"a\n\rb\n"),
]

SEPARATORS = [
    Case("From_", b"From a@x.test Thu Jan  1 00:00:00 1970\nSubject: x\n\nbody\n", b"Subject: x\n", b"body\n"),
    Case(">From_", b">From a@x.test\nSubject: x\n\nbody\n", b"Subject: x\n", b"body\n"),
    Case("several", b"From a\n>From b\n>From c\nSubject: x\n\nbody\n", b"Subject: x\n", b"body\n"),
    Case("CRLF", b"From a\r\nSubject: x\r\n\r\nbody\r\n", b"Subject: x\n", b"body\n"),
    Case("without header", b"From a\nhello\n", b"", b"hello\n"),
    Case("alone", b"From a\n", b"", b""),
    Case("before a continuation", b"From a\n hello\n\nworld\n", b"", b" hello\n\nworld\n"),
    Case("behind a field", b"Subject: x\nFrom a\n\nbody\n", b"Subject: x\n", b"From a\n\nbody\n"),
    Case("in the body", b"Subject: x\n\nFrom a\n>From b\n", b"Subject: x\n", b"From a\n>From b\n"),
    Case("long", b"From " + b"a" * 100000 + b"\nSubject: x\n\nbody\n", b"Subject: x\n", b"body\n"),
    Case("obsolete form of the field", b"From : a@x.test\nSubject: x\n\nbody\n", b"From : a@x.test\nSubject: x\n",
         b"body\n", missing=("Date", "Message-ID")),
    Case("BOM", b"\xef\xbb\xbfSubject: x\n\nbody\n", b"Subject: x\n", b"body\n"),
    Case("BOM, no header", b"\xef\xbb\xbfhello\n", b"", b"\xef\xbb\xbfhello\n", MIME),
    Case("BOM in the second line", b"Subject: x\n\xef\xbb\xbfX: y\n", b"Subject: x\n", b"\xef\xbb\xbfX: y\n", MIME),
]

ADDRESSES = [
    (b"To: bob", b"To: bob@lan.example"),
    (b"To: bob@x.test", b"To: bob@x.test"),
    (b"From: root (Cron Daemon)", b"From: root@lan.example (Cron Daemon)"),
    (b'From: "root" (Cron Daemon)', b'From: "root"@lan.example (Cron Daemon)'),
    (b"To: bob (a (nested (deep \\) comment)) here), jim", b"To: bob@lan.example (a (nested (deep \\) comment)) here), "
     b"jim@lan.example"),
    (b"To: friends: bob, jim@x.test (Jim);, ann", b"To: friends: bob@lan.example, jim@x.test (Jim);, ann@lan.example"),
    (b"To: undisclosed-recipients:;", b"To: undisclosed-recipients:;"),
    (b"To: Bob <bob>, \"Doe, Jim\" <jim>", b"To: Bob <bob@lan.example>, \"Doe, Jim\" <jim@lan.example>"),
    (b"To: bob,\n jim,\n\tann@x.test", b"To: bob@lan.example,\n jim@lan.example,\n\tann@x.test"),
    (b"To:bob", b"To:bob@lan.example"),
    (b"To : bob", b"To : bob@lan.example"),
    (b"to: bob", b"to: bob@lan.example"),
    (b"Cc: bob", b"Cc: bob@lan.example"),
    (b"Sender: bob", b"Sender: bob@lan.example"),
    (b"Reply-To: bob", b"Reply-To: bob@lan.example"),
    (b"Errors-To: bob", b"Errors-To: bob@lan.example"),
    (b"To: \xff\xfe Bob <bob>", b"To: \xff\xfe Bob <bob@lan.example>"),
    (b"To: J\xc3\xb6rg <bob>", b"To: J\xc3\xb6rg <bob@lan.example>"),
    (b"To: bob jim", b"To: bob jim"),
    (b"To: <>", b"To: <>"),
    (b"To: \"unbalanced", b"To: \"unbalanced"),
    (b"To: a\0b", b"To: a\0b"),
    (b"To:", b"To:"),
    (b"Delivered-To: bob", b"Delivered-To: bob"),
    (b"Subject: bob", b"Subject: bob"),
    (b"In-Reply-To: bob", b"In-Reply-To: bob"),
]

GOING = [b"Bcc: a@x.test\n", b"bCC: a@x.test\n", b"BCC:a@x.test,\n b@x.test,\n\tc@x.test\n", b"Bcc : a@x.test\n",
         b"Bcc\t :\n a@x.test\n", b"Bcc:\n", b"Bcc: \"unbalanced\n", b"Bcc: a\r\n b\r\n",
         b"Resent-Bcc: a@x.test\n", b"RESENT-bcc :\n\ta@x.test\n", b"Return-Path: <a@x.test>\n",
         b"return-path : <>\n", b"Content-Length: 17\n", b"CONTENT-LENGTH\t: 17\n",
         b"Bcc: " + b"a@x.test, " * 20000 + b"\n", b"Bcc: a@x.test\nbcc: b@x.test\nBCC: c@x.test\n"]

TYPE = b"Content-Type: text/plain; charset=iso-8859-1\n"
ENCODING = b"Content-Transfer-Encoding: 8bit\n"
CAFE, LATIN = "café\n".encode(), b"caf\xe9\n"
EIGHT_BIT = [
    Case("UTF-8", b"Subject: x\n\n" + CAFE, b"Subject: x\n", CAFE, MIME),
    Case("UTF-8 without header", CAFE, b"", CAFE, MIME),
    Case("Latin-1", b"Subject: x\n\n" + LATIN, b"Subject: x\n", LATIN, (MIME[0], UNKNOWN, MIME[2])),
    Case("UTF-8, then Latin-1", b"\n" + CAFE + LATIN, b"", CAFE + LATIN, (MIME[0], UNKNOWN, MIME[2])),
    Case("cut at the end", b"\ncaf\xc3", b"", b"caf\xc3\n", (MIME[0], UNKNOWN, MIME[2])),
    Case("overlong", b"\n\xc0\xaf\n", b"", b"\xc0\xaf\n", (MIME[0], UNKNOWN, MIME[2])),
    Case("surrogate", b"\n\xed\xa0\x80\n", b"", b"\xed\xa0\x80\n", (MIME[0], UNKNOWN, MIME[2])),
    Case("CR inside a character", b"\n\xc3\r\xa9\n", b"", b"\xc3\r\xa9\n", (MIME[0], UNKNOWN, MIME[2])),
    Case("only in the header", b"Subject: " + CAFE + b"\nbody\n", b"Subject: " + CAFE, b"body\n"),
    Case("type there", TYPE + b"\n" + LATIN, TYPE, LATIN, (MIME[0], MIME[2])),
    Case("type in capitals", TYPE.upper() + b"\n" + LATIN, TYPE.upper(), LATIN, (MIME[0], MIME[2])),
    Case("version there", MIME[0] + b"\n" + CAFE, MIME[0], CAFE, MIME[1:]),
    Case("encoding there", ENCODING + b"\n" + CAFE, ENCODING, CAFE, MIME[:2]),
    Case("all there", MIME[0] + TYPE + ENCODING + b"\n" + LATIN, MIME[0] + TYPE + ENCODING, LATIN),
    Case("NUL", b"Subject: a\0b\n\nc\0d\0\n\0", b"Subject: a\0b\n", b"c\0d\0\n\0\n"),
    Case("all bytes", b"\n" + bytes(range(256)) + b"\n", b"", bytes(range(256)) + b"\n", (MIME[0], UNKNOWN, MIME[2])),
]

AUTHOR = b"From: a@x.test\n"
STAMPS = b"Date: yesterday\nMessage-ID: <1@x.test>\n"
MISSING = [
    Case("none", STAMPS + AUTHOR + b"\n", STAMPS + AUTHOR, b"", missing=()),
    Case("any case", STAMPS.upper() + AUTHOR.lower() + b"\n", STAMPS.upper() + AUTHOR.lower(), b"", missing=()),
    Case("Date", b"Message-ID: <1@x.test>\n" + AUTHOR, b"Message-ID: <1@x.test>\n" + AUTHOR, b"", missing=("Date",)),
    Case("Message-ID", b"Date: x\n" + AUTHOR, b"Date: x\n" + AUTHOR, b"", missing=("Message-ID",)),
    Case("From", STAMPS, STAMPS, b"", missing=("From",)),
    Case("From empty", b"From:\n" + STAMPS, STAMPS, b"", missing=("From",)),
    Case("From blank and folded", b"From: \n \t\n" + STAMPS, STAMPS, b"", missing=("From",)),
    Case("To is not missed", STAMPS + AUTHOR + b"\nbody\n", STAMPS + AUTHOR, b"body\n", missing=()),
    Case("Resent", b"Resent-To: b@x.test\n" + STAMPS + AUTHOR, b"Resent-To: b@x.test\n" + STAMPS + AUTHOR, b"",
         missing=("Resent-Date", "Resent-From", "Resent-Message-ID")),
    Case("Resent-Bcc alone", b"Resent-Bcc: b@x.test\n" + STAMPS + AUTHOR, STAMPS + AUTHOR, b"",
         missing=("Resent-Date", "Resent-From", "Resent-Message-ID")),
    Case("some Resent", b"Resent-From: c@x.test\nResent-Date: x\n" + STAMPS + AUTHOR,
         b"Resent-From: c@x.test\nResent-Date: x\n" + STAMPS + AUTHOR, b"", missing=("Resent-Message-ID",)),
]


@table(SHAPES)
def test_shape(account, case):
    check(account, case)


@table(LINE_ENDS)
def test_line_ends(account, case):
    check(account, case)


@table(SEPARATORS)
def test_separator(account, case):
    check(account, case)


@pytest.mark.parametrize("given,stored", ADDRESSES, ids=lambda text: repr(text)[2:-1][:40])
def test_qualified(account, given, stored):
    missing = ("Date", "Message-ID") if given.startswith(b"From") else ("Date", "From", "Message-ID")
    check(account, Case("", given + b"\n\nbody\n", stored + b"\n", b"body\n", missing=missing))


@pytest.mark.parametrize("field", GOING, ids=lambda text: repr(text)[2:-1][:40])
def test_field_that_goes(account, field):
    resent = ("Resent-Date", "Resent-From", "Resent-Message-ID") if field.lower().startswith(b"resent") else ()
    check(account, Case("", b"X: 1\n" + field + b"Y: 2\n\nBcc: of the body\n", b"X: 1\nY: 2\n", b"Bcc: of the body\n",
                        missing=(*resent, "Date", "From", "Message-ID")))


@table(EIGHT_BIT)
def test_eight_bit(account, case):
    check(account, case)


@table(MISSING)
def test_missing(account, case):
    check(account, case)


@pytest.mark.parametrize("character", ["é", "€", "𝄞"])
@pytest.mark.parametrize("where", [32768, 65536, 131072])
def test_character_across_a_read(account, character, where):
    """sendmail reads 32 KiB at once, and a pipe holds 64."""
    bytes_of = character.encode()
    for before in range(1, len(bytes_of)):
        text = b"\n" + b"a" * (where - before - 1) + bytes_of + b"z\n"
        done = account.sendmail(*TO, input=text)
        assert (done.returncode, done.stderr) == (0, b"")
        entry = only_entry(account)
        assert normalised(entry) == RECEIVED + b"".join(MIME) + added() + text
        entry.path.unlink()


@pytest.mark.parametrize("size", [4095, 4096, 4097, 32767, 32768, 32769, 65535, 65536, 65537, 131072])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n", b"\n\nbody"], ids=repr)
def test_long_last_field(account, size, end):
    """A field that ends at the edge of every buffer, with its line end in the same read or the next, or without."""
    field = b"X: " + b"a" * (size - 3)
    body = b"body\n" if end.endswith(b"body") else b""
    check(account, Case("", field + end, field + b"\n", body))


@pytest.mark.parametrize("before", [0, 20000, 30000, 32000, 32700])
def test_long_names_are_no_names(account, before):
    """Wherever a read cuts the line."""
    check(account, Case("", b"X: " + b"a" * before + b"\n" + b"b" * 5000 + b": c\n", b"X: " + b"a" * before + b"\n",
                        b"b" * 5000 + b": c\n"))


@pytest.mark.parametrize("first", [b"a" * 70000, b"a" * 4096, b"a" * 4095, b"a" * 32768, b"a" * 40000 + b": b"],
                         ids=lambda text: str(len(text)))
def test_long_first_line_is_body(account, first):
    check(account, Case("", first + b"\nSubject: x\n", b"", first + b"\nSubject: x\n"))


# Recipients.

HEADER_RECIPIENTS = [
    ("To", b"To: a@x.test\n", ["a@x.test"]),
    ("To, Cc and Bcc in order", b"Cc: c@x.test\nBcc: b@x.test\nTo: a@x.test\n", ["c@x.test", "b@x.test", "a@x.test"]),
    ("unqualified", b"To: bob\n", ["bob"]),
    ("cron", b"To: root (Cron Daemon)\n", ["root"]),
    ("comments", b"To: (x) a@x.test (y (z) \\) ), b(c)@x.test\n", ["a@x.test", "b@x.test"]),
    ("phrases", b'To: "Doe, J" <j@x.test>, J. R. Doe <r@x.test>\n', ["j@x.test", "r@x.test"]),
    ("group", b"To: us: a@x.test, b@x.test;, c@x.test\n", ["a@x.test", "b@x.test", "c@x.test"]),
    ("empty group beside Bcc", b"To: undisclosed-recipients:;\nBcc: a@x.test\n", ["a@x.test"]),
    ("folded", b"To: a@x.test,\n b@x.test\n\t,c@x.test\n", ["a@x.test", "b@x.test", "c@x.test"]),
    ("CRLF, folded", b"To: a@x.test,\r\n b@x.test\r\n", ["a@x.test", "b@x.test"]),
    ("several fields", b"To: a@x.test\nTo: b@x.test\n", ["a@x.test", "b@x.test"]),
    ("twice", b"To: a@x.test, A@x.test, a@X.TEST\nCc: a@x.test\n", ["a@x.test", "A@x.test"]),
    ("any case", b"tO: a@x.test\nbCC : b@x.test\n", ["a@x.test", "b@x.test"]),
    ("empty elements", b"To: ,,a@x.test,,b@x.test,\n", ["a@x.test", "b@x.test"]),
    ("blanks between", b"To: a@x.test b@x.test\n", ["a@x.test", "b@x.test"]),
    ("route", b"To: <@relay.test,@more.test:a@x.test>\n", ["a@x.test"]),
    ("quoted", b'To: "a b"@x.test\n', ['"a b"@x.test']),
    ("literal", b"To: a@[192.0.2.1]\n", ["a@[192.0.2.1]"]),
    ("8-bit name", b"To: \xe9\xff <a@x.test>\n", ["a@x.test"]),
    ("UTF-8 address", "To: jörg@bücher.test\n".encode(), ["jörg@bücher.test"]),
    ("Bcc only", b"Bcc: a@x.test\n", ["a@x.test"]),
    ("Resent-To wins", b"To: a@x.test\nResent-To: b@x.test\nCc: c@x.test\n", ["b@x.test"]),
    ("Resent-Cc wins", b"Resent-Cc: b@x.test\nTo: a@x.test\nBcc: c@x.test\n", ["b@x.test"]),
    ("Resent-Bcc wins", b"To: a@x.test\nresent-BCC : b@x.test,\n\tc@x.test\n", ["b@x.test", "c@x.test"]),
    ("Resent-From alone does not", b"Resent-From: b@x.test\nTo: a@x.test\n", ["a@x.test"]),
    ("not from the body", b"To: a@x.test\n\nBcc: b@x.test\n", ["a@x.test"]),
    ("not behind a body line", b"To: a@x.test\nhello\nBcc: b@x.test\n", ["a@x.test"]),
    ("behind a CR", b"To: a@x.test\rCc: b@x.test\r\rbody", ["a@x.test", "b@x.test"]),
    ("mailbox", b"To: \\root\n", None),
]


@pytest.mark.parametrize("header,expected", [row[1:] for row in HEADER_RECIPIENTS],
                         ids=[row[0] for row in HEADER_RECIPIENTS])
def test_recipients_from_header(account, header, expected):
    done = account.sendmail("-odq", "-t", input=header)
    if expected is None:  # \user is for command lines: in a header a backslash has no place
        assert done.returncode == 65
        return assert_nothing_stored(account)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    entry = only_entry(account)
    assert entry.addresses == expected
    assert [each.original for each in entry.recipients] == expected
    assert [each.kind for each in entry.recipients] == ["a" if "@" in each else "u" for each in expected]
    assert not re.search(rb"(?im)^(resent-)?bcc", entry.header)


def test_header_and_arguments_are_united(account):
    account.sendmail("-odq", "-t", "d@x.test,a@x.test", "bob", input=b"To: a@x.test\nBcc: c@x.test\n")
    assert only_entry(account).addresses == ["d@x.test", "a@x.test", "bob", "c@x.test"]


@pytest.mark.parametrize("words,expected", [
    (["a@x.test", "b@x.test"], ["a@x.test", "b@x.test"]),
    (["a@x.test,b@x.test"], ["a@x.test", "b@x.test"]),
    (["a@x.test, b@x.test ,,c"], ["a@x.test", "b@x.test", "c"]),
    (["a@x.test b@x.test"], ["a@x.test", "b@x.test"]),
    (["root (Cron Daemon)"], ["root"]),
    (["Bob <bob@x.test>"], ["bob@x.test"]),
    (["\"a b\"@x.test"], ["\"a b\"@x.test"]),
    (["a@x.test", "A@X.test", "a@X.TEST"], ["a@x.test", "A@X.test"]),
    (["--", "a@x.test"], ["a@x.test"]),
], ids=str)
def test_recipients_from_arguments(account, words, expected):
    done = account.sendmail("-odq", *words, input=b"Bcc: never@x.test\n\nbody\n")
    assert (done.returncode, done.stderr) == (0, b"")
    assert only_entry(account).addresses == expected


def test_backslash_means_the_mailbox(account):
    account.sendmail("-odq", "\\root", "root", input=b"")
    assert [(each.kind, each.address) for each in only_entry(account).recipients] == [("m", "root"), ("u", "root")]


@pytest.mark.parametrize("header,status,text", [
    (b"", 64, b"sendmail: no recipient addresses found in message header\n"),
    (b"Subject: x\n\nTo: a@x.test\n", 64, b"sendmail: no recipient addresses found in message header\n"),
    (b"To: undisclosed-recipients:;\n", 64, b"sendmail: no recipient addresses found in message header\n"),
    (b"To: a@x.test, \"b\n", 65, b"sendmail: a@x.test, \"b: unbalanced '\"'\n"),
    (b"To: a@x.test, b c\n", 65, b"sendmail: a@x.test, b c: missing ',' or '<>'\n"),
    (b"To: \xff@x.test\n", 65, b"sendmail: ?@x.test: not UTF-8\n"),
], ids=["empty", "in the body", "empty group", "unbalanced", "two words", "not UTF-8"])
def test_header_without_recipients(account, header, status, text):
    done = account.sendmail("-odq", "-t", input=header)
    assert (done.returncode, done.stdout, done.stderr) == (status, b"", text)
    assert_nothing_stored(account)


# The end of the message.


def test_lone_dot_does_not_end_a_report(account):
    account.sendmail("-odq", "bob@x.test", input=b"Subject: x\n\none\n.\ntwo\n")
    assert only_entry(account).body == b"one\n.\ntwo\n"


@pytest.mark.parametrize("option,body", [((), b"one\n"), (("-i",), b"one\n.\ntwo\n"), (("-oi",), b"one\n.\ntwo\n")],
                         ids=["no option", "-i", "-oi"])
def test_dot_ends_what_a_person_types(account, option, body):
    master, slave = os.openpty()
    os.write(master, b"Subject: x\n\none\n.\ntwo\n\x04")
    done = account.run("sendmail", "-odq", *option, "bob@x.test", input=None, stdin=slave)
    os.close(slave)
    os.close(master)
    assert (done.returncode, done.stderr) == (0, b"")
    assert only_entry(account).body == body


def test_bs_stores_the_same(account):
    """What -bs takes goes the same way."""
    with account.session("-odq") as smtp:
        smtp.sendmail("ann", ["bob", "jim@x.test"], b"Subject: x\r\nBcc: eve@x.test\r\n..dot\r\ncaf\xc3\xa9\r\n")
        smtp.quit()
        assert smtp.finish() == 0
    entry = only_entry(account)
    assert (entry.sender, entry.addresses) == ("ann", ["bob", "jim@x.test"])
    assert entry.message.endswith(b"\n\n..dot\n" + CAFE) and b"eve" not in entry.message
    assert all(field in entry.header for field in MIME)
