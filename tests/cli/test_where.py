"""Where mail is stored and which configuration counts: system mode, user mode, the shared spool, the socket."""

import os
import re
import time
from pathlib import Path

import pytest
from support import entries
from support.installed import give, install
from support.submit_socket import SubmitSocket

MESSAGE = b"Subject: x\nDate: d\nFrom: f@x.test\nMessage-ID: <m@x>\n\nbody\n"
JANE, TOM = 5001, 5002
SPOOL = "/var/spool/postbag"


def system_mode(place, text=""):
    folder = place.path("/etc/postbag")
    folder.mkdir(mode=0o755, exist_ok=True)
    (folder / "postbag.ini").write_text(text)
    (folder / "postbag.ini").chmod(0o644)
    place.path(SPOOL).mkdir(exist_ok=True)
    place.path(SPOOL).chmod(0o1733)


@pytest.fixture
def place(world, programs):
    """A World of jane and tom with our programs."""
    made = world(users=["jane", "tom"])
    install(made, programs)
    made.run(["rm", "-rf", "/root/.local", "/root/.config", "/etc/postbag", SPOOL])  # what the machine has of ours
    return made


def sendmail(place, *arguments, user=None, input=MESSAGE, env=None, timeout=30):
    return place.run(["/usr/sbin/sendmail", "-odq", *(arguments or ["bob@x.test"])], user=user, input=input, env=env,
                     cwd="/", timeout=timeout)


def stored(place, *arguments, **more):
    done = sendmail(place, *arguments, **more)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def committed(place, spool):
    return entries.committed(place.path(spool))


def shared(place):
    return sorted(path.name for path in place.path(SPOOL).iterdir())


# The mode.


def test_without_an_installation_everybody_has_a_spool_at_home(place):
    for user, home in (("jane", "/home/jane"), (None, "/root")):
        stored(place, user=user, env={"HOME": "/tmp", "XDG_STATE_HOME": "/tmp", "XDG_CONFIG_HOME": "/tmp"})
        entry, = committed(place, f"{home}/.local/state/postbag/spool")
        assert entry.uid == (JANE if user else 0) and entry.path.stat().st_uid == entry.uid


def test_with_an_installation_the_shared_spool_is_used(place):
    system_mode(place)
    for user, uid in (("jane", JANE), ("tom", TOM), (None, 0)):
        stored(place, user=user)
        entry, = committed(place, f"{SPOOL}/{uid}")
        assert entry.uid == uid
        for path in (place.path(f"{SPOOL}/{uid}"), *place.path(f"{SPOOL}/{uid}").rglob("*")):
            status = path.stat()
            assert (status.st_uid, oct(status.st_mode & 0o7777)) == (uid, "0o700" if path.is_dir() else "0o600"), path
    assert shared(place) == ["0", "5001", "5002"]
    assert not place.path("/home/jane/.local").exists()


def test_a_configuration_of_ones_own_comes_before_the_system(place):
    system_mode(place)
    give(place, "jane", {".config/postbag/postbag.ini": "[site]\ndomain = own.example\n"})
    stored(place, user="jane")
    assert len(committed(place, "/home/jane/.local/state/postbag/spool")) == 1 and shared(place) == []
    # Root never has one, and neither has who does not own it.
    root = place.path("/root/.config/postbag/postbag.ini")
    root.parent.mkdir(parents=True)
    root.write_text("")
    stored(place)
    give(place, "tom", {".config/postbag/postbag.ini": ""})
    place.run(["chown", "jane", "/home/tom/.config/postbag/postbag.ini"])
    stored(place, user="tom")
    assert shared(place) == ["0", "5002"]


