"""What sendmail adds to a message, so that a test can state a stored message to the byte; and its facts, recounted."""

import os
import pwd
import re

DATE = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}"
RECEIVED = b"Received: by HOST (postbag, from userid UID)\n\tid ID; DATE\n"
MIME = (b"MIME-Version: 1.0\n", b"Content-Type: text/plain; charset=utf-8\n", b"Content-Transfer-Encoding: 8bit\n")
UNKNOWN = b"Content-Type: text/plain; charset=unknown-8bit\n"


def facts_of(message):
    """The facts of an entry, computed from its message alone."""
    header = message.partition(b"\n\n")[0]
    body = message[len(header):]
    lines = message.split(b"\n")
    lines = lines[:-1] if not lines[-1] else lines
    numbers = {"bytes": len(message), "lines": len(lines), "dots": sum(line.startswith(b".") for line in lines),
               "longest": max(map(len, lines))}
    flags = {"header8": not header.isascii(), "body8": not body.isascii(), "nul": b"\0" in message,
             "cr": b"\r" in message}
    return {**{name: f"{number:016d}" for name, number in numbers.items()},
            **{name: str(int(flag)) for name, flag in flags.items()}}


def only_entry(account):
    """The one entry of the account, whose facts are those of its message; nothing else may lie in the spool."""
    entries = account.entries()
    assert len(entries) == 1, f"{len(entries)} entries"
    assert entries[0].facts == facts_of(entries[0].message)
    assert_no_leftovers(account.spool)
    return entries[0]


def assert_nothing_stored(account):
    assert account.entries() == []
    assert_no_leftovers(account.spool)


def assert_no_leftovers(spool):
    left = [path for folder in ("tmp", "bad") for path in spool.glob(f"{folder}/*")]
    assert not left, f"left behind: {left}"


def normalised(entry):
    """The message with what differs from run to run named: ID, DATE, STAMP, HOST, UID."""
    text = entry.message.replace(entry.id.encode(), b"ID")
    text = re.sub(rb"\AReceived: by \S+ \(postbag, from userid %d\)\n\tid ID; %s\n" % (entry.uid, DATE), RECEIVED, text)
    text = re.sub(rb"(?m)^((?:Resent-)?Date): %s$" % DATE, rb"\1: DATE", text)
    return re.sub(rb"(?m)^((?:Resent-)?Message-ID): <%d\.ID@" % int(entry.time), rb"\1: <STAMP.ID@", text)


def own_name():
    """The full name that passwd knows, as BSD's & means it."""
    user = pwd.getpwuid(os.geteuid())
    return user.pw_gecos.split(",")[0].replace("&", user.pw_name.capitalize())


def own_from(domain="lan.example"):
    address = f"{pwd.getpwuid(os.geteuid()).pw_name}@{domain}"
    return f"{own_name()} <{address}>" if own_name() else address


def added(*names, author=None):
    """Lines for fields that were missing, by default all three."""
    values = {"Date": "DATE", "From": author or own_from(), "Message-ID": "<STAMP.ID@lan.example>"}
    values |= {f"Resent-{name}": value for name, value in values.items()}
    return "".join(f"{name}: {values[name]}\n" for name in names or ("Date", "From", "Message-ID")).encode()
