"""The spool on disk: the entry's format, who may touch it, and what happens to whatever else lies there."""

import fcntl
import os
import re
import signal
import time
from pathlib import Path

import pytest
from conftest import need_root
from support.installed import install

MESSAGE = b"Subject: x\n\nbody\n"
DAY = 24 * 3600


def store(account, *recipients, text=MESSAGE):
    """The entry that sendmail commits."""
    known = {entry.id for entry in account.entries()}
    done = account.sendmail("-odq", *(recipients or ["bob@x.test"]), input=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    entry, = [entry for entry in account.entries() if entry.id not in known]
    return entry


def names(account, folder):
    return sorted(path.name for path in Path(account.spool, folder).iterdir())


def flushed(account, *arguments, timeout=20):
    done = account.flush(*arguments, timeout=timeout)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture
def relay(account, smtpd):
    """A server that takes everything, configured."""
    server = smtpd()
    account.relay_through(server, security="none")
    return server


def crc64(data):
    """CRC-64/XZ."""
    value = 2**64 - 1
    for octet in data:
        value ^= octet
        for _ in range(8):
            value = value >> 1 ^ (0xC96C5795D7870F42 if value & 1 else 0)
    return f"{value ^ 2**64 - 1:016x}"


# The format: postbag-spool(5).


def test_an_entry_is_exactly_as_documented(account):
    before = time.time()
    entry = store(account, "-fjane", "root", "bob@x.test", text=b"Subject: x\nDate: d\nMessage-ID: <m@x>\n"
                  b"From: j@x.test\nTo: b@x.test\n\n.dot\nlonger line\n..\n")
    after = time.time()
    assert re.fullmatch(r"[0-9A-V]{15}\.0-\d+", entry.name)
    words = [line.partition(" ")[0] for line in entry.envelope]
    assert words == ["postbag", "state", "facts", "time", "uid", "from", "done", "to", "to", "check", "pad"]
    lines = dict(zip(words, entry.envelope, strict=True))
    assert lines["postbag"] == "postbag 1" and lines["state"] == "state --" and lines["done"] == "done 2 .."
    body_lines = entry.message.split(b"\n")[:-1]
    numbers = (len(entry.message), len(body_lines), 2, max(map(len, body_lines)))
    assert lines["facts"] == ("facts bytes={:016} lines={:016} dots={:016} longest={:016} header8=0 body8=0 nul=0 cr=0"
                              .format(*numbers))
    assert re.fullmatch(r"time \d+\.\d{6}", lines["time"]) and before - 1 <= entry.time <= after + 1
    assert lines["uid"] == f"uid {os.geteuid()}" and lines["from"] == "from 0 <jane>"
    assert entry.lines("to") == ["u 0 <root> <root>", "a 0 <bob@x.test> <bob@x.test>"]
    assert re.fullmatch(r"pad  *", lines["pad"])
    covered = [line for line in entry.envelope if line.partition(" ")[0] in ("postbag", "time", "uid", "from", "to")]
    assert lines["check"] == "check " + crc64("".join(line + "\n" for line in covered).encode())
    assert entry.message.endswith(b"\n\n.dot\nlonger line\n..\n") and entry.id.encode() in entry.header
    micros = int(lines["time"].split()[1].replace(".", ""))
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
    assert entry.id[:11] == "".join(alphabet[micros >> 5 * (10 - i) & 31] for i in range(11))


@pytest.mark.parametrize("text, expected", [
    pytest.param("S: é\n\nx\n".encode(), {"header8": "1", "body8": "0"}, id="8-bit-header"),
    pytest.param("S: x\n\né\n".encode(), {"header8": "0", "body8": "1"}, id="8-bit-body"),
    pytest.param(b"S: x\n\na\0b\n", {"nul": "1", "cr": "0"}, id="nul"),
    pytest.param(b"S: x\n\na\rb\n", {"nul": "0", "cr": "1"}, id="bare-cr"),
    pytest.param(b"S: x\n\n" + b"z" * 5000 + b"\n", {"longest": f"{5000:016}"}, id="long-line"),
])
def test_facts_tell_what_the_message_is_made_of(account, text, expected):
    entry = store(account, text=text)
    assert {key: entry.facts[key] for key in expected} == expected
    assert int(entry.facts["bytes"]) == len(entry.message)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777], ids=oct)