@pytest.mark.parametrize("how", ["writable-file", "writable-folder", "foreign"])
def test_root_uses_no_configuration_that_others_can_change(place, how):
    system_mode(place)
    folder = place.path("/var/p")
    folder.mkdir(mode=0o755)
    config = folder / "p.ini"
    config.write_text("[spool]\ndirectory = /root/elsewhere\n")
    config.chmod(0o600)
    env = {"POSTBAG_CONFIG": "/var/p/p.ini"}
    stored(place, env=env)
    assert len(committed(place, "/root/elsewhere")) == 1
    place.run({"writable-file": ["chmod", "o+w", "/var/p/p.ini"], "writable-folder": ["chmod", "o+w", "/var/p"],
               "foreign": ["chown", "jane", "/var/p/p.ini"]}[how])
    done = sendmail(place, env=env)
    assert done.returncode == 0
    assert re.fullmatch(rb"sendmail: POSTBAG_CONFIG=/var/p/p.ini is not used: /var/p\S*: .*\n", done.stderr)
    assert len(committed(place, "/root/elsewhere")) == 1 and len(committed(place, f"{SPOOL}/0")) == 1


def test_the_environment_of_a_set_uid_caller_chooses_nothing(place):
    system_mode(place)
    place.path("/home/jane/p.ini").write_text("[spool]\ndirectory = /home/jane/elsewhere\n")
    command = ["setpriv", "--ruid", "jane", "--euid", "tom", "--regid", "tom", "--clear-groups",
               "/usr/sbin/sendmail", "-odq", "bob@x.test"]
    done = place.run(command, input=MESSAGE, env={"POSTBAG_CONFIG": "/home/jane/p.ini"}, cwd="/")
    # A sanitizer's search for leaks cannot work with two uids, and says so when all else is done.
    assert b"LeakSanitizer has encountered a fatal error" in done.stderr or (done.returncode, done.stderr) == (0, b"")
    entry, = committed(place, f"{SPOOL}/5002")
    assert entry.uid == TOM and b"from userid 5002, real userid 5001)" in entry.header


@pytest.mark.parametrize("uid", [4242, 61200])
def test_a_uid_without_home_or_name_has_a_spool_that_nobody_can_guess(place, uid):
    command = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
               "/usr/sbin/sendmail", "-odq", "b@x.test"]
    done = place.run(command, input=MESSAGE, cwd="/")
    assert done.returncode == 78
    assert done.stderr.decode() == (f"sendmail: no spool: uid {uid} has no home folder of its own and "
                                    "/etc/postbag/postbag.ini does not exist\n")
    system_mode(place)
    done = place.run(command, input=MESSAGE, cwd="/")
    assert (done.returncode, done.stderr) == (0, b"")
    name, = shared(place)
    assert re.fullmatch(rf"{uid}\.\d+", name) and len(committed(place, f"{SPOOL}/{name}")) == 1


def test_a_home_that_is_another_users_is_none(place):
    system_mode(place)
    place.run(["chown", "tom", "/home/jane"])
    stored(place, user="jane")
    assert shared(place) == ["5001"]


# Neighbours.


def test_nobody_touches_anothers_spool(place):
    system_mode(place)
    stored(place, user="jane")
    entry, = committed(place, f"{SPOOL}/5001")
    mail, folder = f"{SPOOL}/5001/queue/{entry.name}", f"{SPOOL}/5001"
    for command in (["ls", SPOOL], ["ls", folder], ["cat", mail], ["ln", mail, "/tmp/stolen"], ["rm", "-f", mail],
                    ["mv", folder, f"{SPOOL}/x"], ["rmdir", folder], ["touch", f"{folder}/queue/x"],
                    ["ln", "-s", "/etc", f"{folder}/queue/x"], ["chmod", "777", folder],
                    ["/usr/bin/mailq", "--delete", entry.id], ["/usr/bin/mailq", "--show", entry.id]):
        assert place.run(command, user="tom", cwd="/").returncode != 0, command
    assert b"empty" in place.run(["/usr/bin/mailq"], user="tom", cwd="/").stdout
    assert committed(place, folder)[0].message == entry.message
    assert not Path("/tmp/stolen").exists()


