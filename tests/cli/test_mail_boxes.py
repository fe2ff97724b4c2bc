"""What `mail` does to mailboxes when it leaves them, and that it shares them with whoever delivers."""

import mailbox
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from support.mail_reader import Reader
from support.mail_user import Bed
from support.postfix import extracted

OLD, READ = "Status: O\n", "Status: RO\n"
FROM = "From m{0}@example.org Sat Jan  2 08:50:0{0} 2021\n"


def message(number, status=""):
    return FROM.format(number) + f"From: M{number} <m{number}@example.org>\nSubject: s{number}\n{status}\nbody {number}\n\n"


def messages(*statuses):
    return "".join(message(number, status) for number, status in enumerate(statuses, 1))


class Boxes(Reader):
    """A reader of three new messages."""

    def __init__(self, folder, programs):
        super().__init__(folder, programs, messages("", "", ""))
        self.mbox = self.home / "mbox"

    def said(self, commands, *options, status=0):
        """Of a session that prints no messages: all that it says behind its start."""
        done = self.run("set append\n" + commands + "\n", "-N", *options)
        assert done.returncode == status, done.stdout
        text = done.stdout.decode().replace(str(self.home), "~").replace(str(self.box), "BOX")
        return text.split("\n", 2)[2]

    def now(self):
        return self.box.read_text()


@pytest.fixture
def boxes(tmp_path, programs):
    return Boxes(tmp_path, programs)


# The system mailbox: what POSIX asks, in bsd-mailx's words.

QUITS = {
    "nothing": ("quit", "Held 3 messages in BOX\n", messages(OLD, OLD, OLD), None),
    "read": ("set crt\npipe 1 true\nquit", "Saved 1 message in ~/mbox\nHeld 2 messages in BOX\n",
             message(2, OLD) + message(3, OLD), (1,)),
    "touch": ("touch 1\nquit", "Saved 1 message in ~/mbox\nHeld 2 messages in BOX\n",
              message(2, OLD) + message(3, OLD), (1,)),
    "touch, hold": ("touch 1\nhold 1\nquit", "Held 3 messages in BOX\n", None, None),
    "set hold": ("set hold\ntouch 1\nquit", "Held 3 messages in BOX\n", None, None),
    "delete": ("delete 2\nquit", "Held 2 messages in BOX\n", message(1, OLD) + message(3, OLD), None),
    "mbox": ("mbox 1 3\nquit", "Saved 2 messages in ~/mbox\nHeld 1 message in BOX\n", message(2, OLD), (1, 3)),
    "save": ("save 1 out\nquit", '"out" [New file]\nHeld 2 messages in BOX\n', message(2, OLD) + message(3, OLD), None),
    "keepsave": ("set keepsave\nsave 1 out\nquit",
                 '"out" [New file]\nSaved 1 message in ~/mbox\nHeld 2 messages in BOX\n', message(2, OLD) + message(3, OLD),
                 (1,)),
    "hold, keepsave": ("set hold keepsave\nsave 1 out\nquit", '"out" [New file]\nHeld 3 messages in BOX\n',
                       messages(READ, OLD, OLD), None),
    "hold, save": ("set hold\nsave 1 out\nquit", '"out" [New file]\nHeld 2 messages in BOX\n',
                   message(2, OLD) + message(3, OLD), None),
    "save to nowhere": ("save 1 2 /dev/null\nquit", '"/dev/null" [Appended]\nHeld 1 message in BOX\n', message(3, OLD), None),
    "copy to nowhere": ("copy 1 2 /dev/null\nquit", '"/dev/null" [Appended]\nHeld 3 messages in BOX\n', None, None),
    "end of input": ("delete 1", "Held 2 messages in BOX\n", message(2, OLD) + message(3, OLD), None),
    "exit": ("delete 1\ntouch 2\nexit", "", messages("", "", ""), None),
    "all to mbox": ("touch *\nset keep\nquit", "Saved 3 messages in ~/mbox\n", "", (1, 2, 3)),
}


