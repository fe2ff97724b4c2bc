"""Arguments, headers and sessions from somebody who means harm: refused without a trace, or kept to the byte."""

import os
import random
import unicodedata

import pytest

from support.wellformed import assert_nothing_stored, only_entry

CONTROLS = [chr(number) for number in [*range(1, 32), 127]]
PLACES = {"start": "{}a@x.test", "before the at sign": "a{}@x.test", "domain": "a@x{}.test", "end": "a@x.test{}",
          "quoted": '"a{}b"@x.test', "bracketed": "<a@x.test{}>", "phrase": "Ann{}Doe <a@x.test>",
          "comment": "a@x.test (b{}c)", "injection": "a@x.test>{}RCPT TO:<eve@x.test", "unqualified": "a{}b"}


def harmless(text):
    """Whether nothing in it drives a terminal."""
    return all(unicodedata.category(character) != "Cc" for character in text)


def refused(done, account, statuses=(65,)):
    assert done.returncode in statuses and done.stdout == b""
    shown = done.stderr.decode()
    assert shown.startswith("sendmail: ") and shown.endswith("\n") and harmless(shown[:-1]), done.stderr
    assert_nothing_stored(account)


# A1: control characters.


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_control_characters_in_arguments(account, place):
    for control in CONTROLS:
        for arguments in (["-f", "ann@x.test", place.format(control)], ["-f", place.format(control), "bob@x.test"],
                          ["-r" + place.format(control), "bob@x.test"], ["bob@x.test," + place.format(control)]):
            refused(account.sendmail("-odq", *arguments, input=b"\n"), account)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_control_characters_in_header_addresses(account, place):
    for control in [*map(chr, range(32)), "\x7f"]:
        if control not in "\t\n\r":  # blanks and line ends have their own meaning in a header
            refused(account.sendmail("-odq", "-t", input=f"To: {place.format(control)}\n\nx\n"), account)


@pytest.mark.parametrize("command", ["MAIL FROM:<{}>", "RCPT TO:<{}>"])
@pytest.mark.parametrize("place", [place for place in PLACES.values() if " " not in place])
def test_control_characters_in_a_session(account, command, place):
    lines = b"EHLO x\r\n" + (b"" if command.startswith("MAIL") else b"MAIL FROM:<>\r\n")
    for control in [*map(chr, range(32)), "\x7f"]:
        if control in "\n\r\t":
            continue
        lines += command.format(place.strip("<>").format(control)).encode() + b"\r\n"
    done = account.run("sendmail", "-bs", "-odq", input=lines + b"DATA\r\nQUIT\r\n")
    replies = done.stdout.split(b"\r\n")
    assert done.returncode == 0 and not [line for line in replies if line[:3] in (b"354", b"451")]
    assert sum(line.startswith((b"553", b"500", b"501")) for line in replies) == 30
    assert_nothing_stored(account)


def test_control_characters_of_the_environment(account):
    for name in ("USER", "LOGNAME", "MAILUSER", "MAILHOST", "MAILNAME", "NAME", "QMAILUSER", "HOSTNAME"):
        account.sendmail("-odq", "bob@x.test", input=b"\n", env={name: "eve>\r\nRCPT TO:<x@x.test>\n"})
        entry = only_entry(account)
        assert "eve" not in entry.sender and b"RCPT" not in entry.message
        entry.path.unlink()


@pytest.mark.parametrize("address", [
    "a" * 2000 + "@x.test", "a" * 256 + "@x.test", "a@" + "x" * 2000, "a@x.test>", "<a@x.test", "a@x.test SIZE=1",
    "<a@x.test> SIZE=1", "<a@x.test>SIZE=1", "a@@x.test", "@x.test", "a@", "a@x..test", "a@.x", "a b@x.test",
    "a@x y.test", "a@[1.2.3.4", '"a@x.test', "a@x.test\\", "a@x.test;", "a@[x]y", "a@x.test>,<b@x.test", "(a@x.test",
], ids=lambda text: text[:25])
def test_malformed_addresses(account, address):
    refused(account.sendmail("-odq", "-f", address, "bob@x.test", input=b"\n"), account)
    if " " not in address:
        refused(account.sendmail("-odq", address, input=b"\n"), account)


