"""What tests of the flush do again and again: queue, flush, and look at why mail waits."""

from pathlib import Path

TEXT = b"Subject: hi\n\nhello\n"
SENDER = "jane@sender.test"


def queue_one(account, *recipients, text=TEXT, sender=SENDER, options=()):
    """Queues one message for these (bob@example.org) and returns its entry."""
    known = {entry.id for entry in account.entries()}
    done = account.sendmail("-odq", "-f", sender, *options, *(recipients or ["bob@example.org"]), input=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    entry, = (each for each in account.entries() if each.id not in known)
    return entry


def flushed(account, *arguments, **more):
    done = account.flush(*arguments, **more)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def log_of(account, *arguments, **more):
    """The lines that a run logs."""
    done = account.flush("-v", *arguments, **more)
    assert done.returncode == 0
    return done.stderr.decode().splitlines()


def why(account):
    """The reasons that wait in why/, as one text."""
    return "".join(path.read_text() for path in sorted(Path(account.spool, "why").glob("*")))


def due(entry):
    """When its next attempt is due, in seconds since 1970."""
    return entry.path.stat().st_mtime


def statuses(account):
    return [entry.statuses for entry in account.entries()]
