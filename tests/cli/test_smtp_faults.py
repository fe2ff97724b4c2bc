"""Each fault of a server at each step of its conversation: what becomes of the mail, as one table.

Two messages wait, the first for three recipients of whom one is refused whatever happens. The server does wrong once;
a second run meets it well again. The table has two letters a cell, for the first message and the one behind it:

    D  delivered in that very run        B  bounced        -  waits        ?  waits, and may have been taken
    d  one delivered, one waits          b  one delivered, one bounced      .  not possible, see EXPECTED
"""

import re
import shutil
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import entries
from support.account import DEFAULT, Account
from support.smtpd import (Close, Delay, Drip, Endless, Extra, Garbage, Padded, Raw, Reset, Script, Server, Stall, Taken,
                           closed_port)

FIRST = ["a@x.test", "bad@x.test", "b@x.test"]
SECOND = ["c@x.test", "d@x.test"]
ALWAYS = {("rcpt", "bad@x.test"): "550 5.1.1 no such user"}
PASSWORD = "Oi7wei9Rah"
SILENT = {"stall", "drip", "garbage", "endless"}  # what a time limit ends
PROMISED = 20  # seconds for a run whose limits are two
QUARTER = 15 * 60
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")
REPORTS = Path(__file__).resolve().parents[2] / "build/release/tests"

FAULTS = {
    "4xx": "450 4.2.0 later",
    "5xx": "550 5.2.0 no",
    "421": Close("421 4.3.2 going down"),
    "close": Close(),
    "reset": Reset(),
    "stall": Stall(),
    "drip": Drip(interval=0.3),
    "delay": Delay(0.3),
    "garbage": Garbage(),
    "lines": Padded(),
    "endless": Endless(),
    "control": Raw(b"550 5.2.0 \x1b]0;x\x07\x1b[2J \x00\x08 \xc2\x9b2J \r550 no\r\n"),
    "positive": None,  # a code of success that does not belong there: POSITIVE
    "extra": Extra(),
}
POSITIVE = {"greeting": "354 go", "ehlo": "354 go", "starttls": "250 2.0.0 fine", "ehlo-tls": "354 go",
            "ehlo-own": "354 go", "auth": "250 2.0.0 fine", "challenge": "235 2.7.0 welcome", "mail": "354 go",
            "rcpt": "354 go", "data": "250 2.0.0 fine", "dot": "354 go on", "rset": "354 go", "quit": "354 go",
            "body": "250 2.0.0 taken", "taken": "354 go on"}
# Where a step stands in a script. libcurl sends EHLO in TLS, then the session sends its own; `taken` is a dot whose
# message the server has taken before it does wrong.
PLACES = {"ehlo-tls": ("ehlo2", 1), "ehlo-own": ("ehlo2", 2), "body": ("body", 100), "taken": ("dot",)}

# Not possible: a connection is made, refused or not answered, and says nothing; a handshake is no text, its fragments
# come in drips or never end; a text has no reply of its own that could be slow; `taken` is only what loses a reply.
# *: as the second message's commands were sent with the dot or not.
#         4xx 5xx 421 close reset stall drip delay garbage lines endless control positive extra
EXPECTED = """
connect   .   .   .   .     --    --    .    .     .       .     .       .       .        .
greeting  --  --  --  --    --    --    --   DD    --      --    --      --      --       --
ehlo      --  --  --  --    --    --    --   DD    --      --    --      --      --       --
starttls  --  --  --  --    --    --    --   DD    --      --    --      --      --       --
tls       --  --  --  --    --    --    --   DD    --      .     --      .       .        .
ehlo-tls  DD  DD  --  --    --    --    --   DD    --      --    --      DD      DD       DD
ehlo-own  --  --  --  --    --    --    --   DD    --      --    --      --      --       --
auth      --  --  --  --    --    --    --   DD    --      DD    --      --      --       --
challenge --  --  --  --    --    --    --   DD    --      DD    --      --      -*       --
mail      -D  BD  --  --    --    --    --   DD    --      DD    --      BD      --       -D
rcpt      dD  bD  -D  -D    -D    -D    -D   DD    -D      DD    -D      bD      -D       -D
data      -D  BD  -D  -D    -D    -D    -D   DD    -D      DD    -D      BD      -D       -D
body      -D  BD  -D  -D    -D    -D    .    .     -D      .     -D      BD      -D       .
dot       -D  BD  -D  ?D    ?D    ?D    .    DD    ?D      DD    ?D      BD      .        D*
taken     .   .   .   ?D    ?D    ?D    ?D   .     ?D      .     ?D      .       ?D       .
rset      -D  -D  -D  -D    -D    -D    -D   -D    -D      -D    -D      -D      -D       -D
quit      DD  DD  DD  DD    DD    DD    DD   DD    DD      DD    DD      DD      DD       DD
"""