@pytest.mark.parametrize("address", [" a@x.test ", "<a@x.test>", " <a@x.test> ", "a@x.test."])
def test_blanks_and_brackets_around_do_not_count(account, address):
    assert account.sendmail("-odq", "-f", address, address, input=b"\n").returncode == 0
    entry = only_entry(account)
    assert (entry.sender, entry.addresses) == ("a@x.test", ["a@x.test"])


# A2: any bytes.


def test_any_bytes_are_refused_or_kept(account):
    """What the entry says is what was given; 300 lists of bytes that the grammar's own characters are frequent in."""
    choice = random.Random(5)
    alphabet = [*b'abc@@..<>"\\ ,;:()[]%=|/!\n\r\t'] + list(range(1, 256))
    kept = 0
    for _ in range(300):
        word = bytes(choice.choice(alphabet) for _ in range(choice.randrange(1, 12)))
        address = os.fsdecode(b'"' + word + b'"@x.test' if choice.random() < 0.5 else word + b"@x.test")
        done = account.sendmail("-odq", "-f", address, "--", "bob@x.test", input=b"\n")
        if done.returncode == 0:
            entry = only_entry(account)
            if entry.sender:
                assert entry.sender in address, address
            assert entry.addresses == ["bob@x.test"]
            entry.path.unlink()
            kept += 1
        else:
            refused(done, account)
    assert kept > 10


@pytest.mark.parametrize("quoted", [chr(number) for number in range(32, 127) if chr(number) not in '"\\'])
def test_any_character_between_quotes_is_kept(account, quoted):
    address = f'"a{quoted}b"@x.test'
    assert account.sendmail("-odq", "-f", address, address, input=b"\n").returncode == 0
    entry = only_entry(account)
    assert (entry.sender, entry.addresses) == (address, [address])


def test_senders_that_look_like_lines_of_an_entry(account):
    for word in ("x\nSender: root@x.test", "x\nto s 0 <e@x.test> <e@x.test>", "x\n\nFrom eve", "From eve@x.test\nx"):
        refused(account.sendmail("-odq", "-f", word, "bob@x.test", input=b"\n"), account)  # A3 too
        refused(account.sendmail("-odq", word, input=b"\n"), account)


@pytest.mark.parametrize("option", ["-V", "-N", "-R", "-F", "-h", "-p", "-B", "-O", "-o", "-X", "-C", "-D", "-d", "-L"])
def test_line_ends_in_option_values(account, option):
    done = account.sendmail("-odq", option + "x\nto s 0 <eve@x.test> <eve@x.test>\n\nBcc: eve@x.test", "bob@x.test",
                            input=b"\n")
    assert done.returncode in (0, 65)
    if done.returncode == 0:
        entry = only_entry(account)
        assert entry.addresses == ["bob@x.test"] and b"\nBcc:" not in entry.message
    assert list(account.work.iterdir()) == []


# A6: what only alias files may hold.

TARGETS = ["|touch x", "|/bin/touch", '"|touch x"', "/etc/x", "/dev/null", ":include:/etc/shadow", " |x", "<|x>", "</x>"]


@pytest.mark.parametrize("target", TARGETS)
def test_commands_and_files_are_no_recipients(account, target):
    refused(account.sendmail("-odq", target, input=b"\n"), account)
    refused(account.sendmail("-odq", "-t", input=b"To: " + target.encode() + b"\n\n"), account)
    refused(account.sendmail("-odq", "bob@x.test," + target, input=b"\n"), account)
    done = account.run("sendmail", "-bs", "-odq", input=f"MAIL FROM:<>\r\nRCPT TO:<{target.strip(' <>')}>\r\nDATA\r\n")
    assert b"553 5.1.3" in done.stdout and b"354" not in done.stdout
    assert_nothing_stored(account)


@pytest.mark.parametrize("target", TARGETS)
def test_commands_and_files_are_no_senders(account, target):
    """A bounce to one would run it."""
    refused(account.sendmail("-odq", "-f", target, "bob@x.test", input=b"\n"), account)
    done = account.run("sendmail", "-bs", "-odq", input=f"MAIL FROM:<{target.strip(' <>')}>\r\nRCPT TO:<bob>\r\nDATA\r\n")
    assert b"553 5.1.3" in done.stdout or b"501" in done.stdout
    assert b"354" not in done.stdout
    assert_nothing_stored(account)