@pytest.mark.parametrize("case", QUITS)
def test_how_the_system_mailbox_is_left(boxes, case):
    commands, said, left, moved = QUITS[case]
    inode = boxes.box.stat().st_ino
    assert boxes.said(commands) == said
    assert boxes.now() == (left if left is not None else messages(OLD, OLD, OLD))
    assert boxes.box.stat().st_ino == inode and boxes.box.stat().st_mode & 0o777 == 0o644
    assert [re.findall(r"Subject: s(\d)", boxes.mbox.read_text()) if boxes.mbox.exists() else None] == \
        [[str(number) for number in moved] if moved else None]
    assert not (boxes.home / "mbox.lock").exists() and not boxes.box.with_name("box.lock").exists()


def test_an_emptied_mailbox(boxes):
    assert boxes.said("set keep\ndelete *\nquit") == ""
    assert boxes.now() == ""
    inode = boxes.box.stat().st_ino
    boxes.box.write_text(messages(""))
    assert boxes.said("delete *\nquit") == ""
    assert boxes.now() == "" and boxes.box.stat().st_ino == inode


def test_what_cannot_be_written_is_said_at_the_start_and_nothing_is_moved(boxes):
    (boxes.home / "second name").hardlink_to(boxes.box)
    for _ in range(2):
        done = boxes.run("touch *\ndelete 1\nquit\n", "-N")
        assert f"{boxes.box}: has more than one name, so it is opened read-only\n".encode() in done.stdout
        assert b"[Read only]" in done.stdout
    assert boxes.now() == messages("", "", "") and not boxes.mbox.exists()


def test_a_mailbox_that_is_mbox_itself_keeps_its_mail(boxes):
    boxes.mbox.symlink_to(boxes.box)
    assert boxes.said("touch 1\ndelete 2\nquit") == "Held 2 messages in BOX\n"
    assert boxes.now() == message(1, OLD) + message(3, OLD)


def test_nothing_comes_to_mbox_when_the_mailbox_was_rewritten_by_another(boxes):
    other = r"From x@y Sat Jan  2 08:50:01 2021\n\nother\n\n"
    done = boxes.run(f"set append\ntouch *\n!printf '{other}' >$MAIL\nquit\n", "-N")
    assert done.returncode != 0 and b"changed by another program" in done.stdout
    assert not boxes.mbox.exists()


def test_root_reads_and_changes_the_mail_of_others(boxes):
    if os.geteuid() != 0:
        pytest.skip("giving a mailbox away needs root")
    os.chown(boxes.box, 4711, 4711)
    assert boxes.said("delete 1\nquit") == "Held 2 messages in BOX\n"
    assert boxes.now() == message(2, OLD) + message(3, OLD) and boxes.box.stat().st_uid == 4711


def test_what_comes_into_mbox_stands_before_the_rest_unless_append_is_set(boxes):
    boxes.mbox.write_text(message(9))
    boxes.mbox.chmod(0o600)
    boxes.run("touch 1 2\nquit\n", "-N")
    assert boxes.mbox.read_text() == message(1, OLD) + message(2, OLD) + message(9)
    boxes.said("touch *\nquit")
    assert boxes.mbox.read_text() == message(1, OLD) + message(2, OLD) + message(9) + message(3, OLD)


def test_saveignore_leaves_fields_out(boxes):
    boxes.said("saveignore from\ncopy 1 out\nexit")
    assert (boxes.home / "out").read_text() == message(1, OLD).replace("From: M1 <m1@example.org>\n", "")


def test_mail_that_arrives_meanwhile(boxes):
    (boxes.home / "late").write_text(message(4))
    for deleted, said in (("1", "New mail has arrived.\nHeld 2 messages in BOX\n"), ("*", "New mail has arrived.\n")):
        boxes.box.write_text(messages("", "", ""))
        text = boxes.said(f"delete {deleted}\n!cat late >>$MAIL\nquit")
        assert text.removeprefix("!\n") == said and boxes.now().endswith(message(4))
        assert len(re.findall("^From ", boxes.now(), re.M)) == (3 if deleted == "1" else 1)


def test_inc_finds_new_mail(boxes):
    (boxes.home / "late").write_text(message(4))
    told = boxes.said("inc\n!cat late >>$MAIL\ninc\n=\nexit").replace("!\n", "")
    assert told == 'No new mail.\n"BOX": 4 messages 4 new\n4\n'


