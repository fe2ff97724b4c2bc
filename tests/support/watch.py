"""Watches a folder for anything that is opened, made or removed in it, by anybody (inotify)."""

import ctypes
import os
import struct

ACCESS, MODIFY, ATTRIB, CLOSE_WRITE, OPEN = 0x1, 0x2, 0x4, 0x8, 0x20
MOVED, CREATE, DELETE = 0xC0, 0x100, 0x200
WATCHED = ACCESS | MODIFY | ATTRIB | CLOSE_WRITE | OPEN | MOVED | CREATE | DELETE


class Watch:
    """touched() is the set of names in the folder that were opened, made, changed or removed so far."""

    def __init__(self, folder):
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        added = libc.inotify_add_watch(self._fd, os.fsencode(folder), WATCHED)
        assert self._fd >= 0 and added >= 0, os.strerror(ctypes.get_errno())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._fd)

    def touched(self):
        names = set()
        while True:
            try:
                data = os.read(self._fd, 65536)
            except BlockingIOError:
                return names
            while data:
                length = struct.unpack_from("iIII", data)[3]
                names.add(data[16:16 + length].rstrip(b"\0").decode())
                data = data[16 + length:]
