"""`sendmail -bs`: SMTP on standard input and output, with real clients and with raw dialogues."""

import itertools
import re
import shutil
import smtplib
import subprocess

import pytest
from support import stand_ins

CAPABILITIES = {"pipelining": "", "size": "52428800", "8bitmime": "", "smtputf8": "", "dsn": "", "xentry": "",
                "enhancedstatuscodes": ""}
ENVELOPE = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n"
TEXT = b"Subject: s\r\n\r\n"
QUEUED = re.compile(r"250 2\.0\.0 Ok: queued as [0-9A-V]{15}")


@pytest.fixture(scope="session")
def programs(programs, tmp_path_factory):  # pylint: disable=redefined-outer-name
    """The real sendmail beside a flush that only notes that it was started."""
    return stand_ins.make(tmp_path_factory.mktemp("bin"), programs)


def talk(account, data, *arguments):
    """Sends all of it at once; returns the replies, one string a line, behind the greeting."""
    done = account.sendmail("-bs", *arguments, input=data)
    assert (done.returncode, done.stderr) == (0, b"")
    greeting, *replies = done.stdout.decode().split("\r\n")
    assert re.fullmatch(r"220 \S+ ESMTP postbag", greeting) and replies.pop() == ""
    return replies


def codes(replies):
    return [reply[:9].rstrip() if re.match(r"\d{3}[ -]\d\.\d\.\d", reply) else reply[:3] for reply in replies]


def fields(entry):
    """The header without what sendmail put in itself."""
    lines = entry.header.decode().splitlines()
    return [line for line in lines if not re.match("Received:|\t|Date:|From:|Message-ID:", line)]


# Real clients.


def test_smtplib_sends(account):
    with account.session() as smtp:
        assert smtp.ehlo()[0] == 250
        assert smtp.esmtp_features == CAPABILITIES
        assert smtp.sendmail("a@x.test", ["b@x.test", "root"], "Subject: s\r\n\r\n.dot\r\n..\r\nend\r\n") == {}
        assert smtp.noop() == (250, b"2.0.0 Ok")
    assert smtp.finish() == 0
    entry, = account.entries()
    assert entry.sender == "a@x.test"
    assert [(to.kind, to.address, to.params) for to in entry.recipients] == [("a", "b@x.test", {}), ("u", "root", {})]
    assert entry.body == b".dot\n..\nend\n"
    assert stand_ins.started(account)


def test_smtplib_sends_many_in_one_session_and_one_flush_is_started(account):
    with account.session() as smtp:
        for number in range(20):
            smtp.sendmail("a@x.test", [f"b{number}@x.test"], f"Subject: {number}\r\n\r\nx\r\n")
        assert not stand_ins.called(account, "postbag-flush") and stand_ins.never_started(account)
    assert smtp.finish() == 0
    assert [entry.addresses for entry in account.entries()] == [[f"b{number}@x.test"] for number in range(20)]
    assert stand_ins.started(account)


def test_smtplib_goes_on_after_a_refused_recipient(account):
    with account.session() as smtp:
        refused = smtp.sendmail("a@x.test", ["b@x.test", "|touch x", "-bad"], "Subject: s\r\n\r\nx\r\n")
    assert {address: code for address, (code, _) in refused.items()} == {"|touch x": 553, "-bad": 553}
    entry, = account.entries()
    assert entry.addresses == ["b@x.test"]


def test_smtplib_sends_addresses_and_headers_in_utf8(account):
    with account.session() as smtp:
        smtp.ehlo()
        smtp.mail("jürgen@x.test", ["SMTPUTF8", "BODY=8BITMIME"])
        smtp.rcpt("bäcker@y.test")
        smtp.data("Subject: grün\r\n\r\nweiß\r\n".encode())
    entry, = account.entries()
    assert (entry.sender, entry.addresses) == ("jürgen@x.test", ["bäcker@y.test"])
    assert entry.facts["header8"] == entry.facts["body8"] == "1"
    assert "Subject: grün\n".encode() in entry.header and entry.body == "weiß\n".encode()


def test_smtplib_is_told_the_size_limit(make_account):
    account = make_account("[site]\ndomain = lan.example\n[spool]\nsize_limit = 2000\n")
    with account.session() as smtp:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            smtp.sendmail("a@x.test", ["b@x.test"], "Subject: s\r\n\r\n" + "x" * 2500)
        assert (refused.value.smtp_code, refused.value.smtp_error) == (552, b"5.3.4 Larger than 2000 bytes")
        assert smtp.esmtp_features["size"] == "2000"
        smtp.mail("a@x.test")  # undeclared
        smtp.rcpt("b@x.test")
        code, text = smtp.data(b"Subject: s\r\n\r\n" + b"x\r\n" * 20000)
        assert code == 552 and b"larger than size_limit" in text
        assert smtp.sendmail("a@x.test", ["b@x.test"], "Subject: small\r\n\r\nx\r\n") == {}
    entry, = account.entries()
    assert b"Subject: small\n" in entry.header
    assert not list((account.spool / "tmp").iterdir())


