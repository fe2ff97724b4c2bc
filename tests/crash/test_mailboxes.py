"""Deliveries with each of their system calls going wrong, without room, and without power: the old mailbox is intact
or the new message is whole, at the latest when the delivery was made again, and it is there once."""

import subprocess
import time

import disks
import faults
import powercuts
import pytest
from spoolcheck import Tally, quick_base, report

HEAD = b"Return-Path: <tom@example.org>\nX-Original-To: jane\nDelivered-To: jane@lan.example\n"
FROM = b"From tom@example.org Fri Nov 20 11:56:07 2026\n"
OLD = b"From ann@example.org Fri Nov 20 10:00:00 2026\nSubject: old\n\nold\n\n"
SMALL = b"Subject: new\n\nnew\nFrom here\n"
LARGE = b"Subject: new\n\n" + b"".join(b"%07d a line of a larger message\nFrom there\n" % n for n in range(60_000))


def rendered(text):
    return FROM + HEAD + text.replace(b"\nFrom ", b"\n>From ") + b"\n"


@pytest.fixture(scope="module")
def driver(programs):
    path = programs["postbag-flush"].parents[1] / "tests/deliver"
    assert path.exists(), f"{path} is missing; `make tests` builds it"
    return path


class Bed:
    """How one kind of mailbox is delivered to and looked at."""

    def __init__(self, driver, kind, old=OLD, text=SMALL):
        self.driver, self.kind, self.old, self.text = driver, kind, old, text

    def argv(self, folder="{folder}"):
        return [str(self.driver), "--message", f"{folder}/message", "--journal", f"{folder}/run", "--lock-limit", "500",
                self.kind, f"{folder}/box"]

    def prepare(self, folder):
        (folder / "message").write_bytes(self.text)
        (folder / "run").mkdir()
        if self.old is None:
            return
        if self.kind == "mbox":
            (folder / "box").write_bytes(self.old)
        else:
            for part in ("cur", "new", "tmp"):
                (folder / "box" / part).mkdir(parents=True)
            (folder / "box/new/1.old").write_bytes(self.old)

    def deliver(self, folder):
        done = subprocess.run(self.argv(folder), capture_output=True, check=False, timeout=30)
        return done.stdout.decode().strip() or done.stderr.decode().strip()

    def content(self, folder):
        """Of an mbox its text; of a maildir its messages. What is in tmp/ is nobody's."""
        box = folder / "box"
        if self.kind == "mbox":
            return box.read_bytes() if box.exists() else b""
        return sorted(path.read_bytes() for part in ("cur", "new") for path in (box / part).glob("*"))

    @property
    def before(self):
        return ([self.old] if self.old is not None else []) if self.kind == "maildir" else self.old or b""

    @property
    def after(self):
        if self.kind == "maildir":
            return sorted([*self.before, HEAD + self.text])
        old = self.before
        return old + (b"" if not old or old.endswith(b"\n\n") else b"\n" if old.endswith(b"\n") else b"\n\n") \
            + rendered(self.text)

    def problems(self, folder, told, parts=False):
        """What is wrong now, and once the delivery was made again."""
        now = self.content(folder)
        found = [] if now in (self.before, self.after) or (parts and self.after.startswith(now)) else [f"torn: {now[-300:]!r}"]
        if told.startswith("delivered") and now != self.after:
            found.append("called delivered")
        if told.startswith("delayed") and now != self.before:
            found.append("called delayed")
        # Told or not: nobody wrote to the mailbox in between.
        again = self.deliver(folder)
        if not again.startswith("delivered"):
            found.append(f"not delivered afterwards: {again}")
        if self.content(folder) != self.after:
            found.append(f"afterwards: {self.content(folder)[-600:]!r}")
        left = [str(path) for pattern in ("box.lock", "box/tmp/*") for path in folder.glob(pattern)]
        return found + [f"left behind: {left}"] * bool(left)


CASES = {
    "mbox": ("mbox", OLD, SMALL), "new mbox": ("mbox", None, SMALL), "unfinished mbox": ("mbox", b"From x\n\nno end", SMALL),
    "large mbox": ("mbox", OLD, LARGE), "maildir": ("maildir", OLD, SMALL), "new maildir": ("maildir", None, SMALL)}


