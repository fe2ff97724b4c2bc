"""Rewriting a mailbox with each system call going wrong, without room, and without power: every message that was not
deleted is in the mailbox at the latest when it was opened again, also where a delivery came in between."""

import dataclasses
import subprocess

import disks
import faults
import powercuts
import pytest
from spoolcheck import Tally, quick_base, report
from support.letters import Recorder
from support.mail_reader import Reader

FINISHES = "(the next start will finish this)"
LATE = b"From late@example.org Sat Mar  9 01:01:01 2024\nSubject: late\n\nlate\n\n"


def message(number, status=b"", lines=3):
    return b"From m%d@example.org Sat Jan  2 08:50:%02d 2021\nSubject: %d\n%s\n" % (number, number % 60, number, status) \
        + b"".join(b"%d line %07d of a message\n" % (number, n) for n in range(lines)) + b"\n"


def ended(text):
    """As whoever delivers completes it: with an empty line at its end."""
    return text + (b"" if text[-2:] in (b"\n\n", b"") else b"\n" if text.endswith(b"\n") else b"\n\n")


class Bed:
    """A mailbox, what is asked for, and what is to come of it."""

    def __init__(self, driver, before, verdicts, after):
        self.driver, self.before, self.verdicts, self.after = driver, before, verdicts, after

    def argv(self, folder="{folder}"):
        return [str(self.driver), "--journals", f"{folder}/journals", "--lock-limit", "500", "--keep", "yes", "commit",
                f"{folder}/box", *self.verdicts]

    def prepare(self, folder):
        (folder / "box").write_bytes(self.before)
        (folder / "box").chmod(0o600)
        (folder / "journals").mkdir(mode=0o700)

    def open_again(self, folder):
        """The next start; what it says on standard error."""
        done = subprocess.run([self.driver, "--journals", f"{folder}/journals", "list", f"{folder}/box"], capture_output=True,
                              check=False, timeout=30)
        return done.stderr.decode() if done.returncode == 0 else f"{done.returncode}: {done.stderr.decode()}"

    def problems(self, folder, done, late=False):
        """What is wrong once the mailbox was opened again. `done` is what the run said; b"" where it was killed."""
        box = folder / "box"
        found = []
        told = done.stdout.startswith(b"left")
        refused = done.status > 0 and done.stderr and FINISHES.encode() not in done.stderr
        if (told or refused) and box.read_bytes() != (self.after if told else self.before):
            found.append(f"told {done.stdout + done.stderr!r}, but {box.read_bytes()[-300:]!r}")
        if late:
            text = box.read_bytes()
            with open(box, "ab") as file:
                file.write(ended(text)[len(text):] + LATE)
        said = self.open_again(folder)
        if said:
            found.append(f"afterwards: {said}")
        now = box.read_bytes()
        wanted = {ended(self.before) + LATE, ended(self.after) + LATE} if late else {self.before, self.after}
        if now not in wanted:
            found.append(f"torn: {len(now)} {now[-600:]!r}")
        if FINISHES.encode() in done.stderr and not now.startswith(self.after):
            found.append("was not finished")
        journals = folder / "journals"
        left = [path.name for path in journals.glob("*") if not path.name.endswith(".new")] if journals.exists() else []
        return found + [f"left behind: {left}"] * bool(left)


OLD, READ = b"Status: O\n", b"Status: RO\n"


def cases():
    large = [message(n, lines=20_000 if n == 2 else 3) for n in range(1, 5)]
    small = [message(n) for n in range(1, 5)]
    return {
        "grows": (b"".join(small), ["s2=RO", "s3=O"],
                  small[0] + message(2, READ) + message(3, OLD) + small[3]),
        "shrinks": (b"".join(small), ["d2", "s3=O"], small[0] + message(3, OLD) + small[3]),
        "cut": (b"".join(small), ["d3", "d4"], small[0] + small[1]),
        "emptied": (b"".join(small), ["d1", "d2", "d3", "d4"], b""),
        "unfinished": (b"".join(small)[:-2], ["s2=RO", "s3=O"],
                       small[0] + message(2, READ) + message(3, OLD) + small[3][:-2]),
        "large grows": (b"".join(large), ["s1=RO", "s4=O"],
                        message(1, READ) + large[1] + large[2] + message(4, OLD)),
        "large shrinks": (b"".join(large), ["d1"], b"".join(large[1:])),
    }


CASES = cases()


@pytest.fixture(scope="module")
def driver(programs):
    path = programs["postbag-flush"].parents[1] / "tests/mailbox_driver"
    assert path.exists(), f"{path} is missing; `make tests` builds it"
    return path


KINDS = ("kill", "error", "short", "error-after", "full")
RUNS = {"grows": KINDS, "shrinks": (*KINDS, "signal"), "cut": KINDS, "emptied": KINDS, "large grows": ("kill", "short"),
        "large shrinks": ("kill", "short")}
LIES = ("renameat", "ftruncate")  # done, and called an error: what was said is no measure then


@pytest.mark.parametrize("case", RUNS)
def test_every_call_goes_wrong(driver, case):
    bed = Bed(driver, *CASES[case])
    tally = Tally(case)

    def keep(fault):
        return fault.call.name != "unlink" or not fault.call.path.endswith(".lock") or "error" not in fault.kind

    def check(folder, result, fault):
        tally.add(fault, "left" if result.stdout else "error" if result.stderr else "silent")
        if fault.kind == "signal" and (folder / "box").read_bytes() not in (bed.before, bed.after):
            return ["a signal left it torn"]
        lie = fault.kind == "error-after" and fault.call.name in LIES
        # A dot lock of one who was killed is known as such by the next who locks.
        locked = result.status < 128 and (folder / "box.lock").exists()
        heard = dataclasses.replace(result, stdout=b"", stderr=b"") if lie else result
        return bed.problems(folder, heard) + ["its lock is there"] * locked

    outcome = faults.matrix(bed.argv(), check, setup=bed.prepare, base=quick_base(), kinds=RUNS[case], keep=keep)
    report(f"rewrite-{case.replace(' ', '-')}", tally.text(outcome))
    assert not outcome.complaints, outcome
    assert outcome.hit >= 9


