"""Mailboxes of one delivery each, in worlds with users of their own: which one, what is refused, who else may lock it."""

import mailbox
import os
import re
import shutil
import signal
import subprocess
import threading

import pytest
from support.mail_user import Bed
from support.postfix import extracted


@pytest.fixture
def bed(world, programs):
    return Bed(world(users=["jane", "tom"]), programs["postbag-flush"].parents[1] / "tests/deliver")


def test_the_mailbox_is_the_systems_where_it_can_be(bed):
    stand_in = "mbox /home/jane/.local/share/postbag/mail/jane"
    # Nobody but group mail makes files in Debian's folder.
    assert bed.run("find", use="read") == stand_in and not bed.world.path("/home/jane/.local").exists()
    assert bed.run("find") == stand_in
    assert bed.run("mbox", stand_in.split()[1]) == "delivered 2.0.0 delivered to mailbox"
    for folder in (".local", ".local/share", ".local/share/postbag", ".local/share/postbag/mail"):
        assert bed.world.path(f"/home/jane/{folder}").stat().st_mode & 0o7777 == 0o700
    # It stays while there is mail in it: that would be out of sight.
    bed.write("/var/mail/jane")
    assert bed.run("find") == bed.run("find", use="read") == stand_in
    assert bed.run("find", stand_in="no") == "mbox /var/mail/jane"
    bed.write(stand_in.split()[1])
    # One that is there is hers, whatever it is like.
    bed.write("/var/mail/jane", mode=0o000)
    assert bed.run("find") == bed.run("find", use="read") == "mbox /var/mail/jane"
    bed.box.unlink()
    bed.open_mail()
    assert bed.run("find") == stand_in  # in use already
    bed.world.path(stand_in.split()[1]).unlink()
    assert bed.run("find") == "mbox /var/mail/jane"


def test_without_the_folder_or_in_a_sandbox(bed):
    bed.world.run(["umount", "/var/mail"])
    bed.world.run(["rmdir", "/var/mail"])
    assert bed.run("find", stand_in="no") == "mbox /var/mail/jane"
    assert bed.run("find") == "mbox /home/jane/.local/share/postbag/mail/jane"
    # Read-only for this process: others would find it in order, so it waits.
    bed.world.run(["sh", "-c", "mkdir -m 1777 /var/mail; mount -t tmpfs -o ro,mode=1777 none /var/mail"])
    assert bed.run("find").endswith("/var/mail: access: Read-only file system")


def test_mail_is_believed_where_it_is_ones_own(bed):
    bed.open_mail()
    bed.write("/var/mail/tom", user="tom")
    bed.write("/home/jane/box")
    assert bed.run("find", env={"MAIL": "/home/jane/box"}) == "mbox /home/jane/box"
    for others in ("/var/mail/tom", "/var/mail/new", "box", "/var/mail/jane", "/var/spool/mail/jane"):
        assert bed.run("find", env={"MAIL": others}) == "mbox /var/mail/jane"
    assert bed.run("find", use="read", env={"MAIL": "/var/mail/tom"}) == "mbox /var/mail/tom"


@pytest.mark.parametrize("mode, dot_lock", [(0o1777, True), (0o2775, False), (0o755, False)])
def test_all_modes_of_the_folder(bed, mode, dot_lock):
    bed.world.path("/var/mail").chmod(mode)
    bed.write("/var/mail/jane", b"old\n\n")
    traced = bed.world.run(["strace", "-f", "-e", "trace=openat", *bed.argv("mbox", "/var/mail/jane")], user="jane")
    assert traced.stdout == b"delivered 2.0.0 delivered to mailbox\n"
    lock, = re.findall(rb'openat\(AT_FDCWD, "/var/mail/jane.lock".*', traced.stderr)
    assert b"O_EXCL" in lock and (b"EACCES" not in lock) == dot_lock
    assert not bed.world.path("/var/mail/jane.lock").exists()
    assert bed.box.read_bytes().startswith(b"old\n\nFrom tom@example.org ")
    # Nothing in a shared folder is followed, changed or given away by name.
    assert all(b"O_NOFOLLOW" in line for line in traced.stderr.splitlines() if b'"/var/mail/jane' in line)


