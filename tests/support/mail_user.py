"""A user of a world to whom one message is delivered at a time, by tests/support/deliver.cpp.

    bed = Bed(world(users=["jane", "tom"]), folder_of_the_built_tests / "deliver")
    assert bed.run("mbox", "/var/mail/jane", lock_limit=50) == "delivered 2.0.0 delivered to mailbox"
"""

import os
import shutil

MESSAGE = b"Subject: hello\n\nhello\nFrom here on\n"
DELIVER = "/usr/local/bin/deliver"


class Bed:
    """A world in which jane delivers to herself."""

    def __init__(self, made, driver):
        self.world, self.driver = made, driver
        assert driver.exists(), f"{driver} is missing; `make tests` builds it"
        shutil.copy(driver, made.path(DELIVER))
        self.uid = made.uids["jane"]
        self.write("/home/jane/message", MESSAGE)
        self.box = made.path("/var/mail/jane")

    def write(self, path, content=b"", mode=0o600, user="jane"):
        where = self.world.path(path)
        where.write_bytes(content)
        where.chmod(mode)
        os.chown(where, self.world.uids.get(user, 0), self.world.uids.get(user, 0))
        return where

    def argv(self, *words, **options):
        chosen = {"message": "/home/jane/message", "home": "/home/jane", "lock-limit": 10_000, **options}
        return [DELIVER, *(word for name, value in chosen.items() for word in (f"--{name.replace('_', '-')}", str(value))),
                *words]

    def run(self, *words, user="jane", env=None, **options):
        done = self.world.run(self.argv(*words, **options), user=user, env=env)
        return (done.stdout or done.stderr).decode().strip()

    def open_mail(self):
        """Where everybody may make files, as some systems have it."""
        self.world.path("/var/mail").chmod(0o1777)