def expected():
    rows = [line.split() for line in EXPECTED.split("\n") if line]
    return {(row[0], fault): cell for row in rows for fault, cell in zip(FAULTS, row[1:], strict=True)}


def action_of(step, fault):
    action = POSITIVE[step] if fault == "positive" else FAULTS[fault]
    if step == "tls" and fault == "drip":
        return Drip(b"\x16\x03\x03\x3f\xff\x02" + b"\x00" * 100, interval=0.3)
    return Taken(action) if step == "taken" else action


def script_of(step, fault):
    if step == "connect":
        return ALWAYS
    # The server needs a reason to be asked for RSET.
    refusals = {("rcpt", address): ["450 4.2.1 busy"] for address in FIRST if step == "rset" and address not in "bad@x.test"}
    return {**ALWAYS, **refusals, PLACES.get(step, (step,)): [action_of(step, fault)]}


def deaf_port(stack):
    """A port whose queue of connections is full: the kernel answers nobody."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    callers = [socket.socket() for _ in range(2)]
    for caller in callers:
        caller.setblocking(False)
        caller.connect_ex(listener.getsockname())
    stack += [listener, *callers]
    return listener.getsockname()[1]


class Cell:
    """One fault at one step."""

    def __init__(self, bench, step, fault):
        self.step, self.fault = step, fault
        self.folder = bench.folder / f"{step}-{fault}"
        self.account = Account(self.folder, bench.programs)
        shutil.copytree(bench.template("body" if step == "body" else "short"), self.account.spool)
        self.secret = self.folder / "secret"
        self.secret.write_text(PASSWORD)
        self.secret.chmod(0o600)
        self.ca = bench.certs.ca
        self.server = Server(script_of(step, fault), certificate=bench.certs.good, passwords={"me": PASSWORD},
                             auth="LOGIN" if step == "challenge" else "PLAIN", lifetime=30)

    def complaints(self):
        """(the letters, what is wrong)"""
        sockets = []
        self.server.start()
        try:
            found = self.first_run(sockets)
            letters = self.letters()
            return letters, found + self.second_run()
        finally:
            for each in sockets:
                each.close()
            self.server.stop()
            self.account.stop_processes()

    def relay_through(self, port, seconds):
        limits = {f"{name}_timeout": f"{seconds}s" for name in ("connect", "reply", "data", "dot")}
        self.account.relay_through(port, user="me", password=f"file {self.secret}", ca=self.ca, connections=1,
                                   message_timeout="20s", **limits)

    def first_run(self, sockets):
        port = self.server.port
        if self.step == "connect":
            port = deaf_port(sockets) if self.fault == "stall" else closed_port()
        self.relay_through(port, 2 if self.fault in SILENT else 10)
        start = time.monotonic()
        found = self.run()
        if time.monotonic() - start > PROMISED:
            found.append(f"it took {time.monotonic() - start:.1f} s")
        for entry in self.account.entries():
            wait = entry.path.stat().st_mtime - time.time()
            if self.step == "taken" and entry.addresses == FIRST and wait < QUARTER - 60:
                found.append(f"in doubt, and tried again in {wait:.0f} s")
        return found

    def second_run(self):
        """The server is well: everything comes to its end, each once."""
        self.server.script = Script(ALWAYS)
        self.relay_through(self.server, 20)
        found = self.run("--all")
        if self.account.entries():
            found.append(f"left: {self.account.describe()}")
        # One that reads no text never learns that the client has left.
        deaf = (self.step, self.fault) == ("body", "stall")
        self.server.wait_for_connections(len(self.server.connections) - deaf)
        for address in FIRST + SECOND:
            sent, told = self.sent(address), self.told(address)
            wanted = 2 if self.step == "taken" and address in FIRST else 1
            if sent + told != (1 if address == "bad@x.test" else wanted) or (address == "bad@x.test" and sent):
                found.append(f"{address}: sent {sent} times, {told} bounces")
        return found + self.wire_complaints()

    def run(self, *arguments):
        done = self.account.flush("-v", *arguments, timeout=60)
        found = [f"exit {done.returncode}: {done.stderr!r}"] if done.returncode != 0 or done.stdout else []
        texts = [done.stderr] + [path.read_bytes() for folder in ("why", "run", "queue")
                                 for path in Path(self.account.spool, folder).glob("*") if path.name != "reserve"]
        found += [f"control characters in {text[:300]!r}" for text in texts if CONTROL.search(text)]
        found += [f"the password stands in {text[:300]!r}" for text in texts if PASSWORD.encode() in text]
        if b"worker died" in done.stderr:
            found.append(f"a crash: {done.stderr!r}")
        if list(Path(self.account.spool, "bad").iterdir()):
            found.append("something lies in bad/")
        return found

    def wire_complaints(self):
        # A server that says what nobody asked for must expect an answer to it.
        own_fault = self.fault in ("positive", "extra")
        found = [text for text in self.server.violations if not own_fault or "input before" not in text]
        for record in self.server.connections:
            clear = record.plain_wire if record.tls else bytes(record.wire)
            if self.step != "tls" and re.search(rb"(?im)^(?!(EHLO|STARTTLS|QUIT)\b).", clear):
                found.append(f"in clear: {clear[:100]!r}")
            if b"MAIL" in clear or PASSWORD.encode() in clear:
                found.append(f"in clear: {clear[:100]!r}")
        return found

    def sent(self, address):
        return sum(message.addresses.count(address) for message in self.server.messages if message.sender)

    def told(self, address):
        """How many bounces say that this one failed."""
        line = f"\r\nFinal-Recipient: rfc822; {address}\r\n".encode()
        sent = [message.data for message in self.server.messages if not message.sender]
        return sum(line in data for data in sent)

    def letters(self):
        waiting = {entry.recipients[0].address: entry for entry in self.account.entries() if entry.sender}
        return "".join(self.letter(addresses, waiting.get(addresses[0])) for addresses in (FIRST, SECOND))

    def letter(self, addresses, entry):
        """What became of the two recipients whom the server knows."""
        status = {each.address: each.status for each in entry.recipients} if entry else {}
        became = "".join(status.get(address, "D" if self.sent(address) else "B")
                         for address in addresses if address != "bad@x.test")
        doubt = entry and "it is not known whether" in Path(self.account.spool, "why", entry.id).read_text()
        letters = {"DD": "D", "BB": "B", "..": "?" if doubt else "-", ".D": "d", "D.": "d", "BD": "b", "DB": "b"}
        return letters.get(became, "!")


class Bench:
    """What all cells begin with."""

    def __init__(self, folder, programs, certs):
        self.folder, self.programs, self.certs = folder, programs, certs
        # The large one is larger than what the kernel keeps of a connection that nobody reads.
        short, large = ".a line, and more\n" * 2, (".x" * 490 + "\n") * 9000
        for name, first in (("short", short), ("body", large)):
            account = Account(folder / name, programs, DEFAULT)
            for addresses, text in ((FIRST, first), (SECOND, short)):
                done = account.sendmail("-odq", "-f", "jane@lan.example", *addresses,
                                        input=f"Subject: to {addresses[0]}\n\n{text}")
                assert (done.returncode, done.stderr) == (0, b"")

    def template(self, name):
        return self.folder / name / "spool"


def table(cells):
    steps = list(dict.fromkeys(step for step, _ in cells))
    width = {fault: max(len(fault), 2) + 1 for fault in FAULTS}
    lines = [f"{'':10}" + "".join(f"{fault:{width[fault]}}" for fault in FAULTS)]
    for step in steps:
        lines.append(f"{step:10}" + "".join(f"{cells[step, fault]:{width[fault]}}" for fault in FAULTS))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def test_each_fault_at_each_step(tmp_path, programs, certs):
    bench = Bench(tmp_path, programs, certs)
    wanted = expected()
    start = time.monotonic()

    def attempt(place):
        if wanted[place] == ".":
            return wanted[place], []
        return Cell(bench, *place).complaints()

    with ThreadPoolExecutor(12) as pool:
        results = dict(zip(wanted, pool.map(attempt, wanted)))
    shown = table({place: letters for place, (letters, _) in results.items()})
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / "faults-smtp.txt").write_text(shown)
    print(f"\n{shown}{sum(cell != '.' for cell in wanted.values())} cells, {time.monotonic() - start:.0f} s")
    complaints = [f"{' '.join(place)}: {complaint}" for place, (_, found) in results.items() for complaint in found]
    complaints += [f"{' '.join(place)}: {letters}, not {wanted[place]}" for place, (letters, _) in results.items()
                   if letters not in (wanted[place], wanted[place].replace("*", "-"), wanted[place].replace("*", "D"))]
    assert not complaints, "\n".join(complaints)
