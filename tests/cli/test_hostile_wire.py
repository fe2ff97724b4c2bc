"""What hostile mail becomes on the wire: nothing but one message, whose text is the entry's."""

import email
import os
import pwd
import random

import pytest

from support.wellformed import only_entry

CR, LF, CRLF = b"\r", b"\n", b"\r\n"


@pytest.fixture
def relayed(account, smtpd):
    """relayed(text, arguments, **server): the entry, and the one message that a server got of it."""
    servers = {}

    def relay(text, *arguments, recipients=("bob@x.test",), **settings):
        key = repr(settings)
        if key not in servers:
            servers[key] = smtpd(**settings)
        server = servers[key]
        account.relay_through(server, security="none", connections=1)
        before = len(server.messages)
        done = account.sendmail("-odq", *arguments, *recipients, input=text)
        assert (done.returncode, done.stderr) == (0, b"")
        entry = only_entry(account)
        done = account.flush()
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert account.entries() == [], account.describe()
        assert server.violations == []
        got, = server.messages[before:]
        assert (server.verbs.count("MAIL"), server.verbs.count("DATA")) == (before + 1, before + 1)
        server.wait_until(lambda: "QUIT" in server.verbs)  # the reply to it is not waited for
        assert set(server.verbs) == {"EHLO", "MAIL", "RCPT", "DATA", "QUIT"}
        return entry, got

    return relay


def text_of(data):
    """The body as a reader decodes it, with LF."""
    return email.message_from_bytes(data).get_payload(decode=True).replace(CRLF, LF)


def check(entry, got):
    assert text_of(got.data) == entry.body
    header, _, _ = got.data.partition(b"\r\n\r\n")
    for line in entry.header.splitlines():
        if not line.lower().startswith(b"content-transfer-encoding") and len(line) < 998:
            assert line in header.split(CRLF)


def recoded(got):
    return email.message_from_bytes(got.data)["Content-Transfer-Encoding"]


BODIES = [
    ("plain", b"hello\n", None),
    ("empty", b"", None),
    ("dot", b".", None),
    ("dots", b".\n..\n...\n.a\n\n.\n", None),
    ("commands", b".\nMAIL FROM:<eve@x.test>\nRCPT TO:<eve@x.test>\nDATA\nevil\n.\nQUIT\n", None),
    ("blank lines at the end", b"a\n\n\n", None),
    ("998", b"a" * 998 + b"\n", None),
    ("999", b"a" * 999 + b"\n", "quoted-printable"),
    ("1 MB line", b"a" * 1_000_000, "quoted-printable"),
    ("1 MB of dots", b"." * 1_000_000, "quoted-printable"),
    ("1 MB of blanks", b" " * 1_000_000, "quoted-printable"),
    ("1 MB of equals", b"=" * 300_000, "quoted-printable"),
    ("bare CR", b"a\rb\r\rc\n\r\n.\r.\n", "quoted-printable"),
    ("CR at the end", b"a\r", "quoted-printable"),
    ("From", b"From a\n" + b"b" * 999 + b"\nFrom c\n", "quoted-printable"),
    ("NUL", b"a\0b\n\0\n\0", "base64"),
    ("NUL in 1 MB", b"a" * 500_000 + b"\0" + b"b" * 500_000, "base64"),
    ("all bytes", bytes(range(256)) * 100, "base64"),
]