def test_modes_and_owners_whatever_the_umask(account, umask):
    done = account.sendmail("-odq", "bob@x.test", input=MESSAGE, umask=umask)
    assert (done.returncode, done.stderr) == (0, b"")
    for path in (account.spool, *sorted(account.spool.rglob("*"))):
        status = path.lstat()
        assert (status.st_uid, status.st_gid) == (os.geteuid(), os.getegid()), path
        assert oct(status.st_mode & 0o7777) == ("0o700" if path.is_dir() else "0o600"), path
    assert names(account, ".") == ["bad", "queue", "run", "tmp", "why"] and names(account, "tmp") == []


def test_names_are_in_the_order_of_arrival(account):
    ids = [store(account, f"r{number}@x.test").id for number in range(10)]
    assert ids == sorted(ids)
    assert [entry.addresses for entry in account.entries()] == [[f"r{number}@x.test"] for number in range(10)]


# Hold.


def test_a_held_entry_waits_until_it_is_released(account, relay):
    entry = store(account)
    for option, state in (("--hold", "h-"), ("--release", "--")):
        done = account.mailq(option, entry.id)
        assert done.returncode == 0, done.stderr
        assert account.entries()[0].state == state
        if state == "h-":
            flushed(account, "--all")
            assert relay.messages == [] and account.entries()[0].message == entry.message
    flushed(account, "--all")
    assert len(relay.wait_for(1)) == 1  # by this run or by one that the release started
    account.wait_until_empty()


# Quarantine.


def spoil(text):
    def damage(path):
        path.write_bytes(text(path.read_bytes()))
    return damage


def replaced(make):
    def damage(path):
        path.unlink()
        make(path)
    return damage


