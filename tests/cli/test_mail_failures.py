"""What mail(1) does with a letter that it cannot hand over: one line that says why, and the whole letter kept."""

import mailbox
import os
import shutil
import stat
import subprocess
from pathlib import Path

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


def letters_in(path):
    """The letters of a dead.letter, which is an mbox."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return list(mailbox.mbox(path, create=False))


def assert_kept(path, times=1):
    kept = letters_in(path)
    assert len(kept) == times
    for letter in kept:
        assert letter.get_payload(decode=True) == TEXT
        assert (letter["To"], letter["Bcc"]) == ("a@x.test", "secret@x.test")


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
    assert_kept(desk.dead, 2)


def test_where_dead_letters_go(desk):
    desk.dead.write_text("an older one, given up")
    desk.home.joinpath("target").write_text("not ours to touch")
    elsewhere = desk.home / "elsewhere"
    elsewhere.symlink_to("target")
    assert failed(desk, "-Ssendmail=/bin/false", env={"DEAD": str(elsewhere)}).returncode == 1
    assert desk.home.joinpath("target").read_text() == "not ours to touch"
    assert not elsewhere.is_symlink()
    assert_kept(elsewhere)
    assert desk.dead.read_text() == "an older one, given up"
    assert failed(desk, "-Ssendmail=/bin/false").returncode == 1
    assert_kept(desk.dead)
    assert desk.dead.read_text().startswith("an older one, given up\n\nFrom jane ")
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


def test_a_link_to_nowhere_is_nowhere(desk):
    desk.dead.symlink_to("/dev/null")
    done = failed(desk, "-Ssendmail=/bin/false")
    assert done.stderr == b"mail: false: exit status 1\n" and desk.dead.is_symlink()


def test_without_a_home_it_is_told_that_nothing_is_kept(desk):
    """A user whom passwd does not know, as in a container."""
    env = {**desk.account.env, **desk.env}
    del env["HOME"]
    done = subprocess.run(["unshare", "-U", "--map-user=54321", desk.account.programs["mail"], "-n", "-Ssendmail=/bin/false",
                           "a@x.test"], input=TEXT, env=env, cwd=desk.account.work, capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == (b"mail: the letter is not kept: ~/dead.letter: there is no HOME\n"
                           b"mail: false: exit status 1\n")


def test_letters_of_an_hour_without_sendmail_are_all_there(desk):
    for number in range(5):
        done = desk.mail("-Ssendmail=/bin/false", "-s", f"job {number}", "a@x.test", input=f"From {number}\n>From x\n")
        assert done.returncode == 1
    assert [letter["Subject"] for letter in letters_in(desk.dead)] == [f"job {number}" for number in range(5)]
    text = desk.dead.read_text()
    assert text.count("\n>From ") == 5 and text.count("\n>>From x\n") == 5


def test_a_locked_dead_letter_is_waited_for(desk):
    desk.dead.write_text("")
    lock = desk.home / "dead.letter.lock"
    lock.write_text("")
    started = subprocess.Popen([desk.account.programs["mail"], "-n", "-Ssendmail=/bin/false", "a@x.test"],
                               env={**desk.account.env, **desk.env}, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    started.stdin.write(b"text\n")
    started.stdin.close()
    with pytest.raises(subprocess.TimeoutExpired):
        started.wait(0.3)
    assert desk.dead.read_bytes() == b""
    lock.unlink()
    assert started.wait(10) == 1 and len(letters_in(desk.dead)) == 1
    started.stderr.close()


def test_a_dead_letter_that_is_not_ours_to_write_to(desk):
    desk.dead.write_text("two names\n")
    os.link(desk.dead, desk.home / "other")
    assert failed(desk, "-Ssendmail=/bin/false").returncode == 1
    beside, = desk.home.glob("dead.letter.*")
    assert_kept(beside)
    assert desk.dead.read_text() == "two names\n"


TEMPLATES = {"no recipient": (b"Subject: s\n\ntext\n", 64), "a bad one": (b"To: a@b@c <\nSubject: s\n\ntext\n", 64),
             "a command": (b"To: |touch x\nSubject: s\n\ntext\n", 64)}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_that_goes_nowhere_is_kept(desk, name):
    text, status = TEMPLATES[name]
    done = desk.mail("-t", input=text)
    assert (done.returncode, desk.letters()) == (status, [])
    assert desk.dead.read_bytes().endswith(b"\ntext\n\n") and b"Subject: s\n" in desk.dead.read_bytes()


def test_nothing_is_kept_of_nothing(desk):
    assert desk.mail("-t", input=b"").returncode == 64
    assert not desk.dead.exists()


@pytest.mark.release
def test_a_full_folder_for_temporary_files_loses_nothing(desk):
    """A small file system of its own for TMPDIR; the letter is larger."""
    folder = desk.account.folder / "small"
    folder.mkdir()
    script = f'mount -t tmpfs -o size=64k,mode=1777 none "{folder}" && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", script, "sh", desk.account.programs["mail"], "-n", "-s", "s", "a@x.test"]
    text = b"x" * 70 + b"\n"
    done = subprocess.run(command, input=text * 30_000, cwd=desk.account.work, capture_output=True, timeout=60, check=False,
                          env={**desk.account.env, **desk.env, "TMPDIR": str(folder)})
    assert (done.returncode, done.stderr) == (0, b"")
    letter, = desk.letters()
    assert letter.body == text * 30_000


def test_an_attachment_that_cannot_be_read_loses_nothing(desk):
    gone = desk.account.work / "gone"
    gone.write_text("x")
    alone = desk.account.folder / "alone"
    alone.mkdir()
    shutil.copy(desk.account.programs["mail"], alone)
    done = subprocess.run([alone / "mail", "-n", "-a", gone, "-b", "b@x.test", "-s", "s", "a@x.test"], input=TEXT,
                          env={**desk.account.env, **desk.env}, cwd=desk.account.work, capture_output=True, timeout=30, check=False)
    if Path("/usr/libexec/postbag/postbag-mime").exists():
        pytest.skip("postbag is installed here")
    assert done.returncode == 69, done.stderr
    letter, = letters_in(desk.dead)
    assert letter.get_payload(decode=True) == TEXT
    assert (letter["X-Attachment"], letter["Subject"], letter["Bcc"]) == (str(gone), "s", "b@x.test")


MANY = [f"person{number}@example.org" for number in range(12_000)]
REFUSES = r"""#!/bin/sh
echo call >>"{folder}/calls"
case " $* " in *" person7000@example.org "*) echo "sendmail: no" >&2; exit 75 ;; esac
sed -n 's/^Message-I[dD]: //p' >>"{folder}/ids"
for word; do case $word in *@*) echo "$word" ;; esac; done >>"{folder}/taken"
"""


def test_whom_a_letter_did_not_reach_is_told(desk):
    folder = desk.account.folder / "refuses"
    folder.mkdir()
    script = folder / "sendmail"
    script.write_text(REFUSES.format(folder=folder))
    script.chmod(0o755)
    text = "To: " + ",\n ".join(MANY[:6000]) + "\nResent-To: x@x.test\nBcc: " + ",\n ".join(MANY[6000:]) + "\n\nhi\n"
    done = desk.mail(f"-Ssendmail={script}", "-t", input=text, timeout=60)
    taken = (folder / "taken").read_text().split()
    letter, = letters_in(desk.dead)
    missed = [address.strip() for field in ("To", "Bcc") for address in (letter[field] or "").replace("\n", "").split(",") if address]
    assert sorted(taken + missed) == sorted(MANY) and "person7000@example.org" in missed and len(taken) > 6000
    assert len((folder / "calls").read_text().split()) > 2
    assert len(set((folder / "ids").read_text().split())) == 1
    assert done.returncode == 75
    assert f"mail: sendmail: no (exit status 75); {len(missed)} of {len(MANY)} recipients do not get the letter\n" in done.stderr.decode()


def test_what_sendmail_says_of_a_letter_that_it_took_is_shown(desk):
    done = desk.mail(desk.recorder("printf 'a \\033[2Jremark\\n' >&2; exit 0").setting, "a@x.test", env={"LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stderr.decode()) == (0, "a \u241b[2Jremark\n")
    assert not desk.dead.exists()
