"""No room, no inodes, no rights, no descriptors: sendmail says so at once, leaves nothing, and the flush repeats nothing."""

import itertools
import os
import subprocess
import time

import disks
import faults
import pytest
from spoolcheck import queue_of
from support.account import DEFAULT, Account

TEXT = b"Subject: full\n\n" + b"a line of a message that needs some room\n" * 4000
ELSEWHERE = "; /run/postbag/submit: connect: No such file or directory"
PROMISED = 5


@pytest.fixture
def account_in(tmp_path, programs):
    """account_in(folder): an account whose spool is folder/spool."""
    made = []

    def make(folder):
        made.append(Account(tmp_path / f"account{len(made)}", programs,
                            f"{DEFAULT}\n[spool]\ndirectory = {folder}/spool\n"))
        made[-1].spool = folder / "spool"
        return made[-1]

    yield make
    for account in made:
        account.stop_processes()


def refused(account, place, trouble, text=TEXT, prefix=()):
    """A submission fails in time, with these words, and leaves nothing; place is named below the spool."""
    before = sorted(path.name for path in account.spool.glob("queue/*"))
    start = time.monotonic()
    argv = [*prefix, account.programs["sendmail"], "-odq", "bob@example.org"]
    done = subprocess.run(argv, input=text, env=account.env, cwd=account.work, capture_output=True, check=False)
    seconds = time.monotonic() - start
    wanted = f"sendmail: message not stored, try again: {account.spool}{place}: {trouble}{ELSEWHERE}\n"
    assert (done.returncode, done.stdout, done.stderr.decode()) == (75, b"", wanted)
    assert seconds < PROMISED
    assert sorted(path.name for path in account.spool.glob("queue/*")) == before
    assert list(account.spool.glob("tmp/*")) == []


def accepted(account, text=TEXT):
    done = account.sendmail("-odq", "bob@example.org", input=text)
    assert (done.returncode, done.stderr) == (0, b"")
    whole, complaints = queue_of(account.spool)
    assert complaints == [] and whole
    return whole


def test_full_disk(small_disk, account_in):
    account = account_in(small_disk)
    accepted(account)
    filler = disks.fill(small_disk)
    refused(account, "/tmp", disks.full(small_disk, "write", "create"))
    filler.unlink()
    assert len(accepted(account)) == 2


def test_a_disk_that_fills_in_the_middle(root, tmp_path, account_in):
    with disks.tmpfs(tmp_path / "small", "size=300k") as folder:
        account = account_in(folder)
        refused(account, "/tmp", "write: No space left on device", TEXT * 4)
        accepted(account)


def test_a_bounce_without_room_is_made_when_there_is_some(root, tmp_path, account_in, smtpd):
    with disks.tmpfs(tmp_path / "small", "size=1m") as folder:
        server = smtpd({("rcpt", "bad@x.test"): "550 5.1.1 no such user"})
        account = account_in(folder)
        account.config.write_text(account.config.read_text()
                                  + f"[smarthost]\nhost = {server.address}\nsecurity = none\n")
        text = TEXT[:40_000] + b"\n"
        done = account.sendmail("-odq", "-f", "jane@sender.test", "bad@x.test", "ok@x.test", input=text)
        assert (done.returncode, done.stderr) == (0, b"")
        entry, = account.entries()
        filler = disks.fill(folder)
        os.truncate(filler, filler.stat().st_size - 16_384)  # for what is noted, not for a bounce
        done = account.flush("-v")
        waiting, = account.entries()
        assert (waiting.id, waiting.statuses) == (entry.id, ".D") and list(folder.glob("spool/tmp/*")) == []
        assert b"No space left on device" in done.stderr and [each.addresses for each in server.messages] == [
            ["ok@x.test"]]
        reason, = folder.glob("spool/why/*")
        assert "its bounce cannot be stored: " in reason.read_text()
        filler.unlink()
        assert account.flush("--all").returncode == 0
        assert account.entries() == [] and [each.addresses for each in server.messages] == [
            ["ok@x.test"], ["jane@sender.test"]]