DAMAGES = {
    "flipped-address": (spoil(lambda data: data.replace(b"<r1", b"<q1", 1)), "the checksum does not fit"),
    "flipped-check": (spoil(lambda data: data.replace(b"\ncheck ", b"\ncheck", 1) + b" "), "'check' expected"),
    "smaller-facts": (spoil(lambda data: re.sub(rb"(?<=bytes=)\d{16}", lambda m: b"%016d" % (int(m[0]) - 1), data)),
                      "its facts are not those of its message"),
    "newer-format": (spoil(lambda data: data.replace(b"postbag 1", b"postbag 2", 1)), "an unknown version"),
    "truncated": (lambda path: os.truncate(path, path.stat().st_size - 1), "not that of its name"),
    "emptied": (lambda path: os.truncate(path, 0), "its size is 0"),
    "longer": (spoil(lambda data: data + b"more\n"), "not that of its name"),
    "zeroes": (spoil(lambda data: bytes(len(data))), "cut short"),
    "symlink": (replaced(lambda path: path.symlink_to("/etc/passwd")), "a symbolic link"),
    "dangling": (replaced(lambda path: path.symlink_to("/none/such")), "a symbolic link"),
    "fifo": (replaced(lambda path: os.mkfifo(path, 0o600)), "not a regular file"),
    "folder": (replaced(lambda path: path.mkdir()), "not a regular file"),
    "foreign": (lambda path: (need_root("a foreign owner"), os.chown(path, 12345, 12345)), "belongs to uid 12345"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_what_is_damaged_is_put_aside_and_the_others_go(account, relay, kind):
    damage, reason = DAMAGES[kind]
    entries = [store(account, f"r{number}@x.test") for number in range(3)]
    damage(entries[1].path)
    shape = entries[1].path.lstat()
    done = account.flush("-v")
    assert done.returncode == 0
    assert [message.addresses for message in relay.messages] == [["r0@x.test"], ["r2@x.test"]]
    assert names(account, "queue") == [] and names(account, "bad") == [entries[1].name]
    kept = Path(account.spool, "bad", entries[1].name).lstat()
    assert (kept.st_ino, kept.st_size, kept.st_mode) == (shape.st_ino, shape.st_size, shape.st_mode)
    told = [line for line in done.stderr.decode().splitlines() if entries[1].name in line]
    assert len(told) == 1 and reason in told[0] and f"moved to {account.spool}/bad/{entries[1].name}" in told[0]


@pytest.mark.parametrize("name", ["core", ".nfs0001", "x" * 200, "01MVAH3Q4400V0V", "01MVAH3Q4400V0V.0-1.tmp",
                                  "01MVAH3Q4400V0V.00-1", "a\nb\x1b[2J", "\xff"])
def test_strange_names_are_put_aside_once(account, relay, name):
    store(account)
    path = os.path.join(os.fsencode(account.spool), b"queue", name.encode("latin-1"))
    for text in (b"one", b"two"):
        Path(os.fsdecode(path)).write_bytes(text)
        done = account.flush("-v")
        assert done.returncode == 0 and b"not the name of an entry" in done.stderr and b"\x1b" not in done.stderr
    assert len(relay.messages) == 1 and names(account, "queue") == []
    kept = {path.read_bytes() for path in Path(account.spool, "bad").iterdir()}
    assert kept == {b"one", b"two"}
    assert account.flush("-v").stderr == b""


def test_a_file_under_a_lease_holds_nobody_up(account, relay):
    signal.signal(signal.SIGIO, signal.SIG_IGN)  # the kernel tells the holder that somebody asks
    entry, other = store(account, "a@x.test"), store(account, "b@x.test")
    with entry.path.open("rb+") as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        start = time.monotonic()
        done = account.flush("-v")
        assert done.returncode == 0 and time.monotonic() - start < 5  # lease-break-time is 45 s
        assert [message.addresses for message in relay.messages] == [["b@x.test"]]
        assert names(account, "queue") == [entry.name] and names(account, "bad") == []
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    flushed(account)
    assert len(relay.messages) == 2 and account.entries() == [] and other.id


def test_an_entry_that_another_process_has_is_left_to_it(account, relay):
    entry = store(account)
    with entry.path.open("rb+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        flushed(account, "--all")
        assert relay.messages == [] and names(account, "queue") == [entry.name]
    flushed(account, "--all")
    assert len(relay.messages) == 1


# Generations.


def generation(entry, number, damage=lambda data: data):
    """Another complete file with this entry's ID; its message says which it is."""
    data = entry.path.read_bytes()
    assert data.count(b"\n\nbody\n") == 1
    data = damage(data.replace(b"\n\nbody\n", b"\n\ng%03d\n" % number))
    path = entry.path.with_name(f"{entry.id}.{number}-{len(data)}")
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_of_two_generations_the_higher_counts(account, relay):
    entry = store(account)
    generation(entry, 2)
    generation(entry, 10)
    flushed(account)
    message, = relay.messages
    assert message.data.endswith(b"\r\ng010\r\n") and names(account, "queue") == [] and names(account, "bad") == []


def test_a_damaged_higher_generation_gives_way_to_the_lower(account, relay):
    entry = store(account)
    damaged = generation(entry, 1, lambda data: data.replace(b"bob@x.test> <bob", b"bob@x.test> <rob"))
    flushed(account)
    message, = relay.messages
    assert message.data.endswith(b"\r\nbody\r\n") and message.addresses == ["bob@x.test"]
    assert names(account, "queue") == [] and names(account, "bad") == [damaged.name]


def test_a_deleted_message_does_not_come_back_in_an_older_generation(account, relay):
    entry = store(account)
    generation(entry, 1)
    assert account.mailq("--delete", entry.id).returncode == 0
    flushed(account, "--all")
    assert relay.messages == [] and names(account, "queue") == []


# The reserve.


def test_the_reserve_is_made_and_given_up_on_a_full_disk(world, smtpd, programs):
    place = world()
    server = smtpd(listener=place.listener())
    binaries = install(place, programs)
    place.path("/root/spool").mkdir()
    assert place.run(["mount", "-t", "tmpfs", "-o", "size=400k,mode=0700", "tmpfs", "/root/spool"]).returncode == 0
    config = place.path("/root/p.ini")
    config.write_text("[spool]\ndirectory = /root/spool\n"
                      f"[smarthost]\nhost = localhost:{server.port}\nsecurity = none\n")
    env = {"POSTBAG_CONFIG": "/root/p.ini"}
    sendmail, flush = ([binaries[name]] for name in ("sendmail", "postbag-flush"))
    assert place.run([*flush], env=env).returncode == 0
    assert place.run([*sendmail, "-odq", "a@x.test", "b@x.test"], env=env, input=MESSAGE).returncode == 0
    assert place.run([*flush], env=env).returncode == 0 and len(server.messages) == 1
    reserve = place.path("/root/spool/run/reserve")
    assert reserve.stat().st_size == 65536 and reserve.stat().st_mode & 0o7777 == 0o600
    # Fill it to the last block: what is sent is recorded all the same, and nothing is sent twice.
    assert place.run([*sendmail, "-odq", "a@x.test", "b@x.test"], env=env, input=MESSAGE).returncode == 0
    done = place.run(["sh", "-c", "cat /dev/zero > /root/spool/filler"])
    assert b"No space left" in done.stderr
    done = place.run([*sendmail, "-odq", "a@x.test"], env=env, input=MESSAGE)
    assert done.returncode == 75 and b"No space left on device" in done.stderr
    assert place.run([*flush], env=env).returncode == 0
    assert len(server.messages) == 2 and not list(place.path("/root/spool/queue").iterdir())
    assert not list(place.path("/root/spool/tmp").iterdir())


# tmp/.


def test_only_what_is_old_and_unlocked_goes_from_tmp(account, relay):
    store(account)
    folder = Path(account.spool, "tmp")
    ages = {"old": 37 * 3600, "young": 35 * 3600, "locked": 9 * DAY, "future": -9 * DAY}
    for name, age in ages.items():
        (folder / name).write_text("x")
        os.utime(folder / name, (time.time() - age,) * 2)
    with (folder / "locked").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        flushed(account)
        assert names(account, "tmp") == ["future", "locked", "young"]
    flushed(account)
    assert names(account, "tmp") == ["future", "young"] and len(relay.messages) == 1


# Times.


@pytest.mark.parametrize("offset, due", [(-25 * 365 * DAY, True), (-1, True), (3600, False), (5 * 3600, True),
                                         (9 * DAY, True), (25 * 365 * DAY, True)])
def test_the_files_time_is_the_next_attempt_but_never_far_off(account, relay, offset, due):
    entry = store(account)
    os.utime(entry.path, (time.time() + offset,) * 2)
    flushed(account)
    assert len(relay.messages) == due and len(account.entries()) == (not due)


def test_a_failed_attempt_sets_the_next_one_within_the_retry_range(account, smtpd):
    server = smtpd({"mail": "451 4.3.0 later"})
    account.relay_through(server, security="none", more="[spool]\nretry = 10m..1h\n")
    entry = store(account)
    os.utime(entry.path, (0, 0))
    now = time.time()
    flushed(account)
    assert 540 <= entry.path.stat().st_mtime - now <= 665
    assert Path(account.spool, "why", entry.id).read_text().startswith("postbag why 1\nattempts 1 ")