@pytest.mark.parametrize("options", [[], ["--pipeline"], ["--protocol", "SMTP"]], ids=["esmtp", "pipelined", "smtp"])
def test_swaks_over_a_pipe(account, options):
    swaks = shutil.which("swaks")
    assert swaks, "swaks is not installed"
    command = f"env POSTBAG_CONFIG={account.config} {account.programs['sendmail']} -bs"
    done = subprocess.run([swaks, "--pipe", command, "--from", "a@x.test", "--to", "b@x.test,c@y.test", "--ehlo", "me",
                           "--header", "Subject: s", "--body", ".dot\nend", *options], capture_output=True,
                           cwd=account.work,
                          stdin=subprocess.DEVNULL, env=account.env, timeout=20, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    account.wait_until(account.entries, what="the message")
    entry, = account.entries()
    assert (entry.sender, entry.addresses) == ("a@x.test", ["b@x.test", "c@y.test"])
    assert b"Subject: s\n" in entry.header and entry.body.startswith(b".dot\nend\n")


# Dialogues.

EHLO = ["250-PIPELINING", "250-SIZE 52428800", "250-8BITMIME", "250-SMTPUTF8", "250-DSN", "250-XENTRY",
        "250 ENHANCEDSTATUSCODES"]


def test_a_whole_session_in_one_piece(account):
    replies = talk(account, b"EHLO me\r\n" + ENVELOPE + b"DATA\r\n" + TEXT + b"one\r\n.\r\n" + ENVELOPE +
                   b"RSET\r\nMAIL FROM:<> SIZE=9 BODY=8BITMIME\r\nRCPT TO:<\"q r\"@x.test>\r\nDATA\r\n" + TEXT +
                   b"two\r\n.\r\nQUIT\r\nNOOP\r\n")
    assert replies[0].startswith("250-") and replies[1:8] == EHLO
    envelope = ["250 2.1.0 Ok", "250 2.1.5 Ok"]
    data = "354 End data with <CR><LF>.<CR><LF>"
    assert replies[8:11] == [*envelope, data] and QUEUED.fullmatch(replies[11])
    assert replies[12:18] == [*envelope, "250 2.0.0 Ok", *envelope, data] and QUEUED.fullmatch(replies[18])
    assert replies[19:] == ["221 2.0.0 Bye"]
    first, second = account.entries()
    assert (first.sender, first.addresses, first.body) == ("a@x.test", ["b@x.test"], b"one\n")
    assert (second.sender, second.addresses, second.body) == ("", ['"q r"@x.test'], b"two\n")
    assert fields(first) == fields(second) == ["Subject: s"]


@pytest.mark.parametrize("commands, expected", [
    (b"HELO me", ["250"]),
    (b"NOOP\r\nnoop x\r\nRSET", ["250 2.0.0"] * 3),
    (b"VRFY root\r\nVRFY\r\nVRFY |x", ["252 2.0.0"] * 3),
    (b"RCPT TO:<b@x.test>", ["503 5.5.1"]),
    (b"DATA", ["503 5.5.1"]),
    (b"MAIL FROM:<a@x.test>\r\nDATA", ["250 2.1.0", "554 5.5.1"]),
    (b"MAIL FROM:<a@x.test>\r\nMAIL FROM:<b@x.test>", ["250 2.1.0", "503 5.5.1"]),
    (b"MAIL FROM:<a@x.test>\r\nRSET\r\nRCPT TO:<b@x.test>", ["250 2.1.0", "250 2.0.0", "503 5.5.1"]),
    (b"MAIL FROM:<a@x.test>\r\nEHLO again\r\nMAIL FROM:<a@x.test>", ["250 2.1.0"] + ["250"] * 8 + ["250 2.1.0"]),
    (b"MAIL", ["501 5.5.4"]),
    (b"MAIL FROM:", ["501 5.5.4"]),
    (b"MAIL FROM: ", ["501 5.5.4"]),
    (b"MAIL TO:<a@x.test>", ["501 5.5.4"]),
    (b"mail from:a@x.test", ["250 2.1.0"]),
    (b"Mail From: <a@x.test>", ["250 2.1.0"]),
    (b"MAIL FROM:<a@x.test> SIZE=1x", ["501 5.5.4"]),
    (b"MAIL FROM:<a@x.test> SIZE", ["501 5.5.4"]),
    (b"MAIL FROM:<a@x.test> SIZE=99999999999", ["552 5.3.4"]),
    (b"MAIL FROM:<a@x.test> MT-PRIORITY=3", ["555 5.5.4"]),
    (b"MAIL FROM:<a@x.test", ["553 5.1.3"]),
    (b"MAIL FROM:<a b@x.test>", ["553 5.1.3"]),
    (b"MAIL FROM:<a@x.test\rRCPT TO:<b@x.test>>", ["553 5.1.3"]),
    (b"MAIL FROM:<\xff@x.test>", ["553 5.1.3"]),
    (b"STARTTLS\r\nAUTH PLAIN x\r\nBDAT 3\r\n\r\nMAILX\r\nHELP", ["500 5.5.1"] * 6),
    (b"XENTRY\r\nXENTRY x\r\nXENTRY -1", ["501 5.5.4"] * 3),
], ids=lambda value: value.decode(errors="backslashreplace").strip() if isinstance(value, bytes) else "")
def test_replies(account, commands, expected):
    replies = talk(account, commands + b"\r\nQUIT\r\n")
    assert codes(replies) == expected + ["221 2.0.0"]
    assert account.entries() == []


@pytest.mark.parametrize("rcpt, expected", [
    (b"<root>", "250 2.1.5"),
    (b"<POSTMASTER>", "250 2.1.5"),
    (b"<b@x.test>", "250 2.1.5"),
    (b"<@route.test,@more.test:b@x.test>", "250 2.1.5"),
    (b'<"a>b"@x.test>', "250 2.1.5"),
    (b"<b@[192.0.2.1]>", "250 2.1.5"),
    (b"", "501 5.5.4"),
    (b"<>", "553 5.1.3"),
    (b"<-X/tmp/x>", "553 5.1.3"),
    (b"<|touch>", "553 5.1.3"),
    (b"</etc/passwd>", "553 5.1.3"),
    (b"<:include:/etc/passwd>", "553 5.1.3"),
    (b"<b@x.test> RRVS=2026-01-01T00:00:00Z", "555 5.5.4"),
], ids=lambda value: (value.decode() or "none") if isinstance(value, bytes) else "")
def test_recipients(account, rcpt, expected):
    replies = talk(account, b"MAIL FROM:<a@x.test>\r\nRCPT TO:" + rcpt + b"\r\nQUIT\r\n")
    assert codes(replies) == ["250 2.1.0", expected, "221 2.0.0"]


def test_an_unqualified_recipient_stays_so(account):
    talk(account, b"MAIL FROM:<cron>\r\nRCPT TO:<root>\r\nDATA\r\n.\r\n")
    entry, = account.entries()
    assert (entry.sender, [(to.kind, to.address) for to in entry.recipients]) == ("cron", [("u", "root")])


@pytest.mark.parametrize("first", [False, True], ids=["later", "as-first-command"])
@pytest.mark.parametrize("length, expected", [(12288, "250 2.0.0"), (12289, "500 5.5.2"), (100000, "500 5.5.2")])
def test_long_commands(account, length, expected, first):
    command = b"NOOP " + b"x" * (length - 7) + b"\r\n"
    replies = talk(account,
                   (b"" if first else b"HELO me\r\n") + command + ENVELOPE + b"DATA\r\nx\n.\ny\r\n.\r\nQUIT\r\n")
    assert codes(replies[0 if first else 1:]) == [expected, "250 2.1.0", "250 2.1.5", "354", "250 2.0.0", "221 2.0.0"]
    entry, = account.entries()
    assert entry.body == b"x\n.\ny\n"  # a long command does not make it a session of bare line feeds


def test_nul_in_a_command_is_refused(account):
    replies = talk(account, b"NOOP\0\r\nMAIL FROM:<a\0@x.test>\r\nMAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test\0>\r\n")
    assert codes(replies) == ["500 5.5.2", "500 5.5.2", "250 2.1.0", "500 5.5.2"]


@pytest.mark.parametrize("rest", [b"", b".", b".\r", b"x\r\n", b"x\r\n.", b"x\r\n.\r", b"x\n.\n"],
                         ids=lambda rest: repr(rest.decode()))
def test_the_end_of_input_inside_a_message_queues_nothing(account, rest):
    replies = talk(account, b"HELO me\r\n" + ENVELOPE + b"DATA\r\n" + TEXT + rest)
    assert codes(replies) == ["250", "250 2.1.0", "250 2.1.5", "354"]
    assert account.entries() == [] and not list((account.spool / "tmp").iterdir())
    assert stand_ins.never_started(account)


def test_a_command_without_its_line_end_is_none(account):
    assert codes(talk(account, b"HELO me\r\nQUIT")) == ["250"]


def test_the_end_of_input_after_a_message_keeps_it(account):
    assert QUEUED.fullmatch(talk(account, ENVELOPE + b"DATA\r\n" + TEXT + b"x\r\n.\r\n")[-1])
    entry, = account.entries()
    assert entry.body == b"x\n"
    assert stand_ins.started(account)


def test_odq_holds_for_a_session_too(account):
    talk(account, ENVELOPE + b"DATA\r\n.\r\n", "-odq")
    assert len(account.entries()) == 1 and stand_ins.never_started(account)


# The end of a message (SMTP smuggling: CVE-2023-51764).

ENDS = {"CR": b"\r", "LF": b"\n", "CRLF": b"\r\n", "none": b""}


def received(data, lone_lf):
    """What a message of these bytes becomes, and what is left behind its end; None: it has none."""
    lines = re.findall(rb"[^\n]*\n|[^\n]+\Z", data)
    body, starts = b"", True
    for index, line in enumerate(lines):
        if starts and (line == b".\r\n" or (lone_lf and line == b".\n")):
            return re.sub(rb"\r\n", b"\n", body), b"".join(lines[index + 1:])
        body += line[1:] if starts and line.startswith(b".") else line
        starts = line.endswith(b"\r\n") or lone_lf
    return None


@pytest.mark.parametrize("lone_lf", [False, True], ids=["crlf-session", "lf-session"])
@pytest.mark.parametrize("before", ENDS)
def test_only_crlf_dot_crlf_ends_a_message(account, before, lone_lf):
    for behind, last in itertools.product(ENDS.values(), repeat=2):
        around = ENDS[before] + b"." + behind + last
        text = b"one" + around + b"NOOP two\r\n.\r\n"
        body, rest = received(text, lone_lf)
        replies = talk(account, (b"HELO me\n" if lone_lf else b"HELO me\r\n") + ENVELOPE + b"DATA\r\n" + TEXT + text)
        entry = account.entries()[-1]
        assert entry.body == body + (b"" if body.endswith(b"\n") else b"\n"), around
        assert codes(replies)[:5] == ["250", "250 2.1.0", "250 2.1.5", "354", "250 2.0.0"], around
        assert len(replies) == 5 + rest.count(b"\n"), around
        if not lone_lf:
            assert (b"\r\n.\r\n" in around) == (b"two" not in body), around
    assert len(account.entries()) == len(ENDS) ** 2


@pytest.mark.parametrize("line, expected", [(b".", b""), (b"..", b"."), (b"...", b".."), (b".x", b"x"), (b". ", b" "),
                                            (b"x.", b"x."), (b".." + b"x" * 20000, b"." + b"x" * 20000)],
                         ids=lambda value: value[:4].decode())
def test_stuffed_dots_are_taken_off(account, line, expected):
    end = b"" if line == b"." else b".\r\n"
    talk(account, ENVELOPE + b"DATA\r\n" + TEXT + b"a\r\n" + line + b"\r\n" + end)
    entry, = account.entries()
    assert entry.body == b"a\n" + (expected + b"\n" if end else b"")


@pytest.mark.parametrize("length", [*range(8188, 8196), *range(16380, 16388), 1000000])
def test_long_lines_of_a_message(account, length):
    """Lines whose ends, CRs and dots fall on every side of a buffer's."""
    line = b"." + b"x" * (length - 1)
    talk(account,
         ENVELOPE + b"DATA\r\n" + TEXT + b"x" * length + b"\r\n." + line + b"\r\n..\r\n" + line[:-1] + b"\r\n.\r\n")
    entry, = account.entries()
    assert entry.body == b"x" * length + b"\n" + line + b"\n.\n" + line[1:-1] + b"\n"


def test_a_message_in_pieces_of_one_byte(account):
    """Every state between two bytes is met, also that of a client that waits for each reply."""
    with subprocess.Popen([account.programs["sendmail"], "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env=account.env, cwd=account.work, bufsize=0) as process:
        for line, replies in [(b"", b"220"), (b"HELO me\r\n", b"250"), (b"MAIL FROM:<a@x.test>\r\n", b"250"),
                              (b"RCPT TO:<b@x.test>\r\n", b"250"), (b"DATA\r\n", b"354"),
                              (TEXT + b"..\r\r\n.\r.\r\n.\n.\r\n\r\n.\r\n", b"250"), (b"QUIT\r\n", b"221")]:
            for byte in line:
                process.stdin.write(bytes([byte]))
            assert process.stdout.readline().startswith(replies)
        assert process.wait(10) == 0
    entry, = account.entries()
    assert entry.body == b".\r\n\r.\n\n.\n\n"
