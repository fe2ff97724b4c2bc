"""sendmail's command line: every letter that any sendmail takes, what it does here, and what it must never do."""

import os
import pwd
import string

import pytest
from support import stand_ins
from support.pty_session import PtySession
from support.watch import Watch

MESSAGE = b"Subject: s\n\n.\nbody\n"
LOGIN = pwd.getpwuid(os.geteuid()).pw_name
# The table of the field: letters whose value may be the next word, those whose value can only be attached, and those
# that have none. Every other letter is unknown.
NEXT_WORD = "BCFfhLNOopRrVXAMQ"
ATTACHED = "dDeq" + "b"
FLAGS = "tivnmGIUxcs"
UNKNOWN = sorted(set(string.ascii_letters + string.digits + "@:?%=") - set(NEXT_WORD + ATTACHED + FLAGS))
HARMLESS = {"B": "8BITMIME", "C": "/etc/sendmail.cf", "F": "Jane", "f": "a@x.test", "h": "3", "L": "tag", "N": "never",
            "O": "Timeout=5s", "o": "m", "p": "ESMTP:host", "R": "hdrs", "r": "a@x.test", "V": "id", "X": "/log",
            "A": "c", "M": "rHOST", "Q": "reason", "d": "0-99.1", "D": "/log", "e": "m"}


@pytest.fixture(scope="session")
def programs(programs, tmp_path_factory):  # pylint: disable=redefined-outer-name
    """The real sendmail beside siblings that only record how they were called."""
    return stand_ins.make(tmp_path_factory.mktemp("bin"), programs)


def queued(account, *arguments, input=MESSAGE, **more):
    """The entry that this made, silently."""
    done = account.sendmail(*arguments, input=input, **more)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    entry, = account.entries()
    return entry


def refused(account, status, *arguments, **more):
    """What it said; nothing was queued, nothing left behind, no flush started."""
    done = account.sendmail(*arguments, **{"input": MESSAGE, **more})
    assert (done.returncode, done.stdout) == (status, b"")
    assert account.entries() == [] and not list(account.spool.glob("tmp/*")) and stand_ins.never_started(account)
    assert done.stderr.count(b"\n") == 1 and done.stderr.startswith(b"sendmail: ")
    return done.stderr.decode()[len("sendmail: "):-1]


# What no letter may do: swallow a recipient, refuse, or say a word.


def queued_each(account, lines, **more):
    """The entries of several command lines, one after another."""
    made = []
    for line in lines:
        done = account.sendmail("-odq", *line.split(" "), "b@x.test", **{"input": MESSAGE, **more})
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), line
        fresh, = [entry for entry in account.entries() if entry.id not in {known.id for known in made}]
        assert fresh.addresses == ["b@x.test"], line
        made.append(fresh)
    return made


@pytest.mark.parametrize("letter", [letter for letter in FLAGS if letter != "I"])
def test_letters_without_value(account, letter):
    """Bare, behind another, before another, amid others."""
    for entry in queued_each(account, [f"-{letter}", f"-i{letter}", f"-{letter}i", f"-m{letter}n"]):
        assert (entry.sender, entry.body) == (LOGIN, b".\nbody\n")


@pytest.mark.parametrize("letter", NEXT_WORD)
def test_letters_with_a_value(account, letter):
    """In the next word, attached, both also in a cluster."""
    value = HARMLESS[letter]
    lines = [f"-{letter} {value}", f"-{letter}{value}", f"-i{letter} {value}", f"-im{letter}{value}"]
    for entry in queued_each(account, lines):
        assert entry.sender == ("a@x.test" if letter in "fr" else LOGIN)
        assert (b"From: Jane <" in entry.header) == (letter == "F")
        assert entry.recipients[0].params == ({"notify": "never"} if letter == "N" else {})
        assert entry.senders[0][1] == {"R": {"ret": "hdrs"}, "V": {"envid": "id"}}.get(letter, {})


@pytest.mark.parametrize("letter", "dDe")
def test_letters_whose_value_is_only_attached(account, letter):
    value = HARMLESS[letter]
    queued_each(account, [f"-{letter}", f"-{letter}{value}", f"-i{letter}{value}"])


@pytest.mark.parametrize("letter", UNKNOWN)
def test_unknown_letters_are_ignored_with_the_rest_of_their_word(account, letter):
    lines = [f"-{letter}", f"-{letter}xyz", f"-i{letter}", f"-{letter}t"]  # the last is no -t
    queued_each(account, lines, input=b"To: c@x.test\n\nx\n")