@pytest.mark.parametrize("body,encoding", [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_body(relayed, body, encoding):
    """M1, M4: long lines, NUL and bare CR are encoded, never cut."""
    entry, got = relayed(b"Subject: x\n\n" + body)
    declared = {"8bit"} if not body.isascii() else {None}
    assert recoded(got) in ({encoding} if encoding else declared)
    check(entry, got)


@pytest.mark.parametrize("body", ["é\n", "é" * 600_000, "\n.é\n."], ids=["short", "long line", "dots"])
def test_8_bit_to_a_7_bit_server(relayed, body):
    entry, got = relayed(b"Subject: x\n\n" + body.encode(), without=("8BITMIME", "SMTPUTF8"))
    assert recoded(got) == "quoted-printable" and got.data.isascii()
    check(entry, got)


def test_long_header_line(relayed):
    """M1: broken where SMTP's limit is; what was put in is a fold."""
    entry, got = relayed(b"X: " + b"a" * 1_000_000 + b"\nSubject: x\n\nbody\n")
    assert max(map(len, got.data.split(CRLF))) <= 998
    header = got.data.partition(b"\r\n\r\n")[0].replace(b"\r\n ", b"")
    assert b"\r\nX: " + b"a" * 1_000_000 + b"\r\nSubject: x\r\n" in header
    assert text_of(got.data) == b"body\n"


ENDS = [("none", b""), ("CR", CR), ("LF", LF), ("CRLF", CRLF)]


def smuggled():
    return [(before, after, last, b"text%s.%sMAIL FROM:<eve@x.test>%s" % (first, second, third))
            for before, first in ENDS for after, second in ENDS for last, third in ENDS]


def test_smuggling(account, smtpd):
    """M2: a dot between any two line ends ends nothing."""
    server = smtpd()
    account.relay_through(server, security="none", messages_per_connection=100, connections=1)
    bodies = {}
    for number, (_, _, _, text) in enumerate(smuggled()):
        done = account.sendmail("-odq", "bob@x.test", input=b"Subject: %d\n\n" % number + text + b"\nend\n")
        assert done.returncode == 0
    for entry in account.entries():
        bodies[email.message_from_bytes(entry.message)["Subject"]] = entry.body
    assert len(bodies) == 64
    assert account.flush().returncode == 0
    assert account.entries() == []
    assert server.violations == []
    got = {email.message_from_bytes(message.data)["Subject"]: message for message in server.messages}
    assert len(server.messages) == 64 and server.verbs.count("MAIL") == 64
    assert {subject: text_of(message.data) for subject, message in got.items()} == bodies
    assert {message.sender for message in server.messages} == {f"{pwd.getpwuid(os.geteuid()).pw_name}@lan.example"}


@pytest.mark.parametrize("before,after,last,text", smuggled(), ids=lambda part: part if isinstance(part, str) else "")
def test_smuggling_into_a_session(account, before, after, last, text):
    """M2 on the way in: only CRLF.CRLF ends what a session sends."""
    commands = b"EHLO x\r\nMAIL FROM:<ann@x.test>\r\nRCPT TO:<bob@x.test>\r\nDATA\r\n\r\n"
    done = account.run("sendmail", "-bs", "-odq", input=commands + text + b"\r\n.\r\nQUIT\r\n")
    assert done.returncode == 0
    entry = only_entry(account)
    assert entry.sender == "ann@x.test"
    if (before, after) == ("CRLF", "CRLF"):
        assert entry.body == b"text\n"
    else:
        assert b"MAIL FROM:<eve@x.test>" in entry.body


def test_session_with_lone_line_feeds(account):
    """One that began with them means them."""
    done = account.run("sendmail", "-bs", "-odq", input=b"EHLO x\nMAIL FROM:<ann@x.test>\nRCPT TO:<bob@x.test>\nDATA\n"
                                                        b"Subject: x\n\n..\nbody\n.\nQUIT\n")
    assert done.returncode == 0 and done.stdout.endswith(b"221 2.0.0 Bye\r\n")
    assert only_entry(account).body == b".\nbody\n"


def dotted(shift, length=200_000):
    unit = b".\n..\n\n.a\n"
    return b"x" * shift + b"\n" + unit * (length // len(unit)) + [b"", b".", b"..", b".\n"][shift % 4]


def test_dots_at_every_edge(account, smtpd):
    """M3: dots and line ends at every place of every buffer, on both sides of 16, 32 and 64 KiB."""
    server = smtpd()
    account.relay_through(server, security="none", connections=1)
    for shift in range(10):
        assert account.sendmail("-odq", "bob@x.test", input=b"\n" + dotted(shift)).returncode == 0
    stored = [entry.message for entry in account.entries()]
    assert len(stored) == 10
    assert account.flush().returncode == 0
    assert server.violations == []
    assert [message.data for message in server.messages] == [message.replace(LF, CRLF) for message in stored]


def test_dots_at_every_edge_of_encoded_text(account, smtpd):
    """M3 where the text is recoded on its way."""
    server = smtpd(without=("8BITMIME", "SMTPUTF8"))
    account.relay_through(server, security="none", connections=1)
    for shift in range(10):
        text = "é".encode() + dotted(shift, 140_000) + b"=" * 1000
        assert account.sendmail("-odq", "bob@x.test", input=b"\n" + text).returncode == 0
    stored = [entry.body for entry in account.entries()]
    assert account.flush().returncode == 0
    assert server.violations == []
    assert [text_of(message.data) for message in server.messages] == stored


def test_random_bodies(account, smtpd):
    """Any bytes arrive; half of the servers take 8 bits."""
    pieces = [b"\n", b"\r", b"\r\n", b".", b"..", b"=", b" ", b"\t", b"\0", b"From ", b"a" * 70, b"b" * 1000, b"\xff",
              "é".encode(), b"=20", b"\n.\n", b"\x1a\x04"]
    choice = random.Random(11)
    for server in (smtpd(), smtpd(without=("8BITMIME", "SMTPUTF8"))):
        account.relay_through(server, security="none", connections=1)
        for _ in range(40):
            text = b"".join(choice.choices(pieces, k=choice.randrange(30)))
            assert account.sendmail("-odq", "bob@x.test", input=b"\n" + text).returncode == 0
        stored = [entry.body for entry in account.entries()]
        assert len(stored) == 40
        assert account.flush().returncode == 0
        assert server.violations == []
        assert [text_of(message.data) for message in server.messages] == stored


SECRETS = (b"Bcc: eve@x.test\n", b"bCC : eve@x.test,\n\teve2@x.test\n", b"Resent-Bcc:\n eve@x.test\n",
           b"RESENT-BCC: eve@x.test\n")


@pytest.mark.parametrize("arguments,recipients", [(("-t",), ()), ((), ("bob@x.test", "eve@x.test")),
                                                  (("-t",), ("bob@x.test",))], ids=["-t", "arguments", "both"])
@pytest.mark.parametrize("field", SECRETS, ids=["Bcc", "folded", "Resent-Bcc", "capitals"])
def test_hidden_recipients(relayed, arguments, recipients, field):
    """M8: neither the entry's text nor the wire's tells."""
    entry, got = relayed(b"To: ann@x.test\n" + field + b"Subject: x\n\nbody\n", *arguments, recipients=recipients)
    assert "eve@x.test" in got.addresses
    for text in (entry.message, got.data):
        assert b"eve" not in text.replace(b"Received", b"") and b"bcc" not in text.lower()


# A1: addresses.

LOCALS = {"long": "a" * 255 + "@x.test", "parameters": '"a SIZE=1"@x.test', "bracket": '"a> SIZE=1 <b"@x.test',
          "quotes": '"a\\"\\\\"@x.test', "blanks": '" "@x.test', "percent": "a%n%s%x@x.test", "shell": "`$x|&{}!*`@x.test",
          "literal": "a@[IPv6:2001:db8::1]", "dash": '"-f"@x.test'}


@pytest.mark.parametrize("address", LOCALS.values(), ids=LOCALS)
def test_strange_addresses_arrive_as_they_are(relayed, address):
    entry, got = relayed(b"\n", "-f", address, recipients=(address,))
    assert (entry.sender, entry.addresses) == (address, [address])
    assert (got.sender, got.addresses) == (address, [address])