@pytest.mark.parametrize("name", ["TERM", "HUP", "KILL"])
def test_signals_leave_the_mailbox_as_it_was(boxes, name):
    argv = [boxes.mail, "-n", "-N"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=boxes.env, cwd=boxes.home) as process:
        process.stdin.write(b"delete 1\ntouch 2\n!echo done\n")
        process.stdin.flush()
        while process.stdout.readline() != b"done\n":
            pass
        process.send_signal(getattr(signal, f"SIG{name}"))
        process.stdin.close()
        assert process.wait(30) != 0
    assert boxes.now() == messages("", "", "") and not boxes.mbox.exists()


def test_an_mbox_that_cannot_be_written_leaves_all_as_it_was(boxes):
    told = boxes.run("set append MBOX=/nowhere/mbox\ntouch 1\ndelete 2\nquit\n", "-N")
    assert told.returncode != 0 and b"/nowhere/mbox: " in told.stdout and b"No such file or directory" in told.stdout
    assert boxes.now() == messages("", "", "")


def test_a_mailbox_that_another_program_rewrote_is_left_alone(boxes):
    told = boxes.run("delete 3\n!printf 'From x@y Sat Jan  2 08:50:01 2021\\n\\nother\\n\\n' >$MAIL\nquit\n", "-N")
    assert told.returncode != 0
    assert told.stdout.decode().splitlines()[-1] == f"{boxes.box}: changed by another program"
    assert boxes.now() == "From x@y Sat Jan  2 08:50:01 2021\n\nother\n\n"


# Other files.

def test_how_a_file_is_left(boxes):
    file = boxes.home / "f"
    file.write_text(messages(READ, READ))
    assert boxes.said("touch 1\nmbox 2\nsave 1 out\nquit", "-f", "f") == '"out" [New file]\n'
    assert file.read_text() == messages(READ, READ)
    assert boxes.said("delete 1\nquit", "-f", "f") == '"f" complete\n'
    assert file.read_text() == message(2, READ)
    shutil.copy(file, boxes.home / "g")
    assert boxes.said("set keep\ndelete 1\nquit", "-f", "f") == '"f" truncated\n'
    assert file.read_text() == ""
    assert boxes.said("delete 1\nquit", "-f", "g") == '"g" removed\n'
    assert not (boxes.home / "g").exists()


# A signal comes at a system call.

SIGNALLED = {
    "append": ("copy * out\nexit", "pwrite64", 2),
    "draft": ("touch *\ndelete 1\nquit", "pwrite64", 1),
    "move": ("set append\ntouch *\nquit", "pwrite64", 2),
}


@pytest.mark.parametrize("name", ["TERM", "HUP"])
@pytest.mark.parametrize("case", SIGNALLED)
def test_a_signal_leaves_no_lock_and_no_part(boxes, case, name, tmp_path):
    commands, call, when = SIGNALLED[case]
    done = subprocess.run(["strace", "-f", "-o", tmp_path / "trace", "-e", f"trace={call}", "-e",
                           f"inject={call}:signal={name}:when={when}", boxes.mail, "-n", "-N"], input=commands.encode() + b"\n",
                          env=boxes.env, cwd=boxes.home, capture_output=True, check=False, timeout=60)
    assert done.returncode != 0 and f"SIG{name}" in (tmp_path / "trace").read_text()
    assert boxes.now() == messages("", "", "")
    left = [path.name for path in [*boxes.home.rglob("*"), *tmp_path.iterdir()] if path.is_file()]
    assert sorted(left) == ["box", "trace"]


def test_a_folder_may_be_changed_while_a_mailbox_is_open_by_a_relative_name(boxes):
    file = boxes.home / "f"
    file.write_text(messages(READ, READ))
    assert boxes.said("delete 1\ncd /\ninc\nquit", "-f", "f") == 'No new mail.\n"f" complete\n'
    assert file.read_text() == message(2, READ)
    for part in ("cur", "new", "tmp"):
        (boxes.home / "d" / part).mkdir(parents=True)
    (boxes.home / "d/cur/1.a:2,S").write_text("Subject: one\n\n1\n")
    assert boxes.said("delete 1\ncd /\nquit", "-f", "d/") == '"d/" truncated\n'
    assert not (boxes.home / "d/cur/1.a:2,S").exists()


