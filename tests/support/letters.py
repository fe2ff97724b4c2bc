"""Somebody who sends letters with mail(1), from an isolated account.

    desk = Desk(account)
    desk.mail("-s", "Hello", "bob@x.test", input="text\\n")
    letter, = desk.letters()
    assert letter.to == ["bob@x.test"] and letter["Subject"] == "Hello" and letter.body == b"text\\n"

The real sendmail stores them; recorder() is one that keeps its arguments and standard input instead.
"""

import email
import email.policy
import fcntl
import os
from email.header import decode_header, make_header
from pathlib import Path

RECORDER = r"""#!/bin/sh
for word; do printf '%s\0' "$word"; done >"{folder}/arguments"
cat >"{folder}/message"
{last}
"""


class Letter:
    """A letter that lies in the spool. to: the envelope; body: decoded."""

    def __init__(self, entry):
        self.entry, self.raw = entry, entry.message
        self.to, self.sender = entry.addresses, entry.sender
        self.message = email.message_from_bytes(entry.message, policy=email.policy.compat32)

    def __getitem__(self, name):
        """A field, decoded, on one line; None: there is none. Twice is a mistake."""
        found = self.message.get_all(name, [])
        assert len(found) <= 1, f"{name}: {found}"
        return None if not found else str(make_header(decode_header(" ".join(found[0].split()))))

    @property
    def body(self):
        return self.message.get_payload(decode=True)

    @property
    def parts(self):
        """Each leaf: (type, file name, content)."""
        return [(part.get_content_type(), part.get_filename(), part.get_payload(decode=True))
                for part in self.message.walk() if not part.is_multipart()]


class Desk:
    """home holds .mailrc and dead.letter; the machine's own settings are never read (-n, MAILRC)."""

    def __init__(self, account, login="jane"):
        self.account = account
        self.home = account.folder / "home"
        self.home.mkdir(mode=0o700)
        self.rc = self.home / ".mailrc"
        self.dead = self.home / "dead.letter"
        self.env = {"HOME": str(self.home), "LOGNAME": login, "MAILRC": str(self.rc)}
        self._lock = self._keep_the_queue()

    def _keep_the_queue(self):
        """Letters stay as they were sent: no flush can run, or one to a name unknown here would come back at once."""
        for folder in ("", "tmp", "queue", "why", "run", "bad"):
            (self.account.spool / folder).mkdir(mode=0o700)
        lock = open(self.account.spool / "run/flush.lock", "wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def settings(self, text):
        self.rc.write_text(text)
        self.rc.chmod(0o600)

    def mail(self, *arguments, input=b"text\n", env=None, **more):
        return self.account.run("mail", "-n", *arguments, input=input, env={**self.env, **(env or {})}, **more)

    def send(self, *arguments, **more):
        """The letter that comes of it; it is sent in silence."""
        known = {entry.id for entry in self.account.entries()}
        done = self.mail(*arguments, **more)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        entry, = (each for each in self.account.entries() if each.id not in known)
        return Letter(entry)

    def letters(self):
        return [Letter(entry) for entry in self.account.entries()]

    def recorder(self, last="exit 0"):
        """The path of a sendmail that records; last: what its script does in the end."""
        return Recorder(self.account.folder, last)


class Recorder:
    def __init__(self, folder, last):
        self.folder = Path(folder) / "recorder"
        self.folder.mkdir(exist_ok=True)
        self.path = self.folder / "sendmail"
        self.path.write_text(RECORDER.format(folder=self.folder, last=last))
        self.path.chmod(0o755)

    @property
    def setting(self):
        return f"-Ssendmail={self.path}"

    @property
    def called(self):
        return (self.folder / "arguments").exists()

    @property
    def arguments(self):
        return (self.folder / "arguments").read_bytes().decode().split("\0")[:-1]

    @property
    def message(self):
        return (self.folder / "message").read_bytes()


def commands_folder(account):
    """A folder with mail and mailx, as a PATH has them."""
    folder = account.folder / "commands"
    folder.mkdir(exist_ok=True)
    for name in ("mail", "mailx"):
        if not (folder / name).is_symlink():
            os.symlink(account.programs["mail"], folder / name)
    return folder
