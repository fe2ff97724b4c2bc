"""The wall clock of an account's programs, which a test sets; see clock.c."""

import struct
import time
from pathlib import Path

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 31556952


class Clock:
    """Every program that is started with .env, and all that it forks, sees this clock. At first it is right."""

    def __init__(self, path, library):
        self.path = Path(path)
        self.offset = 0.0
        self.shift(0)
        self.env = {"LD_PRELOAD": str(library), "POSTBAG_TEST_CLOCK": str(self.path),
                    # The sanitizer's library is to come first, but only for the sake of functions that we leave alone.
                    "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def now(self):
        return time.time() + self.offset

    def shift(self, seconds):
        """Seconds from the machine's time; programs that run see it at once."""
        self.offset = seconds
        data = struct.pack("=q", round(seconds * 1_000_000))
        if self.path.exists():
            with self.path.open("r+b") as file:  # in place: it is mapped
                file.write(data)
        else:
            self.path.write_bytes(data)

    def advance(self, seconds):
        self.shift(self.offset + seconds)

    def set(self, moment):
        """The time is this moment, in seconds since 1970."""
        self.shift(moment - time.time())