UNSAFE = {
    "own link": ("ln -s /home/jane/other /var/mail/jane", "jane", "is a symbolic link"),
    "root's link": ("ln -s /home/jane/other /var/mail/jane", None, "is a symbolic link"),
    "dangling link": ("ln -s /home/jane/missing /var/mail/jane", "jane", "is a symbolic link"),
    "hard link": ("ln /home/jane/other /home/jane/second; mv /home/jane/second /var/mail/jane 2>/dev/null; "
                  "touch /var/mail/a; ln -f /var/mail/a /var/mail/jane", "jane", "has more than one name"),
    "FIFO": ("mkfifo /var/mail/jane", "jane", "is not a regular file"),
    "device": ("cp -a /dev/null /var/mail/jane || mknod /var/mail/jane c 1 3", None, "is not a regular file"),
    "socket": ("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"/var/mail/jane\")'", "jane",
               "is not a regular file"),
    "folder": ("mkdir /var/mail/jane", "jane", "is a folder (a slash at its end would make it a maildir)"),
    "foreign": ("touch /var/mail/jane; chmod 666 /var/mail/jane", "tom", "belongs to somebody else"),
    "root's": ("touch /var/mail/jane; chmod 666 /var/mail/jane", None, "belongs to somebody else"),
    "mode 0": ("touch /var/mail/jane; chmod 0 /var/mail/jane", "jane", "open: Permission denied"),
}


@pytest.mark.parametrize("case", UNSAFE)
def test_what_is_refused_delays(bed, case):
    command, user, why = UNSAFE[case]
    bed.open_mail()
    other = bed.write("/home/jane/other", b"precious\n")
    made = bed.world.run(["sh", "-c", command], user=user)
    assert os.path.lexists(bed.box), made.stderr
    before = os.lstat(bed.box)
    assert bed.run("find") == "mbox /var/mail/jane"
    assert bed.run("mbox", "/var/mail/jane") == \
        f"delayed 4.2.0 cannot update mailbox /var/mail/jane for user jane. /var/mail/jane: {why}"
    assert bed.run("file", "/var/mail/jane") == \
        f"delayed 4.2.0 cannot append message to file /var/mail/jane: /var/mail/jane: {why}"
    assert other.read_bytes() == b"precious\n" and not bed.world.path("/home/jane/missing").exists()
    after = os.lstat(bed.box)
    assert (after.st_mode, after.st_size, after.st_mtime_ns) == (before.st_mode, before.st_size, before.st_mtime_ns)
    assert not bed.world.path("/var/mail/jane.lock").exists()


def test_files_as_targets(bed):
    assert bed.run("file", "/dev/null") == "delivered 2.0.0 delivered to file: /dev/null"
    assert bed.run("file", "/home/jane/archive") == "delivered 2.0.0 delivered to file: /home/jane/archive"
    assert bed.run("file", "/home/jane/dir/") == "delivered 2.0.0 delivered to file: /home/jane/dir/"
    assert bed.run("file", "/home/tom/x") == ("delayed 4.2.0 cannot append message to file /home/tom/x: /home/tom/x: "
                                              "stat: Permission denied")
    assert bed.run("file", "/dev/full").endswith("/dev/full: is not a regular file")
    text = bed.world.path("/home/jane/archive").read_bytes()
    assert text == (b"From tom@example.org Fri Nov 20 11:56:07 2026\nReturn-Path: <tom@example.org>\nX-Original-To: jane\n"
                    b"Delivered-To: jane@lan.example\nSubject: hello\n\nhello\n>From here on\n\n")
    assert bed.run("file", "/root/x", user=None) == ("delayed 4.7.0 file /root/x: not as root; let an alias name a user "
                                                    "instead")


@pytest.mark.parametrize("sender", ["a\nFrom b@c Sat Jan  2 08:50:01 2021\n@x", '"a b"@example.org', "()%s%n@example.org"])
def test_no_sender_makes_a_line_of_its_own(bed, sender):
    told = bed.run("mbox", "/home/jane/box", sender=sender, original="x\nFrom y", final="a\r\nBcc: b@c")
    if told.startswith("delivered"):
        lines = bed.world.path("/home/jane/box").read_bytes().splitlines()
        assert [line[:12] for line in lines[:4]] == [b"From " + lines[0][5:12], b"Return-Path:", b"X-Original-T",
                                                     b"Delivered-To"]
        assert lines[4] == b"Subject: hello" and len(lines[0].split(b" ")) == 7
    else:
        assert not bed.world.path("/home/jane/box").exists()


# Others that lock.

def deliveries(bed, box, count, **options):
    return bed.world.popen(bed.argv("mbox", box, count=count, **options), user="jane", stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)


def whole(text, ours, others):
    """So many of our messages, so many of others', each in one piece, and nothing else."""
    found = re.findall(rb"From tom@example\.org [^\n]*\n(?:[^\n]+\n)+\nhello\n>From here on\n\n", text)
    strange = re.sub(rb"From tom@example\.org [^\n]*\n(?:[^\n]+\n)+\nhello\n>From here on\n\n", b"", text)
    assert (len(found), strange) == (ours, others)