@pytest.mark.parametrize("word", ["--help", "--version", "--read-envelope-from", "--config=/x", "---"])
def test_long_options_of_others_are_ignored(account, word):
    assert queued(account, "-odq", word, "b@x.test").addresses == ["b@x.test"]


@pytest.mark.parametrize("letter", NEXT_WORD)
def test_a_missing_value_is_a_mistake_of_usage(account, letter):
    assert refused(account, 64, "-t", f"-{letter}") == f"-{letter}: needs a value"


# What the letters mean.

WHO = {"-f a@x.test": "a@x.test", "-fa@x.test": "a@x.test", "-r a@x.test": "a@x.test", "-ra@x.test": "a@x.test",
       "-f <a@x.test>": "a@x.test", "-f <>": "", "-f ": "", "-f fail2ban": "fail2ban",
       "-f a@x.test -f b@x.test": "b@x.test",
       "-f a@x.test -r b@x.test": "b@x.test", "-r a@x.test -f b@x.test": "b@x.test", "-f a@x.test -f <>": "",
       "-if a@x.test": "a@x.test", "-ifa@x.test": "a@x.test", "-f a+b=c@x.test": "a+b=c@x.test",
       '-f "a.b"@x.test': '"a.b"@x.test', "-F Jane": LOGIN, "-f a@[192.0.2.1]": "a@[192.0.2.1]"}


@pytest.mark.parametrize("words, sender", WHO.items(), ids=WHO)
def test_the_sender(account, words, sender):
    assert queued(account, "-odq", *words.split(" "), "b@x.test").sender == sender


@pytest.mark.parametrize("sender", ["a b@x.test", "a@x.test\n", "a\x01", "a@b@x.test", "a@", "@x.test", "<a@x.test",
                                    "a>b@x.test",
                                    "|touch x", "a\r\nRCPT TO:<c@x.test>", "a\x7f@x.test", "x" * 256 + "@x.test"],
                         ids=lambda text: repr(text[:24]))
def test_a_sender_that_is_no_address_is_refused(account, sender):
    assert refused(account, 65, "-f", sender, "b@x.test")


@pytest.mark.parametrize("words, shown", [
    ("-F|Jane Doe", "Jane Doe <{}>"), ("-FJane Doe", "Jane Doe <{}>"), ("-F|Cron Daemon|-F|Last", "Last <{}>"),
    ("-F|Doe, Jane", '"Doe, Jane" <{}>'), ("-FJürgen", "=?UTF-8?Q?J=C3=BCrgen?= <{}>"),
    ("-F|x\nBcc: c@x.test", None), ('-F|a"b', '"a\\"b" <{}>')], ids=lambda value: ascii(value) if value else "")
def test_the_full_name_stands_in_a_missing_from_only(account, words, shown):
    entry = queued(account, "-odq", *words.split("|"), "b@x.test")
    lines = entry.header.decode().splitlines()
    shown_lines = [line for line in lines if line.startswith("From: ")]
    assert len(shown_lines) == 1 and not [line for line in lines if line.startswith("Bcc")]
    if shown:
        assert shown_lines == ["From: " + shown.format(f"{LOGIN}@lan.example")]
    account.sendmail("-odq", *words.split("|"), "b@x.test", input=b"From: c@x.test\n\n")
    assert b"\nFrom: c@x.test\n" in account.entries()[1].header


DSN = {"-N never": "never", "-Nnever": "never", "-N success,delay,failure": "success,delay,failure",
       "-N SUCCESS": "success",
       "-N failure -N never": "never"}


@pytest.mark.parametrize("words, notify", DSN.items(), ids=DSN)
def test_notify(account, words, notify):
    entry = queued(account, "-odq", *words.split(), "b@x.test", "root")
    assert [to.params for to in entry.recipients] == [{"notify": notify}] * 2


@pytest.mark.parametrize("words, sender", [("-R hdrs", {"ret": "hdrs"}), ("-RFULL", {"ret": "full"}),
                                           ("-V abc", {"envid": "abc"}),
                                           ("-V00000001", {"envid": "00000001"}), ("-V a=b", {"envid": "a+3Db"}),
                                           ("-V a+3Db", {"envid": "a+3Db"}),
                                           ("-V <a@x.test>", {"envid": "+3Ca@x.test+3E"}), ("-Vxy", {"envid": "xy"}), ("-V ", {}),
                                           ("-R hdrs -V q", {"ret": "hdrs", "envid": "q"})],
                         ids=lambda value: value if isinstance(value, str) else "")