def test_full_disk_before_the_first_mail(root, tmp_path, account_in):
    with disks.tmpfs(tmp_path / "small", "size=64k,nr_inodes=4") as folder:
        account = account_in(folder)
        refused(account, "/why", "mkdir: No space left on device")
        disks.run("mount", "-o", "remount,nr_inodes=100,size=1m", folder)
        assert len(accepted(account)) == 1


def test_no_inodes(root, tmp_path, account_in):
    with disks.tmpfs(tmp_path / "small", "size=1m,nr_inodes=9") as folder:
        account = account_in(folder)
        accepted(account)
        (folder / "last").touch()
        refused(account, "/tmp", "create: No space left on device")
        (folder / "last").unlink()
        assert len(accepted(account)) == 2


def test_read_only(small_disk, account_in):
    account = account_in(small_disk)
    accepted(account)
    disks.run("mount", "-o", "remount,ro", small_disk)
    refused(account, "/tmp", "create: Read-only file system")
    disks.run("mount", "-o", "remount,rw", small_disk)
    assert len(accepted(account)) == 2


def test_read_only_before_the_first_mail(root, tmp_path, account_in):
    with disks.tmpfs(tmp_path / "small", "size=1m") as folder:
        account = account_in(folder)
        disks.run("mount", "-o", "remount,ro", folder)
        refused(account, "", "mkdir: Read-only file system")


@pytest.mark.parametrize("limit", [0, 1, 4096, 100_000])
def test_file_size_limit(account, limit):
    refused(account, "/tmp", "write: File too large", prefix=("prlimit", f"--fsize={limit}", "--"))
    assert len(accepted(account)) == 1


def test_file_size_limit_that_is_enough(account):
    done = subprocess.run(["prlimit", "--fsize=200000", "--", account.programs["sendmail"], "-odq", "bob@example.org"],
                          input=TEXT, env=account.env, cwd=account.work, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"") and len(account.entries()) == 1


@pytest.fixture
def stranger(root, world, programs):
    """run(command, text): as jane in a world, whose spool belongs to somebody else."""
    bed = world(users=["jane", "tom"])
    disks.run("cp", programs["sendmail"], bed.path("/usr/local/bin/sendmail"))
    bed.path("/home/jane/postbag.ini").write_text(f"{DEFAULT}\n[spool]\ndirectory = /home/shared/spool\n")
    bed.path("/home/shared").mkdir()
    return bed


@pytest.mark.parametrize("owner, mode, words", [
    ("tom", 0o755, "/home/shared/spool: mkdir: Permission denied"),
    ("tom", 0o700, "/home/shared/spool: open: Permission denied"),
    ("root", 0o711, "/home/shared/spool: mkdir: Permission denied")])
def test_no_rights(stranger, owner, mode, words):
    shared = stranger.path("/home/shared")
    os.chown(shared, stranger.uids.get(owner, 0), stranger.uids.get(owner, 0))
    shared.chmod(mode)
    start = time.monotonic()
    done = stranger.run(["/usr/local/bin/sendmail", "-odq", "bob@example.org"], user="jane", input=TEXT,
                        env={"POSTBAG_CONFIG": "/home/jane/postbag.ini"})
    wanted = f"sendmail: message not stored, try again: {words}{ELSEWHERE}\n"
    assert (done.returncode, done.stderr.decode()) == (75, wanted)
    assert time.monotonic() - start < PROMISED and list(shared.iterdir()) == []


CLOSED = [numbers for count in range(4) for numbers in itertools.combinations((0, 1, 2), count)]


