"""What a loss of power leaves of a mailbox, for tests of whoever writes to it.

    for n, result, world in at_every_call(disk, tmp_path, bed): ...

A bed has prepare(folder), which puts a mailbox there, and argv(folder), the run that is cut off.
"""

import ctypes
import os
import subprocess

import disks
import faults


def at_every_call(disk, tmp_path, bed):
    """The number of the call at which the power failed, what the run said, and the folder as the next start finds it; and
    at last once without a cut before its end."""
    n, hit = 0, True
    while hit:
        n += 1
        with disk.mounted(tmp_path / "disk") as mount:
            world = mount / "world"
            world.mkdir()
            bed.prepare(world)
            disks.sync(mount)
            result = faults.run(bed.argv(world), at=n, kill="tree", paths=[world])
            hit = result.hit
            after = disk.cut(tmp_path / "cut.img")
            subprocess.run(["rm", "-r", world], check=True)
        with after.mounted(tmp_path / "disk"):  # its mailbox has the same path
            yield n, result, world


def write_out(path, start, size):
    """These bytes reach the disk, as they do of themselves sooner or later; the rest may not."""
    with open(path, "rb") as file:
        assert ctypes.CDLL(None, use_errno=True).sync_file_range(
            file.fileno(), ctypes.c_int64(start), ctypes.c_int64(size), 7) == 0


def commit(folder):
    """The file system's journal: lengths and names reach the disk, perhaps before the text."""
    with open(folder / "other", "wb") as file:
        os.fsync(file.fileno())