def test_ret_and_envid(account, words, sender):
    assert queued(account, "-odq", *words.split(" "), "b@x.test").senders == {0: (LOGIN, sender)}


@pytest.mark.parametrize("words", ["-N sometimes", "-N never,success", "-N success,", "-N ", "-R some", "-R ",
                                   "-R\x1b[2J"],
                         ids=ascii)
def test_bad_dsn_values_are_told_and_the_message_is_queued_without(account, words):
    done = account.sendmail("-odq", *words.split(" "), "b@x.test", input=MESSAGE)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.startswith(b"sendmail: %s" % words[:2].encode()) and b": ignored: " in done.stderr
    assert done.stderr.count(b"\n") == 1 and b"\x1b" not in done.stderr
    entry, = account.entries()
    assert (entry.recipients[0].params, entry.senders[0][1]) == ({}, {})


def test_an_envid_over_100_characters_is_told_and_left_out(account):
    assert queued(account, "-odq", "-V", "x" * 100, "b@x.test").senders[0][1] == {"envid": "x" * 100}
    done = account.sendmail("-odq", "-V", "x" * 101, "b@x.test", input=MESSAGE)
    assert (done.returncode, done.stderr.count(b"\n")) == (0, 1) and b": ignored: over 100 characters\n" in done.stderr
    assert account.entries()[1].senders[0][1] == {}


# Recipients.

LISTS = {"a@x.test b@x.test": ["a@x.test b@x.test"], "two words": ["a@x.test", "b@x.test"],
         "comma": ["a@x.test,b@x.test"],
         "comma and blank": ["a@x.test, b@x.test"], "brackets": ["A <a@x.test>, <b@x.test>"],
         "group": ["g: a@x.test, b@x.test;"],
         "names": ['"x, y" <a@x.test>, b@x.test (c, d)'], "twice": ["a@x.test", "b@x.test", "a@X.TEST"],
         "route": ["<@r.test:a@x.test>", "b@x.test"]}


@pytest.mark.parametrize("words", LISTS.values(), ids=LISTS)
def test_recipients_in_one_word_or_many(account, words):
    assert queued(account, "-odq", *words).addresses == ["a@x.test", "b@x.test"]


@pytest.mark.parametrize("words, kind, address", [(["root"], "u", "root"), (["a@x.test"], "a", "a@x.test"),
                                                  (["\\root"], "m", "root"), (["--", "root"], "u", "root")])
def test_kinds_of_recipients(account, words, kind, address):
    assert [(to.kind, to.address) for to in queued(account, "-odq", *words).recipients] == [(kind, address)]


@pytest.mark.parametrize("words", [["b@x.test", "-t"], ["b@x.test", "-X/tmp/x"], ["--", "-b@x.test"], ["-"],
                                   ["-t", "-"],
                                   ["b@x.test", "--"], ["--", "-t"], ["b@x.test,-X/x"], ["<-X/x@x.test>"],
                                   ["b@x.test", "-odb"]],
                         ids=" ".join)
def test_a_recipient_that_looks_like_an_option_is_refused(account, words):
    assert "cannot begin with '-'" in refused(account, 64, *words)


@pytest.mark.parametrize("word", ["|touch canary", "/etc/passwd", ":include:/etc/passwd", "a@x.test, |touch canary",
                                  '"|touch canary"', "a\nb", "a@x.test\r\nb@x.test", "a\x01@x.test", "a@",
                                  "a b <c@x.test",
                                  "<a@x.test> junk", "a@x..test", '"a@x.test'], ids=ascii)
def test_what_is_no_address_is_refused(account, word):
    assert refused(account, 65, word)
    assert not list(account.work.iterdir())


@pytest.mark.parametrize("words", [[], ["-i"], ["-f", "a@x.test"], ["--"], [""], [","]], ids=str)
def test_without_recipients_nothing_is_sent(account, words):
    assert refused(account, 64, *words) == "recipient addresses must be given on the command line or with -t"


def test_t_without_recipients(account):
    assert refused(account, 64, "-t") == "no recipient addresses found in message header"