@pytest.mark.parametrize("squat", ["mkdir {}", "mkdir -m 777 {}", "touch {}", "ln -s /etc {}", "mkfifo {}",
                                   "mkdir -m 777 {0} {0}/queue {0}/tmp {0}/why {0}/bad {0}/run"],
                         ids=["folder", "open-folder", "file", "link", "fifo", "whole-spool"])
def test_a_squatter_stops_nobody(place, smtpd, squat):
    server = smtpd(listener=place.listener())
    system_mode(place, f"[smarthost]\nhost = localhost:{server.port}\nsecurity = none\n")
    target = f"{SPOOL}/5001"
    assert place.run(["sh", "-c", squat.format(target)], user="tom", cwd="/").returncode == 0
    stored(place, user="jane")
    own, = [name for name in shared(place) if name != "5001"]
    assert re.fullmatch(r"5001\.\d+", own) and len(committed(place, f"{SPOOL}/{own}")) == 1
    remembered = place.path("/home/jane/.local/state/postbag/shared-spools")
    assert remembered.read_text() == f"{SPOOL}/{own}\n" and remembered.stat().st_uid == JANE
    assert oct(remembered.stat().st_mode & 0o777) == "0o600"
    stored(place, user="jane")
    assert len(committed(place, f"{SPOOL}/{own}")) == 2 and shared(place) == ["5001", own]
    assert place.run(["/usr/bin/mailq"], user="jane", cwd="/").stdout.count(b"bob@x.test") == 2
    done = place.run(["/usr/libexec/postbag/postbag-flush", "-v"], user="jane", cwd="/")
    assert done.returncode == 0, done.stderr
    assert len(server.messages) == 2 and committed(place, f"{SPOOL}/{own}") == []


# Where to store.


def unwritable(place, how):
    """Makes jane's spool unusable; what sendmail says of it."""
    spool = "/home/jane/.local/state/postbag/spool"
    if how == "read-only":
        place.run(["mount", "--bind", "/home/jane", "/home/jane"])
        assert place.run(["mount", "-o", "remount,ro,bind", "/home/jane"]).returncode == 0
        return f"{spool}/tmp: create: Read-only file system"
    if how == "no-rights":
        place.run(["mkdir", "/home/jane/.local"])
        return "/home/jane/.local/state: mkdir: Permission denied"
    assert how == "full"
    place.run(["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=1,mode=0700,uid=5001,gid=5001", "tmpfs",
               "/home/jane/.local/state"])
    return "No space left on device"


def ready(place, how):
    if how != "no-rights":
        stored(place, user="jane")
        for entry in committed(place, "/home/jane/.local/state/postbag/spool"):
            entry.path.unlink()
    return unwritable(place, how)


@pytest.mark.parametrize("how", ["read-only", "no-rights", "full"])
def test_where_the_spool_cannot_be_written_the_socket_takes_it(place, how):
    ready(place, how)
    place.path("/root/p.ini").write_text("[spool]\ndirectory = /root/taken\n")
    listener = SubmitSocket(place, "/usr/sbin/sendmail", {"POSTBAG_CONFIG": "/root/p.ini"})
    text = MESSAGE + b"\0\r.\n..\n" + "é".encode() * 1000 + b"\n" + b"x" * 200_000
    stored(place, "-f", "jane@lan.example", "-N", "success,delay", "-R", "HDRS", "-V", "a b", "root", "bob@x.test",
           user="jane", input=text)
    listener.close()
    entry, = committed(place, "/root/taken")
    assert entry.message.partition(b"\n\n")[2] == text.partition(b"\n\n")[2] + b"\n"
    assert entry.sender == "jane@lan.example" and entry.addresses == ["root", "bob@x.test"]
    assert [recipient.kind for recipient in entry.recipients] == ["u", "a"]
    assert [recipient.params for recipient in entry.recipients] == [{"notify": "success,delay"}] * 2
    assert entry.senders[0][1] == {"ret": "hdrs", "envid": "a+20b"}
    assert entry.uid == 0  # whoever serves says who it was, never the one who connects


