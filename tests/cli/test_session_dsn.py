"""`sendmail -bs`: the DSN parameters of RFC 3461 reach the entry, each at most once and only when they are well-formed."""

import shutil
import subprocess

import pytest
from support import stand_ins

END = b"DATA\r\nSubject: s\r\n\r\nx\r\n.\r\nQUIT\r\n"


@pytest.fixture(scope="session")
def programs(programs, tmp_path_factory):  # pylint: disable=redefined-outer-name
    """The real sendmail beside a flush that only notes that it was started."""
    return stand_ins.make(tmp_path_factory.mktemp("bin"), programs)


def talk(account, data):
    """The replies behind the greeting to a session that is sent at once."""
    done = account.sendmail("-bs", input=data)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().split("\r\n")[1:-1]


def test_smtplib_asks_for_reports(account):
    with account.session() as smtp:
        smtp.ehlo()
        assert smtp.has_extn("dsn")
        refused = smtp.sendmail("a@x.test", ["b@x.test", "root"], "Subject: s\r\n\r\nx\r\n",
                                mail_options=["RET=HDRS", "ENVID=QQ+20314159", "BODY=8BITMIME"],
                                rcpt_options=["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;Bob+2Bx@y.test"])
        assert refused == {}
    assert smtp.finish() == 0
    entry, = account.entries()
    assert entry.senders == {0: ("a@x.test", {"ret": "hdrs", "envid": "QQ+20314159"})}
    assert [to.params for to in entry.recipients] == [
        {"notify": "success,delay", "orcpt": "rfc822;Bob+2Bx@y.test"}] * 2


def test_swaks_sees_dsn_offered(account):
    swaks = shutil.which("swaks")
    assert swaks, "swaks is not installed"
    command = f"env POSTBAG_CONFIG={account.config} {account.programs['sendmail']} -bs"
    done = subprocess.run([swaks, "--pipe", command, "--from", "a@x.test", "--to", "b@x.test", "--ehlo", "me",
                           "--quit-after", "FIRST-EHLO"], capture_output=True, cwd=account.work,
                          stdin=subprocess.DEVNULL, env=account.env, timeout=20, check=False)
    assert done.returncode == 0 and b"250-DSN\n" in done.stdout


def test_each_recipient_has_parameters_of_its_own_and_no_message_those_of_the_one_before(account):
    replies = talk(account, b"MAIL FROM:<a@x.test> RET=FULL ENVID=1\r\n"
                   b"RCPT TO:<b@x.test> NOTIFY=NEVER\r\nRCPT TO:<c@x.test>\r\n"
                   b"RCPT TO:<d@x.test> ORCPT=x400;c+3Dus NOTIFY=failure\r\n" + END.replace(b"QUIT\r\n", b"") +
                   b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\n" + END)
    assert [reply[:3] for reply in replies] == "250 250 250 250 354 250 250 250 354 250 221".split()
    first, second = account.entries()
    assert first.senders[0][1] == {"ret": "full", "envid": "1"}
    assert [to.params for to in first.recipients] == [
        {"notify": "never"}, {}, {"notify": "failure", "orcpt": "x400;c+3Dus"}]
    assert (second.senders[0][1], second.recipients[0].params) == ({}, {})


MAIL = {"ret=Full": {"ret": "full"}, "RET=HDRS": {"ret": "hdrs"}, "ENVID=" + "x" * 100: {"envid": "x" * 100},
        "envid=a+41": {"envid": "aA"}, "ENVID=a<b>": {"envid": "a+3Cb+3E"}, " RET=FULL   SIZE=9  ": {"ret": "full"}}
BAD_MAIL = ["RET=", "RET", "RET=BODY", "RET=FULL,HDRS", "RET=FULL RET=FULL", "RET=FULL RET=HDRS", "ENVID=", "ENVID",
            "ENVID=a=b", "ENVID=a+2", "ENVID=a+2b", "ENVID=+", "ENVID=" + "x" * 101, "ENVID=ä", "ENVID=1 ENVID=1",
            "ENVID=1 RET=x"]


@pytest.mark.parametrize("words, stored", MAIL.items(), ids=lambda value: str(value)[:30])
def test_parameters_of_mail(account, words, stored):
    talk(account, b"MAIL FROM:<a@x.test> %s\r\nRCPT TO:<b@x.test>\r\n" % words.encode() + END)
    entry, = account.entries()
    assert entry.senders == {0: ("a@x.test", stored)}


@pytest.mark.parametrize("words", BAD_MAIL, ids=lambda value: value[:30])
def test_bad_parameters_of_mail_refuse_it(account, words):
    replies = talk(account, b"MAIL FROM:<a@x.test> %s\r\nRCPT TO:<b@x.test>\r\nQUIT\r\n" % words.encode())
    assert [reply[:9] for reply in replies] == ["501 5.5.4", "503 5.5.1", "221 2.0.0"]


RCPT = {"NOTIFY=NEVER": {"notify": "never"}, "notify=success,FAILURE,Delay": {"notify": "success,failure,delay"},
        "ORCPT=rfc822;root": {"orcpt": "rfc822;root"}, "ORCPT=RFC822;a+3Db": {"orcpt": "RFC822;a+3Db"},
        "ORCPT=rfc822;a<b": {"orcpt": "rfc822;a+3Cb"}, "ORCPT=rfc822;" + "x" * 493: {"orcpt": "rfc822;" + "x" * 493},
        "ORCPT=utf-8;ü@€.test": {"orcpt": r"utf-8;\x{FC}@\x{20AC}.test"},
        r"ORCPT=utf-8;\x{FC}@x.test": {"orcpt": r"utf-8;\x{FC}@x.test"}}
BAD_RCPT = ["NOTIFY=", "NOTIFY", "NOTIFY=NEVER,SUCCESS", "NOTIFY=SUCCESS,", "NOTIFY=ALWAYS", "NOTIFY=SUCCESS NOTIFY=DELAY",
            "ORCPT=", "ORCPT=root", "ORCPT=;root", "ORCPT=rfc822;", "ORCPT=rfc822;a=b", "ORCPT=rfc822;a+0",
            "ORCPT=rfc/822;a", "ORCPT=rfc822;ü@x.test", "ORCPT=rfc822;" + "x" * 494,
            "ORCPT=rfc822;a ORCPT=rfc822;a"]


@pytest.mark.parametrize("words, stored", RCPT.items(), ids=lambda value: ascii(value)[:40])
def test_parameters_of_rcpt(account, words, stored):
    talk(account, b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test> %s\r\n" % words.encode() + END)
    entry, = account.entries()
    assert entry.recipients[0].params == stored


@pytest.mark.parametrize("words", BAD_RCPT, ids=lambda value: ascii(value)[:40])
def test_bad_parameters_of_rcpt_refuse_that_recipient(account, words):
    replies = talk(account, b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test> %s\r\nRCPT TO:<c@x.test>\r\n"
                   % words.encode() + END)
    assert [reply[:9] for reply in replies[:3]] == ["250 2.1.0", "501 5.5.4", "250 2.1.5"]
    entry, = account.entries()
    assert entry.addresses == ["c@x.test"]


def test_bytes_that_are_not_utf8_are_no_original_recipient(account):
    replies = talk(account, b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test> ORCPT=utf-8;\xff@x.test\r\nQUIT\r\n")
    assert replies[1].startswith("501 5.5.4 ")
