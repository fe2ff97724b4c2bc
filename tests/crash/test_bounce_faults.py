"""A run that has to bounce, with each of its system calls going wrong: the sender is told, and told once."""

import re
import shutil
import subprocess
from pathlib import Path

import faults
import pytest
from spoolcheck import Tally, queue_of, quick_base, report
from support.smtpd import Server

CONFIGURATION = """[site]
domain = lan.example

[spool]
directory = {folder}/spool

[smarthost]
host = localhost:{port}
security = none
connect_timeout = 2s
reply_timeout = 2s
data_timeout = 2s
dot_timeout = 2s
"""
SENDER = "jane@sender.test"
TEXT = b"Subject: to be returned\n\n" + b"a line of it\n" * 100
REFUSALS = {("rcpt", "perm@x.test"): "550 5.1.1 nobody"}
PROMISED = 5
# What these leave undecided is done again: the connection, the way to the flush, the status byte.
WINDOW = {"sendto", "sendmsg", "recvfrom", "recvmsg", "poll", "pwrite64", "fdatasync"}


class Bench:
    """Worlds with one message in the queue, of which one recipient will be refused, and a server each."""

    def __init__(self, programs, folder):
        self.flush = programs["postbag-flush"]
        self.template = folder / "template"
        self.template.mkdir()
        self.configure(self.template, 1)
        subprocess.run([programs["sendmail"], "-odq", "-f", SENDER, "ok@x.test", "perm@x.test"], input=TEXT,
                       env=self.env(self.template), check=True)
        (self.parent,), _ = queue_of(self.template / "spool")
        self.servers = {}

    @staticmethod
    def env(world):
        return {"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": str(world / "postbag.ini")}

    @staticmethod
    def configure(world, port):
        (world / "postbag.ini").write_text(CONFIGURATION.format(folder=world, port=port))
        (world / "postbag.ini").chmod(0o600)

    def setup(self, world):
        shutil.copytree(self.template, world, dirs_exist_ok=True)
        server = self.servers[world] = Server(REFUSALS).start()
        self.configure(world, server.port)

    def sent(self, world):
        """How many (originals, bounces) the server took."""
        server = self.servers[world]
        server.wait_until(lambda: all(record.ended for record in server.connections), what="the end of each session")
        bounces = [each for each in list(server.messages) if each.addresses == [SENDER]]
        assert all(each.sender == "" and b"\r\nStatus: 5.1.1\r\n" in each.data and each.data.endswith(b"--\r\n")
                   for each in bounces)
        return len(server.messages) - len(bounces), len(bounces)

    def run_again(self, world):
        return subprocess.run([self.flush, "--all"], env=self.env(world), cwd="/", capture_output=True, timeout=20,
                              check=False)


def may_double(result, fault):
    """Killed, connection lost, no status byte, or a rename that was done and said it was not."""
    name = result.hit.name if result.hit is not None else ""
    return fault.kind.startswith("kill") or fault.kind == "full" or name in WINDOW or (
        fault.kind == "error-after" and name.startswith("rename"))


def check_world(bench, tally, world, result, fault):
    originals, bounces = bench.sent(world)
    whole, complaints = queue_of(world / "spool")
    yield from complaints
    waiting = [entry for entry in whole if entry.sender == ""]
    parents = [entry for entry in whole if entry.sender == SENDER]
    if not bounces and not waiting and not any(entry.statuses[1] == "." for entry in parents):
        yield "LOST: the sender will never be told"
    if any(entry.message and b"\nStatus: 5.1.1\n" not in entry.message for entry in waiting):
        yield "a bounce that is not whole"
    if result.status == 124 or result.seconds > PROMISED:
        yield f"took {result.seconds:.1f} s, status {result.status}"
    doubled = may_double(result, fault)
    # A run without faults brings everything to its end.
    done = bench.run_again(world)
    if done.returncode != 0:
        yield f"the next run: exit {done.returncode}, {done.stderr!r}"
    originals, bounces = bench.sent(world)
    tally.add(fault, "runs")
    tally.add(fault, "bounces", bounces)
    tally.add(fault, "told twice", bounces == 2)
    if not 1 <= bounces <= 1 + doubled or not 1 <= originals <= 1 + doubled:
        yield f"{originals} originals and {bounces} bounces arrived"
    left, complaints = queue_of(world / "spool")
    yield from complaints
    yield from (f"left in the queue: {entry.name}" for entry in left)
    # Drafts of a process that was killed go after a day and a half.
    clean = ("bad",) if fault.kind.startswith("kill") else ("bad", "tmp")
    yield from (f"in {part}/: {path.name}" for part in clean for path in (world / "spool" / part).iterdir())
    bench.servers.pop(world).stop()


def choose(fault):
    """Not the configuration (its mistakes are another test's), and ELOOP of an entry is no fault: a link, for bad/."""
    return not re.search(r"/postbag\.ini$|/world\.[^/]*$", fault.call.path) and not (
        fault.value == "ELOOP" and "/queue/" in fault.call.path)


@pytest.mark.parametrize("kinds", [("kill", "kill-process"), ("error", "short"), ("error-after",), ("full",)], ids="+".join)
def test_the_sender_is_told_once(kinds, programs, tmp_path):
    bench = Bench(programs, tmp_path)
    tally = Tally(f"a bounce, {' and '.join(kinds)}")
    outcome = faults.matrix(
        [bench.flush], lambda *arguments: list(check_world(bench, tally, *arguments)), setup=bench.setup, kinds=kinds,
        by="point", base=quick_base(), env=bench.env(Path("{folder}")), cwd="/", timeout=PROMISED,
        fallible=kinds not in (("error-after",), ("full",)), keep=choose)
    for server in bench.servers.values():  # of the run that lists the calls
        server.stop()
    report("bounce-" + "-".join(kinds), tally.text(outcome))
    assert outcome.complaints == [], outcome
    assert outcome.hit >= outcome.points * 0.9, outcome