@pytest.mark.parametrize("case", ["grows", "shrinks", "cut", "unfinished", "large grows", "large shrinks"])
def test_mail_that_arrives_after_the_crash(driver, case):
    bed = Bed(driver, *CASES[case])

    def check(folder, result, _):
        return bed.problems(folder, result, late=True)

    outcome = faults.matrix(bed.argv(), check, setup=bed.prepare, base=quick_base(), kinds=("kill",))
    assert not outcome.complaints, outcome
    assert outcome.hit >= (5 if case == "cut" else 9)  # no journal is kept for that


@pytest.mark.parametrize("full", ["mailbox", "journals"])
def test_a_full_disk_changes_nothing(driver, small_disk, tmp_path, full):
    """Every message gets a longer header, so the mailbox grows by more than the block that it ends in has room for."""
    messages = 300
    before = b"".join(message(n) for n in range(messages))
    after = b"".join(message(n, READ) for n in range(messages))
    bed = Bed(driver, before, [f"s{n}=RO" for n in range(1, messages + 1)], after)
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    where, journals = (small_disk, other) if full == "mailbox" else (other, small_disk)
    bed.prepare(where)
    argv = [word.replace(f"{where}/journals", f"{journals}/journals") for word in bed.argv(where)]
    filler = disks.fill(small_disk)
    for _ in range(2):
        done = subprocess.run(argv, capture_output=True, check=False)
        assert (done.returncode, done.stdout) == (75, b"") and disks.full(small_disk).encode() in done.stderr
        assert (where / "box").read_bytes() == before
        assert not (journals / "journals").exists() or list((journals / "journals").iterdir()) == []
    filler.unlink()
    assert subprocess.run(argv, capture_output=True, check=False).stdout == b"left 300 arrived 0\n"
    assert (where / "box").read_bytes() == after


def test_a_person_is_told_that_there_is_no_room(programs, small_disk, tmp_path):
    """What was saved and could not be is told as well; the mailbox stays until there is room again."""
    reader = Reader(tmp_path, programs, None)
    reader.box = small_disk / "box"
    before = b"".join(message(n) for n in range(300))
    reader.box.write_bytes(before)
    filler = disks.fill(small_disk)
    full = disks.full(small_disk)
    left = reader.run("touch *\nquit\n", "-f", str(reader.box))
    assert left.returncode != 0 and full in left.stdout.decode()
    saved = reader.run(f"save 7 {small_disk}/kept\nexit\n", "-N", "-f", str(reader.box))
    assert saved.returncode != 0 and full in saved.stdout.decode()
    assert reader.box.read_bytes() == before
    assert not (small_disk / "kept").exists() or (small_disk / "kept").read_bytes() == b""
    filler.unlink()
    done = reader.run(f"save 7 {small_disk}/kept\nquit\n", "-N", "-f", str(reader.box))
    assert done.returncode == 0 and (small_disk / "kept").read_bytes() == message(6, b"Status: O\n")


def test_a_letter_needs_no_room_in_the_temporary_folder(programs, small_disk, tmp_path):
    reader = Reader(tmp_path, programs, None)
    recorder = Recorder(tmp_path, "exit 0")
    text = "".join(f"line {number:05} of a letter that somebody types\n" for number in range(40_000))
    disks.fill(small_disk)
    done = reader.run(f"{text}~.\n", "-~", recorder.setting, "-s", "long", "x@y.test", env={"TMPDIR": str(small_disk)})
    assert (done.returncode, done.stdout) == (0, b"") and recorder.message.endswith(text.encode())


# The power fails.

@pytest.mark.parametrize("case, late", [("grows", False), ("shrinks", True)])
def test_a_power_cut_at_every_call(driver, disk, tmp_path, case, late):
    bed = Bed(driver, *CASES[case])
    complaints = []
    for n, result, world in powercuts.at_every_call(disk, tmp_path, bed):
        complaints += [(n, str(result.hit), each) for each in bed.problems(world, result, late)]
    assert complaints == []
    assert n > 8 and result.stdout.startswith(b"left")


@pytest.mark.parametrize("case", ["large grows", "large shrinks"])
@pytest.mark.parametrize("late", [False, True], ids=["quiet", "late"])
@pytest.mark.parametrize("start, size", [(0, 65536), (1 << 19, 65536), (12288, 4096)])
def test_a_power_cut_that_leaves_a_part(driver, disk, tmp_path, case, late, start, size):
    bed = Bed(driver, *CASES[case])
    with disk.mounted(tmp_path / "disk") as mount:
        world = mount / "world"
        world.mkdir()
        bed.prepare(world)
        disks.sync(mount)
        # The last sync of the mailbox but one where it is cut afterwards, else the last.
        call = "1:fdatasync:*/box" if "shrinks" in case else "1:fsync:*/box"
        result = faults.run(bed.argv(world), point=call, kill="tree", paths=[world])
        assert result.hit and (world / "box").read_bytes() != bed.before
        powercuts.write_out(world / "box", start, size)
        powercuts.commit(world)
        after = disk.cut(tmp_path / "cut.img")
    with after.mounted(tmp_path / "disk"):
        assert (world / "box").read_bytes() not in (bed.before, bed.after)
        assert bed.problems(world, result, late) == []
