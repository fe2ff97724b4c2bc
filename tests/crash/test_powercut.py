"""The power fails on a real ext4: what was acknowledged is there, and what was sent is not sent again."""

import os
import re
import subprocess
import time

import pytest
from disks import Ext4, sync
from spoolcheck import queue_of, report
from support.account import DEFAULT, Account
from support.smtp_client import ProgramSMTP
from support.smtpd import Gate

# What scripts do that know nothing of fsync.
CARELESS = 'mkdir -p "$0/queue" && cat > "$0/queue/.new" && mv "$0/queue/.new" "$0/queue/$1"'
TEXT = b"Subject: %d\n\nmessage %d\n"


@pytest.fixture
def disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    return Ext4(tmp_path / "disk.img")


@pytest.fixture
def after_cut(disk, tmp_path):
    """after_cut(): the mounted disk as a machine finds it that starts again."""
    mounts = []

    def cut():
        mount = disk.cut(tmp_path / f"cut{len(mounts)}.img").mounted(tmp_path / f"cut{len(mounts)}")
        mounts.append(mount)
        return mount.__enter__()

    yield cut
    for mount in mounts:
        mount.__exit__(None, None, None)


@pytest.fixture
def account_on(tmp_path, programs):
    """account_on(folder): an account whose spool lies there, its folders still to be made."""
    made = []

    def make(folder):
        spool = folder / "var/lib/mail/spool"
        made.append(Account(tmp_path / f"account{len(made)}", programs, f"{DEFAULT}\n[spool]\ndirectory = {spool}\n"))
        made[-1].spool = spool
        return made[-1]

    yield make
    for account in made:
        account.stop_processes()


def numbers(spool):
    """Which messages are there, all of them whole."""
    whole, complaints = queue_of(spool)
    assert complaints == []
    return sorted(int(re.search(rb"\nmessage (\d+)\n\Z", entry.message)[1]) for entry in whole)


def submit(account, count, first=0):
    for n in range(first, first + count):
        done = account.sendmail("-odq", "bob@example.org", input=TEXT % (n, n))
        assert (done.returncode, done.stderr) == (0, b"")


def test_the_first_mail_ever_survives(disk, tmp_path, account_on, after_cut):
    with disk.mounted(tmp_path / "disk") as folder:
        sync(folder)
        account = account_on(folder)
        submit(account, 1)
        again = after_cut()
    assert numbers(again / account.spool.relative_to(folder)) == [0]


def test_what_was_acknowledged_survives_and_the_careless_loses(disk, tmp_path, account_on, after_cut):
    with disk.mounted(tmp_path / "disk") as folder:
        account = account_on(folder)
        submit(account, 1)
        sync(folder)
        found = []
        for round_ in range(3):
            submit(account, 10, 1 + 10 * round_)
            found.append(numbers(after_cut() / account.spool.relative_to(folder)))
        assert found == [list(range(1 + 10 * (round_ + 1))) for round_ in range(3)]
        # The control: the same cut does take what is not synced.
        careless = folder / "careless"
        for n in range(10):
            subprocess.run(["sh", "-c", CARELESS, careless, str(n)], input=TEXT % (n, n), check=True)
        lost = after_cut() / "careless/queue"
        whole = [n for n in range(10) if (lost / str(n)).exists() and (lost / str(n)).read_bytes() == TEXT % (n, n)]
    report("powercut", f"power cuts on ext4: {sum(map(len, found))} of {sum(map(len, found))} acknowledged messages "
           f"there after 3 cuts; a script without fsync: {len(whole)} of 10\n")
    assert len(whole) < 10


def test_each_message_of_a_session_survives_from_its_250_on(disk, tmp_path, account_on, after_cut):
    with disk.mounted(tmp_path / "disk") as folder:
        sync(folder)
        account = account_on(folder)
        client = ProgramSMTP([account.programs["sendmail"], "-odq", "-bs"], env=account.env, cwd=account.work)
        found = []
        for n in range(3):
            client.sendmail("jane@lan.example", ["bob@example.org"], (TEXT % (n, n)).replace(b"\n", b"\r\n"))
            found.append(numbers(after_cut() / account.spool.relative_to(folder)))
        assert client.finish() == 0
    assert found == [[0], [0, 1], [0, 1, 2]]


def relay(account, spool, server):
    account.relay_through(server, more=f"\n[spool]\ndirectory = {spool}\n", security="none", connections=1)