def test_saving(boxes):
    said = boxes.said("save 1 out\nsave 2 out\ncopy 3 'a file'\nsave 3\nSave 1\nCopy 2\nexit")
    assert said == '"out" [New file]\n"out" [Appended]\n"a file" [New file]\n"3" [New file]\n"m1" [New file]\n"m2" [New file]\n'
    assert (boxes.home / "out").read_text() == message(1, OLD) + message(2, OLD)
    assert (boxes.home / "a file").stat().st_mode & 0o777 == 0o600
    assert boxes.now() == messages("", "", "")


@pytest.mark.parametrize("author, file", [
    ("../../x@y", "xunknown"), (".profile@y", "profile"), ('"/etc/passwd"@y', "etcpasswd"), ("a$(touch_X)b@y", "atouch_Xb")])
def test_nobodys_name_is_a_path(boxes, author, file):
    file = "x" if file == "xunknown" else file
    boxes.box.write_text(message(1).replace("M1 <m1@example.org>", f"<{author}>"))
    said = boxes.said("Copy 1\nexit")
    assert said == f'"{file}" [New file]\n' and sorted(os.listdir(boxes.home)) == [file]


def test_links_of_others_are_not_followed(boxes):
    (boxes.home / "target").write_text("")
    (boxes.home / "own").symlink_to("target")
    assert boxes.said("copy 1 own\nexit") == '"own" [Appended]\n'
    assert (boxes.home / "target").read_text() == message(1, OLD)
    if os.geteuid() != 0:
        pytest.skip("giving a link away needs root")
    (boxes.home / "foreign").symlink_to("target")
    os.chown(boxes.home / "foreign", 4711, 4711, follow_symlinks=False)
    assert "foreign: is somebody else's symbolic link" in boxes.said("copy 2 foreign\nexit", status=77)
    assert (boxes.home / "target").read_text() == message(1, OLD)


def test_other_mailboxes_are_opened(boxes):
    (boxes.home / "f").write_text(messages(READ))
    said = boxes.said("file f\nfile #\nfile nosuch\nfile\nexit", status=66)
    assert said == ('Held 3 messages in BOX\n"f": 1 message\n"BOX": 3 messages 3 unread\n'
                    'nosuch: No such file or directory\n"BOX": 3 messages 3 unread\n')


def test_a_maildir(boxes):
    for part in ("cur", "new", "tmp"):
        (boxes.home / "d" / part).mkdir(parents=True)
    (boxes.home / "d/new/1001.a").write_text("Return-Path: <a@x>\nSubject: one\n\n1\nFrom 1\n")
    (boxes.home / "d/cur/1002.b:2,FS").write_text("Subject: two\n\n2\n")
    assert boxes.said("copy 1 out\ndelete 2\nquit", "-f", "d") == '"out" [New file]\n"d" complete\n'
    assert [path.name for path in (boxes.home / "d").glob("*/*")] == ["1001.a:2,"]
    saved = (boxes.home / "out").read_text().split("\n", 1)
    assert saved[0].startswith("From a@x ")
    assert saved[1] == "Return-Path: <a@x>\nSubject: one\nStatus: O\n\n1\n>From 1\n\n"
    assert boxes.said("copy * d\nexit") == '"d" [Appended]\n'
    found = mailbox.Maildir(boxes.home / "d")
    assert sorted(each["Subject"] for each in found) == ["one", "s1", "s2", "s3"]


def maildir(path):
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    return path


def test_what_another_program_did_to_a_maildir_stays(boxes):
    box = maildir(boxes.home / "d")
    (box / "new/1.a.h").write_text("Subject: one\n\n1\n")
    (box / "new/2.b.h").write_text("Subject: two\n\n2\n")
    boxes.said("!mv d/new/1.a.h d/cur/1.a.h:2,FRS; rm d/new/2.b.h\nquit", "-f", "d")
    assert [path.name for path in box.glob("*/*")] == ["1.a.h:2,FRS"]


