"""Mail for this machine with each system call of the flush and its agents going wrong: every target has every message,
in the end, and twice only where the fault came between the delivery and its record."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import disks
import faults
import pytest
from spoolcheck import Tally, queue_of, quick_base, report

CONFIGURATION = """[site]
domain = lan.example

[spool]
directory = {folder}/spool

[local]
aliases = {folder}/aliases
mailbox = {folder}/{mailbox}
"""
# A command is asked not to fail for good when its own calls do.
ALIASES = """both: {me}, {folder}/copy
folders: {me}, {folder}/other/
ran: {me}, "|cat >/dev/null && echo ran >>{folder}/ran && sync {folder}/ran || exit 75"
"""
USER = "nobody"  # commands and files are not root's
PROMISED = 5
# name: mailbox, [(recipient, targets)]; the recipient of the last one is unknown.
CASES = {
    "mbox": ("box", [("both", ["box", "copy"]), (USER, ["box"])]),
    "maildir": ("folder/", [("folders", ["folder", "other"]), (USER, ["folder"])]),
    "command": ("box", [("ran", ["box", "ran"])]),
    "bounce": ("box", [("nosuch", ["box"])]),
}


@pytest.fixture(scope="module")
def installed(programs):
    """The programs where another user may run them; their folder."""
    if os.geteuid() != 0:
        pytest.skip("to become another user needs root")
    with tempfile.TemporaryDirectory(dir=quick_base()) as folder:
        Path(folder).chmod(0o755)
        for name in ("sendmail", "postbag-flush"):
            shutil.copy(programs[name], folder)
        yield Path(folder)


def give(path):
    """The whole tree to the user."""
    user = pwd.getpwnam(USER)
    for each in (path, *path.rglob("*")):
        os.chown(each, user.pw_uid, user.pw_gid, follow_symlinks=False)


class Bench:
    """Worlds with messages in the queue, all for this machine."""

    def __init__(self, installed, folder, case):
        user = pwd.getpwnam(USER)
        self.prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        self.installed = installed
        self.case = case
        self.mailbox, self.messages = CASES[case]
        with tempfile.TemporaryDirectory(dir=quick_base()) as made:
            world = Path(made)
            self.configure(world)
            give(world)
            for number, (recipient, _) in enumerate(self.messages):
                subprocess.run([*self.prefix, installed / "sendmail", "-odq", "-f", USER, recipient],
                               input=b"Subject: m%d\n\nhello\nFrom here\nend of m%d\n" % (number, number),
                               env=self.env(world), cwd="/", check=True)
            entries, complaints = queue_of(world / "spool")
            assert len(entries) == len(self.messages) and not complaints
            self.template = folder / "template"
            shutil.copytree(world, self.template)

    @property
    def flush(self):
        return [*self.prefix, str(self.installed / "postbag-flush")]

    @staticmethod
    def env(world):
        return {"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": f"{world}/postbag.ini"}

    def configure(self, world):
        (world / "postbag.ini").write_text(CONFIGURATION.format(folder=world, mailbox=self.mailbox))
        (world / "aliases").write_text(ALIASES.format(folder=world, me=f"\\{USER}"))
        os.utime(world / "aliases", (1e9, 1e9))

    def setup(self, world):
        shutil.copytree(self.template, world, dirs_exist_ok=True)
        self.configure(world)
        give(world)
        world.parent.chmod(0o711)

    def run_again(self, world):
        return subprocess.run([*self.flush, "--all"], env=self.env(world), cwd="/", capture_output=True, timeout=20,
                              check=False)

    def found(self, world):
        """({(message, target): copies}, complaints); a bounce stands for its message."""
        counts, complaints = {}, []
        for number, (_, targets) in enumerate(self.messages):
            for target in targets:
                texts = texts_in(world / target, complaints)
                counts[number, target] = sum(self.is_that(text, number, target) for text in texts)
        return counts, complaints

    def is_that(self, text, number, target):
        if self.case == "bounce":
            return b"\nSubject: Undelivered Mail" in text and b"Status: 5.1.1\n" in text and b"end of m0\n" in text
        return target == "ran" or b"\nSubject: m%d\n" % number in text and text.endswith(b"\nend of m%d\n" % number)


def texts_in(path, complaints):
    """Whole messages of a mailbox, or lines of a command."""
    if path.is_dir():
        return [each.read_bytes() for each in sorted(path.glob("new/*"))]
    text = path.read_bytes() if path.exists() else b""
    if path.name == "ran":
        return text.splitlines()
    texts = re.split(rb"(?m)^From (?=\S+ \w{3} \w{3} )[^\n]*\n", text)
    if texts[0] or not all(each.startswith(b"Return-Path: ") and each.endswith((b"\n\n")) for each in texts[1:]):
        complaints.append(f"torn: {path.name}: {text[-300:]!r}")
    return [each[:-1] for each in texts[1:]]


# What may have been done and was not recorded, or is told to have failed and has not.
def may_double(result, fault, target):
    if fault.kind.startswith("kill"):
        return True
    name = result.hit.name if result.hit is not None else ""
    if fault.kind in ("error-after", "short"):
        return True
    return target == "ran" or name in ("sendmsg", "recvmsg", "poll", "pwrite64", "fdatasync")


def check_world(bench, tally, world, result, fault):
    before, complaints = bench.found(world)
    if result.status not in (0, 69, 71, 74, 75) and not (result.status == 137 and fault.kind.startswith("kill")):
        yield f"exit status {result.status}, {result.stderr[-200:]!r}"
    if result.seconds > PROMISED:
        yield f"took {result.seconds:.1f} s"
    yield from complaints
    whole, complaints = queue_of(world / "spool")
    yield from complaints
    pending = sum(entry.statuses.count(".") for entry in whole)
    if not pending and not all(before.values()):
        yield f"LOST: {before} and nothing is pending"
    done = bench.run_again(world)
    if done.returncode != 0:
        yield f"the next run: exit {done.returncode}, {done.stderr!r}"
    after, complaints = bench.found(world)
    yield from complaints
    doubled = [key for key, count in after.items() if count == 2]
    if any(count not in (1, 2) for count in after.values()):
        yield f"{before}, then {after}"
    yield from (f"twice: {key}" for key in doubled if not may_double(result, fault, key[1]))
    if len(doubled) > 1:
        yield f"more than one twice: {doubled}"
    tally.add(fault, "runs")
    tally.add(fault, "put off", pending)
    tally.add(fault, "twice", len(doubled))
    yield from left_behind(world, result, fault)


def left_behind(world, result, fault):
    whole, _ = queue_of(world / "spool")
    yield from (f"left in the queue: {entry.name} {entry.recipients}" for entry in whole)
    clean = ("bad",) if fault.kind.startswith("kill") else ("bad", "tmp")
    yield from (f"in {part}/: {path.name}" for part in clean for path in (world / "spool" / part).iterdir())
    rest = [path for pattern in ("*.lock", "folder/tmp/*", "other/tmp/*") for path in world.glob(pattern)]
    # What cannot be removed stays, until the next delivery comes to it.
    lock = result.hit is not None and result.hit.name == "unlink" and result.hit.path.endswith(".lock")
    yield from (f"left behind: {path.relative_to(world)}" for path in rest if not lock)


def choose(fault):
    """Not what test_flush_faults has of every run."""
    if re.search(r"/run/(flush\.lock|reserve|forced|last.*)$", fault.call.path):
        return False
    # What a mailbox answers has tests of its own; here one error stands for all.
    own = re.search(r"/spool/(queue|tmp|why)/|^fd", fault.call.path)
    return own is not None or fault.kind != "error" or fault.value == faults.errnos_for(fault.call.name, fault.call.args)[0]


KILLS, ERRORS = ("kill", "kill-process"), ("error", "short", "error-after")
RUNS = [("mbox", KILLS), ("mbox", ERRORS), ("mbox", ("full",)), ("maildir", KILLS), ("command", KILLS), ("command", ERRORS),
        ("bounce", KILLS), ("bounce", ERRORS), ("bounce", ("full",))]


@pytest.mark.parametrize("case, kinds", RUNS, ids=lambda value: value if isinstance(value, str) else "+".join(value))
def test_every_target_has_every_message(kinds, case, installed, tmp_path):
    bench = Bench(installed, tmp_path, case)
    tally = Tally(f"local mail, {case}, {' and '.join(kinds)}")
    outcome = faults.matrix(
        bench.flush, lambda *arguments: list(check_world(bench, tally, *arguments)), setup=bench.setup, kinds=kinds,
        by="point", base=quick_base(), env=bench.env("{folder}"), cwd="/", timeout=PROMISED, keep=choose,
        **({} if kinds == ("full",) else {"on": ("sockets",)}))
    report(f"local-{case}-{'-'.join(kinds)}", tally.text(outcome))
    assert outcome.complaints == [], outcome
    assert outcome.hit >= outcome.points * 0.9, outcome


def test_an_older_generation_that_cannot_be_removed_holds_the_newer_one_back(installed, tmp_path):
    """Delivered and removed, the newer one would leave the older, whose targets have it already."""
    bench = Bench(installed, tmp_path, "mbox")
    with tempfile.TemporaryDirectory(dir=quick_base()) as made:
        world = Path(made) / "world"
        bench.setup(world)
        more = {"env": bench.env(world), "cwd": "/", "paths": [world]}
        assert faults.run(bench.flush, point="1:unlinkat:*/queue/*.0-*", kill="tree", **more).hit
        generations = sorted(path.name for path in (world / "spool/queue").iterdir())
        assert len(generations) == 3
        result = faults.run(bench.flush, point="1:unlinkat:*/queue/*.0-*", error="EACCES", **more)
        assert result.hit and result.status == 0
        assert bench.found(world) == ({(0, "box"): 0, (0, "copy"): 0, (1, "box"): 1}, [])
        assert bench.run_again(world).returncode == 0
        assert bench.found(world) == ({(0, "box"): 1, (0, "copy"): 1, (1, "box"): 1}, [])
        assert not list((world / "spool/queue").iterdir())


# The window: from where a reader has the message, to where the flush knows.
BEGINS = {"mbox": ("pwrite64", "/box"), "maildir": ("renameat2", "/folder/tmp/"), "command": ("write", "/ran")}


@pytest.mark.parametrize("case", BEGINS)
def test_how_wide_the_window_is(case, installed, tmp_path):
    """In a mailbox whatever falls into it is found again, so nothing is there twice; a command is run again."""
    bench = Bench(installed, tmp_path, case)
    with tempfile.TemporaryDirectory(dir=quick_base()) as made:
        world = Path(made) / "world"
        bench.setup(world)
        calls = faults.list_calls(bench.flush, env=bench.env(world), cwd="/", paths=[world], on=("sockets",))
    name, place = BEGINS[case]
    start = next(i for i, call in enumerate(calls) if call.name == name and place in call.path)
    end = next(i for i in range(start, len(calls)) if calls[i].name == "pwrite64" and "/queue/" in calls[i].path)
    window = [call.name for call in calls[start + 1:end + 1] if call.process in (calls[start].process, calls[end].process)]
    report(f"local-window-{case}", f"{case}: from the delivery ({name}) to the status byte {len(window)} calls that "
           f"change something: {' '.join(window)}\n")
    assert window[-1] == "pwrite64" and calls[end + 1].name == "fdatasync" and "sendmsg" not in window
    assert len(window) == {"mbox": 6, "maildir": 2, "command": 1}[case], window


# The power fails.

@pytest.mark.parametrize("case", ["mbox", "command", "bounce"])
def test_a_power_cut_at_every_call(case, installed, tmp_path):
    """Before each call that changes anything in the spool's queue or a mailbox: nothing lost, nothing torn."""
    bench = Bench(installed, tmp_path, case)
    disk = disks.Ext4(tmp_path / "disk.img", "16M")
    n, hit, complaints, twice = 0, True, [], 0
    with tempfile.TemporaryDirectory(dir=quick_base()) as made:
        mount = Path(made) / "mount"
        Path(made).chmod(0o711)
        while hit:  # and once without a cut before its end
            n += 1
            with disk.mounted(mount):
                mount.chmod(0o711)
                world = mount / "world"
                world.mkdir()
                bench.setup(world)
                disks.sync(mount)
                hit = faults.run(bench.flush, at=n, kill="tree", paths=[world], env=bench.env(world), cwd="/").hit
                after = disk.cut(Path(made) / "cut.img")
                shutil.rmtree(world)
            with after.mounted(mount):  # its mailboxes have the same paths
                mount.chmod(0o711)
                done = bench.run_again(world)
                counts, found = bench.found(world)
                whole, more = queue_of(world / "spool")
                found += more + [f"left: {entry.name}" for entry in whole] + [f"exit {done.returncode}"] * bool(done.returncode)
                found += [f"{count} times: {key}" for key, count in counts.items()
                          if count != 1 and not (count == 2 and key[1] == "ran")]
                twice += sum(count == 2 for count in counts.values())
                complaints += [(n, str(hit), each) for each in found]
    report(f"local-powercut-{case}", f"{case}: {n} power cuts, lost 0, twice {twice}\n")
    assert complaints == []
    assert n > 20