@pytest.mark.parametrize("closed", CLOSED, ids=lambda closed: "".join(map(str, closed)) or "none")
def test_closed_descriptors(account, closed):
    shell = 'exec "$0" -odq bob@example.org ' + " ".join(f"{fd}>&-" for fd in closed)
    done = subprocess.run(["sh", "-c", shell, account.programs["sendmail"]], input=TEXT, env=account.env,
                          cwd=account.work, capture_output=True, check=False)
    if 0 in closed:
        assert done.returncode == 66 and account.entries() == []
        assert done.stderr == (b"" if 2 in closed else b"sendmail: standard input: closed\n")
        return
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    entry, = account.entries()
    assert entry.body == TEXT.partition(b"\n\n")[2]


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777], ids=oct)
def test_umasks(account, umask):
    done = subprocess.run([account.programs["sendmail"], "-odq", "bob@example.org"], input=TEXT, env=account.env,
                          cwd=account.work, umask=umask, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    folders = [account.spool, *(path for path in account.spool.iterdir() if path.is_dir())]
    assert [path.stat().st_mode & 0o7777 for path in folders] == [0o700] * 6
    assert [entry.path.stat().st_mode & 0o7777 for entry in account.entries()] == [0o600]


# The flush.

REFUSALS = {("rcpt", "tmp@x.test"): "450 4.2.1 busy"}


def relay(account, server):
    account.relay_through(server, more=f"\n[spool]\ndirectory = {account.spool}\n", security="none")


def statuses(account):
    return [entry.statuses for entry in account.entries()]


def test_a_full_disk_repeats_nothing(small_disk, account_in, smtpd):
    server = smtpd(REFUSALS)
    account = account_in(small_disk)
    accepted(account, b"Subject: one\n\none\n")
    for name in ("two", "three"):
        assert account.sendmail("-odq", "ok@x.test", "tmp@x.test", input=f"Subject: {name}\n\n{name}\n").returncode == 0
    account.flush()  # it keeps a lock and some room
    relay(account, server)
    disks.fill(small_disk)
    for _ in range(3):
        assert account.flush("--all").returncode == 0
        assert statuses(account) == ["D.", "D."]
        assert [message.addresses for message in server.messages] == [["bob@example.org"], ["ok@x.test"], ["ok@x.test"]]


def test_the_reserve_makes_room_for_a_verdict(account, smtpd):
    """Where overwriting needs room, as on btrfs: neither the worker can write the status byte nor, at first, the flush."""
    server = smtpd(REFUSALS)
    assert account.sendmail("-odq", "ok@x.test", "tmp@x.test", input=TEXT).returncode == 0
    relay(account, server)
    result = faults.run([account.programs["postbag-flush"]], point="1:pwrite64:*/queue/*", times=2, error="ENOSPC",
                        paths=[account.spool], env=account.env, listing=True)
    written = [(call.process, call.result) for call in result.calls
               if call.name == "pwrite64" and "/queue/" in call.path]
    assert result.status == 0 and written == [(2, "ENOSPC"), (1, "ENOSPC"), (1, "1")]
    reserve = [call.name for call in result.calls if call.path.endswith("/run/reserve")]
    assert reserve == ["openat", "write", "unlinkat"] and not (account.spool / "run/reserve").exists()
    assert statuses(account) == ["D."]
    # It is kept again as soon as there is room.
    assert account.flush("--all").returncode == 0
    assert (account.spool / "run/reserve").stat().st_size == 65536 and len(server.messages) == 1


def test_without_verdicts_no_list_leaves(account, smtpd):
    """No status byte at all: one list may be repeated, once; other lists wait, single messages go and are removed."""
    server = smtpd(REFUSALS)
    for addresses in (("ok@x.test", "tmp@x.test"), ("ok@x.test", "also@x.test"), ("bob@example.org",), ("eve@x.test",)):
        assert account.sendmail("-odq", *addresses, input=TEXT).returncode == 0
    relay(account, server)
    result = faults.run([account.programs["postbag-flush"]], from_=1, error="ENOSPC", calls=["pwrite64"],
                        paths=[account.spool], env=account.env)
    assert result.status == 0
    sent = [message.addresses for message in server.messages]
    assert sent == [["ok@x.test"], ["bob@example.org"], ["eve@x.test"]]
    assert statuses(account) == ["..", ".."]
    assert account.flush("--all").returncode == 0
    assert statuses(account) == ["D."]
    sent = [message.addresses for message in server.messages[3:]]
    assert sent == [["ok@x.test"], ["ok@x.test", "also@x.test"]]