# Appends 100 messages the careless way, each in two writes, under a program's lock.
LOCKED = {
    "lockfile": "lockfile -1 -r 1000 box.lock && { printf 'From x Sat Jan  2 08:50:01 2021\\n'; :; printf '\\nx\\n\\n'; } >>box;"
                " rm -f box.lock",
    "mutt_dotlock": "until mutt_dotlock -r 100 box; do :; done; { printf 'From x Sat Jan  2 08:50:01 2021\\n'; :; "
                    "printf '\\nx\\n\\n'; } >>box; mutt_dotlock -u box",
}


@pytest.mark.parametrize("program", LOCKED)
def test_who_takes_dot_locks(bed, program):
    ours = deliveries(bed, "/home/jane/box", 150)
    theirs = bed.world.run(["sh", "-c", f"for i in $(seq 100); do {LOCKED[program]}; done"], user="jane", timeout=120)
    told, error = ours.communicate(timeout=120)
    assert (told, error) == (b"delivered 2.0.0 delivered to mailbox\n" * 150, b"") and theirs.returncode == 0
    whole(bed.world.path("/home/jane/box").read_bytes(), 150, b"From x Sat Jan  2 08:50:01 2021\n\nx\n\n" * 100)


@pytest.mark.parametrize("program", LOCKED)
def test_a_dot_lock_is_waited_for(bed, program):
    """And a program waits for ours."""
    bed.write("/home/jane/box")
    take = {"lockfile": ["lockfile", "box.lock"], "mutt_dotlock": ["mutt_dotlock", "box"]}[program]
    more = {"lockfile": ["lockfile", "-r", "0", "box.lock"], "mutt_dotlock": ["mutt_dotlock", "-r", "0", "box"]}[program]
    assert bed.world.run(take, user="jane").returncode == 0
    assert bed.run("mbox", "/home/jane/box", lock_limit=50).endswith("unable to lock: /home/jane/box.lock is there")
    ours = deliveries(bed, "/home/jane/box", 1)
    bed.world.path("/home/jane/box.lock").unlink()
    assert ours.communicate(timeout=30)[0] == b"delivered 2.0.0 delivered to mailbox\n"
    holder = bed.world.popen(bed.argv("hold", "/home/jane/box"), user="jane", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    assert bed.world.run(more, user="jane").returncode != 0
    holder.stdin.close()
    assert holder.wait(30) == 0 and bed.world.run(more, user="jane").returncode == 0
    holder.stdout.close()


DOVECOT = """mail_location = mbox:/home/jane/mail:INBOX={box}
log_path = /home/jane/log
ssl = no
stats_writer_socket_path =
protocols =
default_internal_user = tom
default_login_user = tom
mail_fsync = never
mbox_read_locks = fcntl
mbox_write_locks = {locks}
"""


@pytest.fixture
def dovecot(bed):
    """dovecot(box): a world whose /usr has Dovecot's programs, and their configuration."""
    root = extracted("dovecot-core")
    mounted = bed.world.run(["mount", "-t", "overlay", "-o", f"lowerdir={root}/usr:/usr", "overlay", "/usr"])
    assert mounted.returncode == 0, mounted.stderr

    def configure(box):
        bed.write("/home/jane/dovecot.conf", DOVECOT.format(
            box=box, locks="fcntl" if box.startswith("/var/mail") else "dotlock fcntl").encode(), 0o644)
        return ["/usr/bin/doveadm", "-c", "/home/jane/dovecot.conf"]

    return configure


@pytest.mark.parametrize("folder", ["/home/jane", "/var/mail"])
def test_dovecot_works_on_the_same_mailbox(bed, dovecot, folder):
    """It rewrites the file while we append: messages are saved and removed, none of ours is lost or torn."""
    box = f"{folder}/jane"
    bed.write(box)
    doveadm = dovecot(box)
    shell = ('for i in $(seq 20); do printf "Subject: theirs $i\\n\\nx\\n" | "$@" save || exit 1; '
             '"$@" expunge mailbox INBOX SUBJECT "theirs $i" || exit 1; done; "$@" fetch hdr.subject mailbox INBOX ALL')
    ours = deliveries(bed, box, 200)
    theirs = bed.world.run(["sh", "-c", shell, "sh", *doveadm], user="jane", timeout=120)
    told, error = ours.communicate(timeout=120)
    log = bed.world.path("/home/jane/log")
    assert theirs.returncode == 0, (theirs.stderr, log.read_bytes() if log.exists() else b"")
    assert (told, error) == (b"delivered 2.0.0 delivered to mailbox\n" * 200, b"")
    listed = bed.world.run([*doveadm, "fetch", "hdr.subject", "mailbox", "INBOX", "ALL"], user="jane")
    assert listed.stdout.count(b"hdr.subject: hello") == 200 and b"theirs" not in listed.stdout
    copy = bed.world.path("/home/jane/copy.mbox")
    shutil.copy(bed.world.path(box), copy)
    messages = [message for message in mailbox.mbox(copy) if message["Subject"] == "hello"]
    assert len(messages) == 200
    assert all(message.get_payload().rstrip("\n") == "hello\n>From here on" for message in messages)


def test_many_of_ours_at_once(bed):
    """With one that is killed and leaves its lock behind."""
    held = bed.world.popen(bed.argv("hold", "/home/jane/box"), user="jane", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert held.stdout.readline() == b"held\n"
    os.killpg(held.pid, signal.SIGKILL)  # it has a parent outside of its world
    held.wait()
    held.stdin.close()
    held.stdout.close()
    assert bed.world.path("/home/jane/box.lock").exists()
    results = []
    threads = [threading.Thread(target=lambda: results.append(deliveries(bed, "/home/jane/box", 50).communicate(timeout=60)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(b"delivered 2.0.0 delivered to mailbox\n" * 50, b"")] * 4
    whole(bed.world.path("/home/jane/box").read_bytes(), 200, b"")


def test_a_lock_is_as_old_as_its_last_change(bed):
    """That one cannot be set; test_mailboxes of the crash tests has old ones."""
    lock = bed.write("/home/jane/box.lock", b"4711\n")
    os.utime(lock, (0, 0))
    assert "box.lock is there" in bed.run("mbox", "/home/jane/box", lock_limit=20)
    assert lock.exists()


def test_a_dead_lock_that_cannot_be_removed_blocks_nobody(bed):
    """In a folder whose rights changed, or that is read-only around the mailbox."""
    shut = bed.world.path("/home/jane/shut")
    shut.mkdir()
    os.chown(shut, bed.uid, bed.uid)
    bed.write("/home/jane/shut/box")
    dead = bed.write("/home/jane/shut/box.lock", mode=0o500)
    shut.chmod(0o555)
    assert bed.run("mbox", "/home/jane/shut/box", lock_limit=20) == "delivered 2.0.0 delivered to mailbox"
    assert dead.exists()
    dead.unlink()
    bed.world.run(["sh", "-c", "cd /home/jane && mount --bind shut shut && mount --bind shut/box shut/box && "
                   "mount -o remount,ro,bind shut"])
    assert bed.run("mbox", "/home/jane/shut/box", lock_limit=20) == "delivered 2.0.0 delivered to mailbox"
    assert b"Read-only" in bed.world.run(["touch", "/home/jane/shut/x"]).stderr


def test_a_mailbox_that_is_replaced_while_we_wait(bed):
    box, old = (bed.world.path(f"/home/jane/{name}") for name in ("box", "old"))
    holder = bed.world.popen(bed.argv("hold", "/home/jane/box"), user="jane", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    traced = bed.world.popen(["strace", "-f", "-e", "trace=fcntl", *bed.argv("mbox", "/home/jane/box")], user="jane",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while b"F_OFD_SETLK" not in traced.stderr.readline():
        pass
    box.rename(old)
    bed.write("/home/jane/box", b"new\n\n")
    holder.stdin.close()
    assert holder.wait(30) == 0
    assert traced.communicate(timeout=30)[0] == b"delivered 2.0.0 delivered to mailbox\n"
    holder.stdout.close()
    assert old.read_bytes() == b"" and box.read_bytes().startswith(b"new\n\nFrom tom@example.org ")


# Who reads.

def test_mutt_and_python_read_what_was_delivered(bed):
    for kind in ("mbox", "maildir"):
        for line in range(3):
            assert bed.run(kind, f"/home/jane/{kind}", line=line, sender="").startswith("delivered")
        opened = (mailbox.mbox if kind == "mbox" else mailbox.Maildir)(bed.world.path(f"/home/jane/{kind}"))
        assert [message["Subject"] for message in opened] == ["hello"] * 3
        bed.write("/home/jane/muttrc", b"set print_command='cat >>/home/jane/shown' print=yes print_split=no wait_key=no\n"
                  b"push '1<enter><print-message>2<enter><print-message>3<enter><print-message><exit>'\n", 0o644)
        shown = bed.world.run(["script", "-qec", f"mutt -n -R -F muttrc -f {kind}", "/dev/null"], user="jane",
                              env={"TERM": "vt100"})
        text = bed.world.path("/home/jane/shown")
        assert text.exists(), (shown.stdout, shown.stderr)
        assert text.read_bytes().count(b"Subject: hello") == 3
        text.unlink()