@pytest.mark.parametrize("refused", [(), ("renameat2:error=EINVAL",), ("renameat2:error=EINVAL", "linkat:error=EPERM")],
                         ids=["renameat2", "linkat", "renameat"])
def test_messages_of_a_maildir_whose_names_are_alike(boxes, tmp_path, refused):
    """Also where a file system cannot rename without replacing, or link."""
    box = maildir(boxes.home / "d")
    for name in ("new/foo:bar", "new/foo:baz", "new/1.a", "cur/1.a:2,", "new/2.b"):
        (box / name).write_text(f"Subject: {name}\n\n{name}\n")
    traced = ["strace", "-f", "-o", tmp_path / "trace", *(word for each in refused for word in ("-e", f"inject={each}"))]
    subprocess.run([*traced, boxes.mail, "-n", "-f", "d"], input=b"touch *\nquit\n", env={**boxes.env, "ASAN_OPTIONS": "detect_leaks=0"},
                   cwd=boxes.home, check=True, stdout=subprocess.DEVNULL, timeout=60)
    names = sorted(path.name for path in box.glob("cur/*"))
    assert names == ["1.a.1:2,", "1.a:2,", "2.b:2,", "foo:bar:2,", "foo:baz:2,"]
    assert len({path.read_text() for path in box.glob("*/*")}) == 5


def test_a_new_maildir_holds_what_was_saved_as_it_was(boxes):
    boxes.box.write_text(message(1).replace("\n", "\r\n") + message(2))
    assert boxes.said("flag 1\ncopy * made/\nexit") == '"made/" [New file]\n'
    found = {path.name.rpartition(":2,")[2]: path for path in (boxes.home / "made/cur").iterdir()}
    assert sorted(found) == ["", "F"]
    assert found[""].read_text() == message(2).split("\n", 1)[1].removesuffix("\n")
    assert found["F"].read_bytes().endswith(b"\r\nbody 1\r\n") and b"Status" not in found["F"].read_bytes()
    assert int(found[""].stat().st_mtime) == int(time.mktime((2021, 1, 2, 8, 50, 2, 0, 0, -1)))


def test_messages_that_vanish_are_gone_and_the_others_go_on(boxes):
    box = maildir(boxes.home / "d")
    for number in range(1, 4):
        (box / f"cur/{number}:2,S").write_text(f"Subject: {number}\n\n{number}\n")
    env = {"MAIL": f"{box}/"}
    done = boxes.run("set append\ntouch *\n!rm d/cur/2:2,S\ncopy 1-3 out\nquit\n", "-N", env=env)
    assert done.returncode == 0, done.stdout
    for name in ("out", "mbox"):
        assert re.findall(r"Subject: (\d)", (boxes.home / name).read_text()) == ["1", "3"]
    assert list((box / "cur").iterdir()) == []


def test_mail_behind_an_empty_line_is_mail(boxes):
    boxes.box.write_text("\n" + message(1))
    assert boxes.run("", "-e").returncode == 0
    boxes.box.write_text("\nprose\n")
    assert boxes.run("", "-e").returncode == 1


# With those who deliver.

DRIVER = "/usr/local/bin/mailbox_driver"


@pytest.fixture
def bed(world, programs):
    made = Bed(world(users=["jane", "tom"]), programs["postbag-flush"].parents[1] / "tests/deliver")
    shutil.copy(programs["postbag-flush"].parents[1] / "tests/mailbox_driver", made.world.path(DRIVER))
    return made


def driver(*words, lock_limit=20_000):
    return [DRIVER, "--journals", "/home/jane/journals", "--lock-limit", str(lock_limit), *words]