@pytest.mark.parametrize("words", [["-t"], ["-ti"], ["-it"], ["-t", "-i"], ["-tf", "a@x.test"], ["-oi", "-t"],
                                   ["-bm", "-t"],
                                   ["-t", "--"]], ids=" ".join)
def test_recipients_of_the_header(account, words):
    entry = queued(account, "-odq", *words, input=b"To: b@x.test\nCc: root, b@x.test\nBcc: c@x.test\n\nx\n")
    assert entry.addresses == ["b@x.test", "root", "c@x.test"]
    assert b"c@x.test" not in entry.message


def test_t_and_arguments_are_the_union(account):
    entry = queued(account, "-odq", "-t", "d@x.test", "b@x.test", input=b"To: b@x.test\nCc: c@x.test\n\nx\n")
    assert sorted(entry.addresses) == ["b@x.test", "c@x.test", "d@x.test"]


# Delivery modes.

QUEUE_ONLY = ["-odq", "-odd", "-o dq", "-O DeliveryMode=q", "-ODeliveryMode=queueonly", "-O DeliveryMode=d", "-iodq",
              "-ODELIVERYMODE=q", "-odb -odq"]
AT_ONCE = ["", "-odb", "-odi", "-o db", "-O DeliveryMode=b", "-ODeliveryMode=i", "-odq -odb", "-v", "-odqueue -odi",
           "-ov"]


@pytest.mark.parametrize("words", QUEUE_ONLY)
def test_queue_only(account, words):
    queued(account, *words.split(), "b@x.test")
    assert stand_ins.never_started(account)


@pytest.mark.parametrize("words", AT_ONCE, ids=lambda words: words or "none")
def test_a_flush_is_started(account, words):
    queued(account, *words.split(), "b@x.test")
    lock, config = stand_ins.started(account)
    assert lock.startswith("--lock=") and lock.endswith(f":{account.spool}") and config == f"--config={account.config}"


O_OPTIONS = ["-oi", "-om", "-oo", "-oem", "-oeq", "-oep", "-oee", "-oew", "-or0s", "-oA/etc/aliases", "-oQ/tmp", "-o7",
             "-o8",
             "-oMs x", "-os", "-oT3d", "-oX9", "-o i", "-oY", "-oD", "-O IgnoreDots=True", "-OErrorMode=m",
             "-O nonsense", "-O =",
             "-OMaxRecipientsPerMessage=1"]


@pytest.mark.parametrize("words", O_OPTIONS)
def test_o_options_neither_refuse_nor_change_the_message(account, words):
    words = words.split(" ")
    entry = queued(account, "-odq", *(words if words[0] != "-oMs" else words[:1]), "b@x.test")
    assert (entry.addresses, entry.sender, entry.body) == (["b@x.test"], LOGIN, b".\nbody\n")


def test_v_on_a_terminal_waits_for_the_flush_and_shows_it(make_account, tmp_path, programs):
    beside = stand_ins.make(tmp_path / "bin", programs)
    beside["postbag-flush"].write_text('#!/bin/sh\necho "seen: $3"\n')
    account = make_account()
    with PtySession([beside["sendmail"], "-v", "b@x.test"], account.env) as session:
        session.send(b"Subject: s\n\nhello\n\x04")
        session.expect(b"seen: -v")
        session.finish()
        assert session.status == 0
    assert len(account.entries()) == 1


# The end of a message that a person types.


@pytest.mark.parametrize("options", ["", "-oi", "-i", "-O IgnoreDots=true", "-ti"])
def test_a_dot_ends_a_message_only_at_a_terminal_and_without_i(account, options):
    with PtySession([account.programs["sendmail"], "-odq", *options.split(), "b@x.test"], account.env) as session:
        session.send(b"Subject: s\n\none\n.\n")
        if options:
            session.send(b"two\n\x04")
        session.finish()
        assert session.status == 0
    entry, = account.entries()
    assert entry.body == (b"one\n.\ntwo\n" if options else b"one\n")


def test_a_dot_behind_a_piece_of_a_line_ends_nothing(account):
    with PtySession([account.programs["sendmail"], "-odq", "b@x.test"], account.env) as session:
        session.send(b"\none\x04")  # end of file in the middle of a line only hands it over
        session.send(b".\ntwo\n.\n")
        session.finish()
        assert session.status == 0
    entry, = account.entries()
    assert entry.body == b"one.\ntwo\n"