@pytest.mark.parametrize("case", CASES)
def test_every_call_goes_wrong(driver, case):
    bed = Bed(driver, *CASES[case])
    tally = Tally(case)

    def check(folder, result, fault):
        told = result.stdout.decode()
        tally.add(fault, told.partition(" ")[0] or "silent")
        # Only a text of several writes is seen in part, and only by who ignores the locks of the dead.
        lie = fault.kind == "error-after" and fault.call.name == "renameat2"
        return bed.problems(folder, "" if lie else told, parts="large" in case and "kill" in fault.kind)

    def keep(fault):
        return fault.value != "EEXIST" or fault.call.name != "renameat2"  # of a name that is free

    outcome = faults.matrix(bed.argv(), check, setup=bed.prepare, base=quick_base(), signals=(), keep=keep)
    report(f"mailbox-{case.replace(' ', '-')}", tally.text(outcome))
    assert not outcome.complaints, outcome
    assert outcome.hit > 40


@pytest.mark.parametrize("kind", ["mbox", "maildir"])
@pytest.mark.parametrize("known", [True, False], ids=["again", "first"])
def test_a_full_disk_changes_nothing(driver, small_disk, kind, known):
    bed = Bed(driver, kind, text=b"Subject: big\n\n" + b"a line that needs some room\n" * 3000)
    bed.prepare(small_disk)
    if known:
        assert bed.deliver(small_disk).startswith("delivered")
        for path in small_disk.glob("box/new/*big*") if kind == "maildir" else []:
            path.unlink()
        bed.old = bed.content(small_disk) if kind == "mbox" else bed.old
    before = bed.content(small_disk)
    argv = [*bed.argv(small_disk)[:1], "--line", "1", *bed.argv(small_disk)[1:]]
    filler = disks.fill(small_disk)
    for _ in range(2):
        done = subprocess.run(argv, capture_output=True, check=False)
        status = "4.2.2" if disks.has_quota(small_disk) else "4.2.0"
        assert done.stdout.startswith(f"delayed {status} ".encode()) and disks.full(small_disk).encode() in done.stdout
        assert bed.content(small_disk) == before
    filler.unlink()
    assert subprocess.run(argv, capture_output=True, check=False).stdout.startswith(b"delivered")
    assert len(bed.content(small_disk)) > len(before)


def test_a_disk_that_fills_in_the_middle(driver, root, tmp_path):
    with disks.tmpfs(tmp_path / "small", "size=4m") as folder:
        bed = Bed(driver, "mbox", text=LARGE)
        bed.prepare(folder)  # the message itself leaves room for some of it
        assert ": write: No space left on device" in bed.deliver(folder)
        assert bed.content(folder) == OLD


@pytest.mark.parametrize("age, stale", [(400, False), (600, True)])
def test_an_old_dot_lock(driver, disk, tmp_path, age, stale):
    bed = Bed(driver, "mbox")
    world = tmp_path / "disk/world"
    with disk.mounted(tmp_path / "disk"):
        world.mkdir()
        bed.prepare(world)
        (world / "box.lock").write_bytes(b"4711\n")
    for field in ("ctime", "mtime"):
        disks.run("debugfs", "-w", "-R", f"set_inode_field /world/box.lock {field} @{int(time.time()) - age}", disk.image)
    with disk.mounted(tmp_path / "disk"):
        assert bed.deliver(world).startswith("delivered" if stale else "delayed 4.2.0 cannot update mailbox")
        assert (world / "box.lock").exists() == (not stale)


# The power fails.

@pytest.mark.parametrize("case", CASES)
def test_a_power_cut_at_every_call(driver, disk, tmp_path, case):
    bed = Bed(driver, *CASES[case])
    complaints = []
    for n, result, world in powercuts.at_every_call(disk, tmp_path, bed):
        # Unless it is called delivered, the disk has the old one or the new one.
        complaints += [(n, str(result.hit), each) for each in bed.problems(world, result.stdout.decode())]
    assert complaints == []
    assert n > 4 and result.stdout.startswith(b"delivered")


@pytest.mark.parametrize("start, size", [(0, 65536), (0, 1 << 20), (1 << 20, 65536), (12288, 4096)])
def test_a_power_cut_that_leaves_a_part(driver, disk, tmp_path, start, size):
    bed = Bed(driver, "mbox", OLD, LARGE)
    with disk.mounted(tmp_path / "disk") as mount:
        world = mount / "world"
        world.mkdir()
        bed.prepare(world)
        disks.sync(mount)
        result = faults.run(bed.argv(world), point="1:fdatasync:*/box", kill="tree", paths=[world])
        assert result.hit and bed.content(world) == bed.after  # in memory
        powercuts.write_out(world / "box", start, size)
        powercuts.commit(world)
        after = disk.cut(tmp_path / "cut.img")
    with after.mounted(tmp_path / "disk"):
        torn = bed.content(world)
        assert torn not in (bed.before, bed.after) and torn.startswith(bed.before)
        assert bed.deliver(world).startswith("delivered")
        assert bed.content(world) == bed.after