LOCKED = {
    "lockfile": "lockfile -1 -r 1000 box.lock && cat late >>box; rm -f box.lock",
    "mutt_dotlock": "until mutt_dotlock -r 100 box; do :; done; cat late >>box; mutt_dotlock -u box",
    "deliver": " ".join(["/usr/local/bin/deliver", "--message", "message", "--home", "/home/jane", "mbox", "/home/jane/box"]),
    "dovecot": "doveadm -c /home/jane/dovecot.conf save <message",
}
DOVECOT = """mail_location = mbox:/home/jane/mail:INBOX=/home/jane/box
log_path = /home/jane/log
ssl = no
stats_writer_socket_path =
protocols =
default_internal_user = tom
default_login_user = tom
mbox_dirty_syncs = no
mbox_read_locks = fcntl
mbox_write_locks = dotlock fcntl
"""


@pytest.mark.parametrize("program", LOCKED)
def test_rewriting_beside_deliveries(bed, program):
    """Forty messages go one by one while forty others come."""
    if program == "dovecot":
        root = extracted("dovecot-core")
        mounted = bed.world.run(["mount", "-t", "overlay", "-o", f"lowerdir={root}/usr:/usr", "overlay", "/usr"])
        assert mounted.returncode == 0, mounted.stderr
        bed.write("/home/jane/dovecot.conf", DOVECOT.encode(), 0o644)
    old = "".join(message(1).replace("s1", f"old {n}") for n in range(60))
    bed.write("/home/jane/box", old.encode())
    bed.write("/home/jane/late", message(2).replace("s2", "late").encode())
    bed.write("/home/jane/message", b"Subject: late\n\nbody 2\n")
    ours = bed.world.popen(["sh", "-c", 'for i in $(seq 40); do "$@" || exit 1; done', "sh",
                            *driver("commit", "/home/jane/box", "d1")], user="jane", stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    theirs = bed.world.run(["sh", "-c", f"for i in $(seq 40); do {LOCKED[program]}; done"], user="jane", timeout=120)
    told, error = ours.communicate(timeout=120)
    assert (told.count(b"left"), error) == (40, b"") and theirs.returncode == 0, theirs.stderr
    found = [each["Subject"] for each in mailbox.mbox(bed.world.path("/home/jane/box"))]
    # Dovecot keeps no mail of its own in there; but it may add one for itself at the start.
    found = [subject for subject in found if not subject.startswith("DON'T DELETE")]
    assert found.count("late") == 40
    assert [subject for subject in found if subject.startswith("old")] == [f"old {n}" for n in range(40, 60)]


def test_a_dot_lock_is_waited_for_and_told_of(bed):
    box = bed.write("/home/jane/box", messages("", "").encode())
    lock = bed.write("/home/jane/box.lock")
    done = bed.world.run(driver("commit", "/home/jane/box", "d1", lock_limit=50), user="jane")
    assert (done.returncode, done.stderr) == (
        75, b"mailbox_driver: /home/jane/box: unable to lock: /home/jane/box.lock is there\n")
    assert box.read_text() == messages("", "")
    waiting = bed.world.popen(driver("commit", "/home/jane/box", "d1"), user="jane", stdout=subprocess.PIPE)
    lock.unlink()
    assert waiting.communicate(timeout=30)[0] == b"left 1 arrived 0\n" and box.read_text() == message(2)


def test_the_kernels_lock_is_waited_for(bed):
    box = bed.write("/home/jane/box", messages("", "").encode())
    holder = bed.world.popen(bed.argv("hold", "/home/jane/box"), user="jane", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    done = bed.world.run(driver("commit", "/home/jane/box", "d1", lock_limit=50), user="jane")
    assert done.returncode == 75 and done.stderr.endswith(b"unable to lock: it is locked by another program\n")
    assert box.read_text() == messages("", "")
    waiting = bed.world.popen(driver("commit", "/home/jane/box", "d1"), user="jane", stdout=subprocess.PIPE)
    holder.stdin.close()
    assert holder.wait(30) == 0
    holder.stdout.close()
    assert waiting.communicate(timeout=30)[0] == b"left 1 arrived 0\n" and box.read_text() == message(2)


def test_in_debians_folder_where_no_file_can_be_made(bed):
    bed.world.path("/var/mail").chmod(0o2775)
    box = bed.write("/var/mail/jane", messages("", "", "").encode(), mode=0o660)
    inode = box.stat().st_ino
    done = bed.world.run(driver("commit", "/var/mail/jane", "d1", "s2=RO"), user="jane")
    assert done.stdout == b"left 2 arrived 0\n", done.stderr
    assert box.read_text() == message(2, READ) + message(3)
    assert (box.stat().st_ino, box.stat().st_mode & 0o777) == (inode, 0o660)
    done = bed.world.run(driver("commit", "/var/mail/jane", "d1", "d2"), user="jane")
    assert done.stdout == b"left 0 arrived 0\n" and box.read_bytes() == b""


def test_a_text_that_does_not_fit_any_more_is_kept_apart(bed):
    """A crash, and then a program that does more than append."""
    before = messages("", "", "")
    bed.write("/home/jane/box", before.encode())
    journals = bed.world.path("/home/jane/journals")
    traced = bed.world.run(["strace", "-f", "-o", "/home/jane/trace", "-e", "trace=pwrite64", "-e",
                            "inject=pwrite64:signal=KILL:when=4", *driver("commit", "/home/jane/box", "d1")], user="jane")
    assert traced.stdout == b""
    journal, = journals.glob("rewrite.*")
    assert not journal.name.endswith(".new")
    other = "From x@y Sat Jan  2 08:50:01 2021\n\nother\n\n"
    bed.write("/home/jane/box", other.encode())
    done = bed.world.run(driver("list", "/home/jane/box"), user="jane")
    kept, = journals.iterdir()
    assert re.fullmatch(r"recovered\.[0-9a-f]{16}\.1", kept.name)
    assert done.stderr.decode() == ("mailbox_driver: /home/jane/box: a crash cut off its rewriting, and it was changed since; "
                                    f"what it was to hold is in /home/jane/journals/{kept.name}\n")
    assert kept.read_text() == message(2) + message(3)
    assert bed.world.path("/home/jane/box").read_text() == other


@pytest.mark.parametrize("commands, name", [("file f\nexit", "f"), ("touch 1\nquit", "mbox")])
def test_where_a_text_that_was_kept_apart_lies_is_told(boxes, commands, name):
    file = boxes.home / name
    file.write_text(messages(READ, READ, READ))
    subprocess.run(["strace", "-f", "-o", boxes.home / "trace", "-e", "trace=pwrite64", "-e",
                    "inject=pwrite64:signal=KILL:when=4", boxes.mail, "-n", "-N", "-f", name], input=b"delete 1\nquit\n",
                   env=boxes.env, cwd=boxes.home, timeout=30, stdout=subprocess.PIPE, check=False)
    journals = boxes.home / ".local/state/postbag/mail"
    assert re.fullmatch(r"rewrite\.[0-9a-f]{16}", "".join(os.listdir(journals)))
    file.write_text("From x@y Sat Jan  2 08:50:01 2021\n\nother\n\n")
    done = boxes.run(f"{commands}\n", "-N", merged=False)
    kept, = journals.glob("recovered.*")
    assert done.returncode == 0
    assert done.stderr.decode() == (f"mail: {file}: a crash cut off its rewriting, and it was changed since; "
                                    f"what it was to hold is in {kept}\n")
    assert "\nother\n" in file.read_text()


def test_a_rewriting_that_cannot_be_finished_now_hides_no_mail(bed):
    bed.write("/home/jane/box", messages("", "", "").encode())
    bed.world.run(["strace", "-f", "-o", "/home/jane/trace", "-e", "trace=pwrite64", "-e",
                   "inject=pwrite64:signal=KILL:when=4", *driver("commit", "/home/jane/box", "d1")], user="jane")
    lock = bed.world.path("/home/jane/box.lock")
    lock.unlink(missing_ok=True)
    bed.write("/home/jane/box.lock")
    done = bed.world.run(driver("list", "/home/jane/box", lock_limit=50), user="jane")
    assert done.returncode == 0 and b"messages\n" in done.stdout
    assert b"/home/jane/box.lock is there; a crash cut off the rewriting of /home/jane/box" in done.stderr
    assert b"read-only" in done.stderr
    lock.unlink()
    assert bed.world.run(driver("list", "/home/jane/box"), user="jane").stderr == b""
    assert bed.world.path("/home/jane/box").read_text() == message(2) + message(3)
