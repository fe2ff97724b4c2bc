"""Small file systems of a test's own, as root: ext4 in a file, tmpfs of any size, btrfs with a quota."""

import contextlib
import os
import subprocess
import time
from pathlib import Path


def run(*words):
    subprocess.run(list(map(str, words)), check=True, stdin=subprocess.DEVNULL, capture_output=True)


@contextlib.contextmanager
def mounted(where, *words):
    """mount WORDS WHERE, until the end of the block."""
    where = Path(where)
    where.mkdir(mode=0o700, exist_ok=True)
    run("mount", *words, where)
    try:
        where.chmod(0o700)
        yield where
    finally:
        unmount(where)


def unmount(where):
    """For good, as soon as those that were killed are gone: what is still mounted behind a lazy umount writes on, and
    an image that is mounted anew beside that is no disk any more."""
    deadline = time.monotonic() + 5
    while subprocess.run(["umount", where], capture_output=True, check=False).returncode != 0:
        if time.monotonic() > deadline:
            return run("umount", "-l", where)
        time.sleep(0.005)
    return None


@contextlib.contextmanager
def tmpfs(where, options):
    with mounted(where, "-t", "tmpfs", "-o", f"mode=0700,{options}", "none") as folder:
        yield folder


def knows_quota():
    """Whether this kernel can mount what quota() needs. ext4 has quotas only where it was built for them."""
    return "\tbtrfs\n" in Path("/proc/filesystems").read_text()


@contextlib.contextmanager
def quota(image, where, size):
    """A file system with plenty of room, of which a quota allows so much: EDQUOT, not ENOSPC."""
    with open(image, "wb") as file:
        file.truncate(128 << 20)
    run("mkfs.btrfs", "-q", "-f", image)
    with mounted(where, "-o", "loop", image) as folder:
        run("btrfs", "quota", "enable", folder)
        run("btrfs", "qgroup", "limit", size, "0/5", folder)
        yield folder


def has_quota(folder):
    """Whether a quota bounds it, not the disk."""
    return subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, check=True).stdout == b"btrfs\n"


def full(folder, write="", create=""):
    """What is said where fill() left no room: by write, or under a quota by whatever makes a file."""
    call, words = (create, "Disk quota exceeded") if has_quota(folder) else (write, "No space left on device")
    return f"{call}: {words}" if call else words


class Ext4:
    """A file system in a file. cut() is what a loss of power leaves on the disk at this moment."""

    def __init__(self, image, size="64M"):
        self.image = Path(image)
        with open(self.image, "wb") as file:
            file.truncate(int(size.rstrip("M")) << 20)
        run("mkfs.ext4", "-q", "-F", self.image)

    def mounted(self, where):
        # Nothing is written unless somebody asks: the journal commits after five minutes, not five seconds.
        return mounted(where, "-o", "loop,commit=300", self.image)

    def cut(self, image):
        run("cp", "--sparse=always", self.image, image)
        copy = Ext4.__new__(Ext4)
        copy.image = Path(image)
        return copy


def sync(folder):
    """All that this file system holds is on its disk then."""
    run("sync", "-f", folder)


def fill(folder):
    """Leaves no room, not to root either; the name of what fills it."""
    path = Path(folder, "filler")
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    os.write(file.fileno(), b"\xff" * size)
    return path