@pytest.mark.parametrize("arguments", [["--", "-oQ/tmp"], ["bob@x.test", "-X/tmp/x"], ["--", "-f@x.test"]], ids=str)
def test_recipients_like_options(account, arguments):
    refused(account.sendmail("-odq", *arguments, input=b"\n"), account, (64,))


# Sessions.

ODD_COMMANDS = [b"MAIL FROM:", b"RCPT TO:", b"MAIL", b"RCPT", b"MAIL FROM", b"MAIL TO:<a>", b"MAIL FROM:<", b"MAIL FROM:>",
                b'MAIL FROM:<"', b'MAIL FROM:<"\\', b"MAIL FROM:<a@x.test> SIZE", b"MAIL FROM:<a@x.test> SIZE=",
                b"MAIL FROM:<a@x.test> SIZE=-1", b"MAIL FROM:<a@x.test> SIZE=99999999999999999999999999",
                b"MAIL FROM:<a@x.test> =", b"RCPT TO:<a@x.test> NOTIFY=NEVER", b"XENTRY", b"XENTRY x", b"XENTRY -1",
                b"", b" ", b"\0", b"\xff\xfe", b"%n%s%n%s", b"EHLO \x1b[2J", b"a" * 100_000, b"HELO", b"DATA x",
                b"VRFY %n\x1b", b"RSET x", b"NOOP " + b"x" * 20000]


def test_odd_commands(account):
    """Each has one refusal or one reply, and the session lives on."""
    for command in ODD_COMMANDS:
        done = account.run("sendmail", "-bs", "-odq", input=command + b"\r\nNOOP\r\nQUIT\r\n")
        assert (done.returncode, done.stderr) == (0, b""), command
        lines = done.stdout.split(b"\r\n")
        replies = [line for line in lines if line[3:4] != b"-"]
        assert len(replies) == 5 and replies[0].startswith(b"220 "), command
        assert [line[:3] for line in replies[2:4]] == [b"250", b"221"] and replies[4] == b"", command
        assert all(harmless(line.decode()) for line in lines), command
    assert_nothing_stored(account)


# A15: nothing is a format.

FORMATS = "%n%s%n%s%n%s%x%999999d"


def test_formats_everywhere_on_the_way_in(account):
    account.sendmail("-odq", "-f", f"{FORMATS}@x.test", "-F", FORMATS, "-V", FORMATS, "-h", FORMATS,
                     f"{FORMATS}@y.test", input=f"Subject: {FORMATS}\nX-{FORMATS}: {FORMATS}\n\n{FORMATS}\n")
    entry = only_entry(account)
    assert (entry.sender, entry.addresses) == (f"{FORMATS}@x.test", [f"{FORMATS}@y.test"])
    assert f"From: {FORMATS} <{FORMATS}@x.test>\n".encode() in entry.message
    assert entry.body.decode() == f"{FORMATS}\n"
    entry.path.unlink()
    refused(account.sendmail("-odq", f"{FORMATS} <", input=b"\n"), account)
    for program in ("mailq", "postbag-flush"):
        done = account.run(program, f"--{FORMATS}")
        assert (done.returncode, done.stderr) == (64, f"{program}: --{FORMATS}: unknown option\n".encode())


@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail", "rcpt", "data", "dot"])
def test_formats_in_replies(account, smtpd, step):
    """What a server says is shown as it is, but for what would drive a terminal."""
    account.relay_through(smtpd({step: f"451 4.3.0 {FORMATS} \x1b[2J\x07 \xff"}), security="none")
    account.sendmail("-odq", f"{FORMATS}@x.test", input=f"Subject: {FORMATS}\n\n")
    done = account.flush("-v")
    assert done.returncode == 0 and FORMATS.encode() in done.stderr
    assert harmless(done.stderr.decode().replace("\n", ""))
    shown = account.mailq().stdout.decode()
    assert FORMATS in shown and harmless(shown.replace("\n", "").replace("\t", ""))
    assert len(account.entries()) == 1