def test_a_spool_that_fills_up_in_the_middle_loses_nothing(place):
    place.path("/root/p.ini").write_text("[spool]\ndirectory = /root/taken\n")
    listener = SubmitSocket(place, "/usr/sbin/sendmail", {"POSTBAG_CONFIG": "/root/p.ini"})
    stored(place, user="jane")
    folder = "/home/jane/.local/state"
    assert place.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700,uid=5001,gid=5001", "tmpfs", folder]
                     ).returncode == 0
    body = b"".join(b"line %d of a message larger than its spool\n" % number for number in range(100_000))
    stored(place, user="jane", input=MESSAGE + body)
    listener.close()
    entry, = committed(place, "/root/taken")
    assert entry.message.endswith(b"\n\nbody\n" + body) and int(entry.facts["lines"]) == entry.message.count(b"\n")
    spool = place.path(f"{folder}/postbag/spool")
    assert not list((spool / "queue").iterdir()) and not list((spool / "tmp").iterdir())


@pytest.mark.parametrize("behaviour, trouble", [
    (None, "connect: No such file or directory"), ("refusing", "connect: Connection refused"),
    ("full", "connect: Resource temporarily unavailable"), ("silent", "no answer in time")])
def test_nowhere_to_store_is_told_within_five_seconds(place, behaviour, trouble):
    reason = ready(place, "read-only")
    listener = behaviour and SubmitSocket(place, behaviour=behaviour)
    start = time.monotonic()
    done = sendmail(place, user="jane")
    took = time.monotonic() - start
    if listener:
        listener.close()
    assert done.returncode == 75 and took < 5
    assert done.stderr.decode() == (f"sendmail: message not stored, try again: {reason}; "
                                    f"/run/postbag/submit: {trouble}\n")


def test_the_socket_refuses_what_is_too_large_for_its_own_limit(place):
    ready(place, "read-only")
    place.path("/root/p.ini").write_text("[spool]\ndirectory = /root/taken\nsize_limit = 1K\n")
    listener = SubmitSocket(place, "/usr/sbin/sendmail", {"POSTBAG_CONFIG": "/root/p.ini"})
    done = sendmail(place, user="jane", input=MESSAGE + b"x" * 5000)
    listener.close()
    assert done.returncode == 65 and b"message is larger than 1024 bytes" in done.stderr
    assert committed(place, "/root/taken") == []


def test_a_folder_that_is_not_a_spools_own_stays_as_it_is(account):
    """directory = /tmp, say: closing it to others would harm all of them."""
    account.spool.mkdir()
    account.spool.chmod(0o1777)
    (account.spool / "someone's").write_text("file")
    done = account.sendmail("-odq", "bob@x.test", input=b"\nbody\n")
    assert done.returncode == 75 and b"is open to others and holds other things" in done.stderr
    assert account.spool.stat().st_mode & 0o7777 == 0o1777
    assert os.listdir(account.spool) == ["someone's"]


BLOCKED_LOG = """
import os, socket, subprocess, sys, time
os.unlink("/dev/log")
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
full = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
full.connect("/dev/log")
full.setblocking(False)
try:
    while True:
        full.send(b"x")
except BlockingIOError:
    pass
start = time.monotonic()
status = subprocess.run(sys.argv[1:], input=b"\\nbody\\n").returncode
print(status, time.monotonic() - start < 4)
"""


def test_a_log_that_nobody_reads_holds_up_nothing(world, programs):
    """Its socket is full: the message is stored and the caller answered all the same."""
    done = world(users=["jane"]).run(
        ["/usr/bin/python3", "-c", BLOCKED_LOG, programs["sendmail"], "-odq", "bob@x.test"])
    assert done.stdout == b"0 True\n", done
