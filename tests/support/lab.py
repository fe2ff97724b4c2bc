"""A machine with several people, each with a configuration, a spool and mail of their own: the whole local path.

    with Lab(programs, ["jane", "dave"]) as lab:
        lab.aliases("news: root\\nroot: jane\\n")
        jane = lab.person("jane", "[local]\\naliases = /etc/aliases\\n")
        jane.deliver("news")
        assert jane.mail[0]["X-Original-To"] == "news"

reset() makes it as new, so that many tests can share one.
"""

import email
import os
import shutil
import time
from contextlib import ExitStack

from support import entries
from support.installed import PLACES, give, install
from support.smtpd import Server
from support.world import World

TEXT = b"Subject: hi\n\nhello\n"
FLUSH = PLACES["postbag-flush"]
SITE = "[site]\ndomain = lan.example\nlocal = lan.example\n"
LOCAL = "[local]\naliases = /etc/aliases\n"
TABLES = ("/etc/aliases", "/etc/aliases.cdb", "/etc/virtual", "/etc/generic", "/etc/list", "/etc/postbag",
          "/var/spool/postbag", "/srv/mail")


def relay_through(port, **more):
    """A [smarthost] section for this port or server."""
    settings = {"host": f"localhost:{getattr(port, 'port', port)}", "security": "none", **more}
    return "[smarthost]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items())


def split_mbox(data):
    """The messages of an mbox, as bytes without their From_ lines, quoting undone."""
    found = []
    for line in data.splitlines(keepends=True):
        if line.startswith(b"From "):
            found.append([])
        elif line.lstrip(b">").startswith(b"From "):
            found[-1].append(line[1:])
        else:
            found[-1].append(line)
    return [b"".join(lines)[:-1] for lines in found]  # an empty line ends each


class Person:
    """What one user does and finds."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.world = lab.world
        self.home = lab.world.path(f"/home/{name}")
        self.spool = self.home / ".local/state/postbag/spool"

    def configure(self, text):
        self.give({".config/postbag/postbag.ini": text})

    def give(self, files):
        """Writes {path below the home: text}; what ends in .sh may be run."""
        give(self.world, self.name, files)
        for name in files:
            if name.endswith(".sh"):
                (self.home / name).chmod(0o700)

    def run(self, *argv, **more):
        return self.world.run(argv, user=self.name, **more)

    def send(self, *recipients, text=TEXT, sender=None, options=()):
        """Queues a message and returns its entry."""
        known = {entry.id for entry in self.entries}
        source = [] if sender is None else ["-f", sender]
        done = self.run("sendmail", "-odq", *source, *options, "--", *recipients, input=text)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        entry, = (each for each in self.entries if each.id not in known)
        return entry

    def flush(self, *arguments, **more):
        done = self.run(FLUSH, *arguments, **more)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def log(self, *arguments, **more):
        """The lines that a run logs."""
        done = self.run(FLUSH, "-v", *arguments, **more)
        assert done.returncode == 0, done.stderr
        return done.stderr.decode().splitlines()

    def deliver(self, *recipients, **more):
        """Queues a message and runs the flush; returns what was queued."""
        entry = self.send(*recipients, **more)
        self.flush()
        return entry

    def flush_until_empty(self, timeout=10):
        """A run that another program started may be on: one by hand ends at once then."""
        deadline = time.monotonic() + timeout
        while self.entries:
            assert time.monotonic() < deadline, f"the queue is not empty after {timeout} s:\n{self.mailq()}"
            self.flush("--all")

    def mailq(self, *arguments):
        done = self.run("mailq", *arguments, env={"TZ": "UTC"})
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    @property
    def entries(self):
        return entries.committed(self.spool)

    @property
    def statuses(self):
        return [entry.statuses for entry in self.entries]

    def read(self, name):
        """A file below the home; None: there is none."""
        path = self.home / name
        return path.read_bytes() if path.exists() else None

    @property
    def box(self):
        """The bytes of /var/mail/NAME."""
        path = self.world.path(f"/var/mail/{self.name}")
        return path.read_bytes() if path.exists() else b""

    @property
    def texts(self):
        return split_mbox(self.box)

    @property
    def mail(self):
        return [email.message_from_bytes(text) for text in self.texts]


class Lab:
    """A World with our programs in it."""

    def __init__(self, programs, users, **more):
        self.world = World(users=users, **more).start()
        self.people = {name: Person(self, name) for name in users}
        self._servers = ExitStack()
        install(self.world, programs)
        self.reset()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._servers.close()
        self.world.stop()

    def reset(self):
        """Nothing of an earlier test is left; everybody may make files in /var/mail."""
        self._servers.close()
        self.world.end_processes()  # a flush that still runs would make files where we remove them
        wiped = [self.world.path(place) for place in TABLES] + list(self.world.path("/var/mail").iterdir())
        for person in self.people.values():
            wiped += list(person.home.iterdir())
            person.home.chmod(0o700)
        for path in wiped:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        self.world.path("/var/mail").chmod(0o1777)

    def person(self, name, configuration=None):
        person = self.people[name]
        if configuration is not None:
            person.configure(configuration)
        return person

    def write(self, path, text, mode=0o644, user=None):
        where = self.world.path(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text)
        where.chmod(mode)
        os.chown(where, self.world.uids.get(user, 0), self.world.uids.get(user, 0))
        return where

    def aliases(self, text):
        self.write("/etc/aliases", text)

    def system_installation(self, configuration=""):
        self.write("/etc/postbag/postbag.ini", configuration)
        spool = self.world.path("/var/spool/postbag")
        spool.mkdir(exist_ok=True)
        spool.chmod(0o1733)

    def smtpd(self, script=None, **settings):
        """A started scripted server; it ends with the test."""
        return self._servers.enter_context(Server(script, listener=self.world.listener(), **settings))
