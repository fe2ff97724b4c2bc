"""What mail(1) does with a letter that it cannot hand over: one line that says why, and the whole letter kept."""

import email
import os
import stat

import pytest
from support.letters import Desk

TEXT = b"line one\n\nFrom here on\nno line end"


@pytest.fixture
def desk(account):
    return Desk(account)


def failed(desk, *words, **more):
    done = desk.mail(*words, "-s", "Grüße", "-b", "secret@x.test", "a@x.test", input=TEXT, **more)
    assert done.stdout == b"" and desk.letters() == []
    return done


def assert_kept(path):
    kept = email.message_from_bytes(path.read_bytes())
    assert kept.get_payload(decode=True) == TEXT
    assert (kept["To"], kept["Bcc"]) == ("a@x.test", "secret@x.test")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


STATUSES = {"echo 'sendmail: queue is full' >&2; exit 75": (75, "sendmail: queue is full (exit status 75)"),
            "exit 1": (1, "sendmail: exit status 1"),
            "printf 'one\\ntwo\\n' >&2; exit 64": (64, "sendmail: one; two (exit status 64)"),
            "kill -9 $$": (137, "sendmail: killed by signal 9")}


@pytest.mark.parametrize("last", STATUSES)
def test_its_words_and_status_are_passed_on(desk, last):
    status, words = STATUSES[last]
    done = failed(desk, desk.recorder(last).setting)
    size = len(desk.dead.read_bytes())
    lines = desk.dead.read_bytes().count(b"\n")
    assert done.returncode == status
    assert done.stderr.decode() == f'"{desk.dead}" {lines}/{size}\nmail: {words}\n'
    assert_kept(desk.dead)


def test_a_sendmail_that_is_missing_or_does_not_read(desk):
    done = failed(desk, "-Ssendmail=/no/such/sendmail")
    assert done.returncode == 69
    assert done.stderr.endswith(b"mail: /no/such/sendmail: exec: No such file or directory\n")
    assert_kept(desk.dead)
    assert failed(desk, "-Smta=/bin/false -x").returncode == 1
    assert_kept(desk.dead)


def test_where_dead_letters_go(desk):
    desk.dead.write_text("an older one")
    desk.home.joinpath("target").write_text("not ours to touch")
    elsewhere = desk.home / "elsewhere"
    elsewhere.symlink_to("target")
    assert failed(desk, "-Ssendmail=/bin/false", env={"DEAD": str(elsewhere)}).returncode == 1
    assert desk.home.joinpath("target").read_text() == "not ours to touch"
    assert not elsewhere.is_symlink()
    assert_kept(elsewhere)
    assert desk.dead.read_text() == "an older one"
    assert failed(desk, "-Ssendmail=/bin/false").returncode == 1
    assert_kept(desk.dead)
    assert sorted(os.listdir(desk.home)) == ["dead.letter", "elsewhere", "target"]


@pytest.mark.parametrize("words, env", [([], {"DEAD": "/dev/null"}), (["-Snosave"], {})])
def test_nothing_is_kept_where_nothing_is_wanted(desk, words, env):
    done = failed(desk, "-Ssendmail=/bin/false", *words, env=env)
    assert done.returncode == 1 and done.stderr == b"mail: false: exit status 1\n"
    assert os.listdir(desk.home) == []


def test_a_letter_that_cannot_be_kept_either(desk):
    done = failed(desk, "-Ssendmail=/bin/false", env={"DEAD": "/no/such/folder/dead"})
    assert done.returncode == 1
    assert b"mail: the letter is not kept: /no/such/folder/dead: " in done.stderr
    device = failed(desk, "-Ssendmail=/bin/false", env={"DEAD": "/dev/full"})
    assert device.returncode == 1 and b"not a regular file" in device.stderr


def test_an_attachment_that_cannot_be_read_loses_nothing(desk):
    (desk.account.work / "gone").write_text("x")
    helper = desk.account.folder / "none"
    done = desk.mail("-a", "gone", "-Ssendmail=/bin/false", "a@x.test", input=TEXT, env={"TMPDIR": str(helper)})
    assert done.returncode == 1
    assert TEXT.split(b"\n", maxsplit=1)[0] in desk.dead.read_bytes()


def test_what_sendmail_says_of_a_letter_that_it_took_is_shown(desk):
    done = desk.mail(desk.recorder("echo a remark >&2; exit 0").setting, "a@x.test")
    assert (done.returncode, done.stderr) == (0, b"a remark\n")
    assert not desk.dead.exists()