def test_what_was_sent_comes_back_done(disk, tmp_path, account_on, after_cut, smtpd):
    held = Gate()
    server = smtpd({("rcpt", "tmp@x.test"): "450 4.2.1 busy", "dot": [None, None, held]})
    with disk.mounted(tmp_path / "disk") as folder:
        account = account_on(folder)
        submit(account, 1)
        assert account.sendmail("-odq", "ok@x.test", "tmp@x.test", input=TEXT % (1, 1)).returncode == 0
        submit(account, 1, 2)
        sync(folder)
        inside = account.spool.relative_to(folder)
        relay(account, account.spool, server)
        with subprocess.Popen([account.programs["postbag-flush"]], env=account.env, cwd="/") as flush:
            held.wait_reached()
            again = after_cut()
            held.open()
            assert flush.wait(10) == 0
    assert len(server.messages) == 3
    back = {entry.addresses[0]: entry.statuses for entry in queue_of(again / inside)[0]}
    # The first was finished: its file, unlinked or not, says so.
    assert back["ok@x.test"] == "D." and back["bob@example.org"] == "."
    names = [entry.statuses for entry in queue_of(again / inside)[0]]
    assert names in (["D", "D.", "."], ["D.", "."])
    report("powercut-flush", f"cut after two verdicts of three: the queue says {names}\n")
    after = smtpd({("rcpt", "tmp@x.test"): "450 4.2.1 busy"})
    relay(account, again / inside, after)
    assert account.flush("--all").returncode == 0
    assert [message.addresses for message in after.messages] == [["bob@example.org"]]
    whole, complaints = queue_of(again / inside)
    assert ([entry.statuses for entry in whole], complaints) == (["D."], [])


def test_what_a_cut_leaves_of_a_submission_is_not_deliverable(disk, tmp_path, account_on, after_cut):
    """Killed by the cut at any time: nothing but whole entries is in queue/, and the spool works on."""
    with disk.mounted(tmp_path / "disk") as folder:
        account = account_on(folder)
        submit(account, 1)
        sync(folder)
        client = ProgramSMTP([account.programs["sendmail"], "-odq", "-bs"], env=account.env, cwd=account.work)
        client.ehlo()
        client.mail("jane@lan.example")
        client.rcpt("bob@example.org")
        client.putcmd("data")
        assert client.getreply()[0] == 354
        client.send(b"Subject: half\r\n\r\n" + b"half of a message\r\n" * 20000)
        account.wait_until(lambda: any(path.stat().st_size > 300000 for path in (account.spool / "tmp").iterdir()))
        again = after_cut()
        client.close()
        assert client.finish() == 0
        assert numbers(account.spool) == [0] and not list((account.spool / "tmp").iterdir())
    inside = account.spool.relative_to(folder)
    assert numbers(again / inside) == [0]
    other = account_on(again)
    submit(other, 1, 1)
    assert numbers(again / inside) == [0, 1]


def test_a_bounce_is_there_once_its_message_is_marked(disk, tmp_path, account_on, after_cut, smtpd):
    held = Gate()
    server = smtpd({("rcpt", "perm@x.test"): "550 5.1.1 nobody", ("rcpt", "tmp@x.test"): "450 4.2.1 busy",
                    "dot": [None, held]})
    with disk.mounted(tmp_path / "disk") as folder:
        account = account_on(folder)
        submit(account, 1)
        assert account.sendmail("-odq", "-f", "jane@y.test", "perm@x.test", "tmp@x.test",
                                input=TEXT % (1, 1)).returncode == 0
        submit(account, 1, 2)
        sync(folder)
        inside = account.spool.relative_to(folder)
        relay(account, account.spool, server)
        with subprocess.Popen([account.programs["postbag-flush"]], env=account.env, cwd="/") as flush:
            held.wait_reached()
            # A worker is ahead of the flush. That puts the message off when it is marked, and not before.
            parent, = [entry.path for entry in account.entries() if "perm@x.test" in entry.addresses]
            account.wait_until(lambda: parent.stat().st_mtime > time.time(), what="the end of the attempt")
            again = after_cut()
            held.open()
            assert flush.wait(10) == 0
    whole, complaints = queue_of(again / inside)
    assert complaints == []
    parent, = [entry for entry in whole if "perm@x.test" in entry.addresses]
    bounces = [entry for entry in whole if entry.sender == ""]
    assert parent.statuses == "B." and [bounce.addresses for bounce in bounces] == [["jane@y.test"]]
    assert b"550 5.1.1 nobody" in bounces[0].message
    # After the cut nobody is told twice.
    after = smtpd({("rcpt", "tmp@x.test"): "450 4.2.1 busy"})
    relay(account, again / inside, after)
    assert account.flush("--all").returncode == 0
    assert sorted(message.addresses[0] for message in after.messages).count("jane@y.test") == 1
