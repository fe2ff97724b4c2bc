"""Local deliveries beside a floor program: messages a second from a full queue into one mbox and one maildir."""

import getpass
import shutil
import statistics
import subprocess
import time

from support.account import Account

SMALL = b"Subject: a message\nFrom: root@box.example\nTo: jane@box.example\n\n" + (b"x" * 71 + b"\n") * 13
AIM = 1.5


class DeliverBench:
    """bench: a Bench, for its programs, folder and verdicts. memory: a folder in memory, or None."""

    def __init__(self, bench, memory, rounds, count=500):
        self.bench, self.memory, self.rounds, self.count = bench, memory, rounds, count

    def run(self):
        self.deliveries(self.bench.folder / "deliver", "on disk", AIM)
        if self.memory:
            self.deliveries(self.memory / "deliver", "in memory", None)

    def deliveries(self, folder, what, aim):
        queue = Queue(self.bench, folder, self.count)
        print(f"local deliveries of 1 kB by one flush, {what}, {self.count} messages, {self.rounds} rounds")
        for kind in ("mbox", "maildir"):
            ours, floor = [], []
            for _ in range(self.rounds):
                ours.append(queue.ours(kind))
                floor.append(queue.floor(kind))
            ratio = statistics.median(a / b for a, b in zip(ours, floor))
            rates = [self.count / statistics.median(times) for times in (ours, floor)]
            print(f"    {kind:8} postbag {rates[0]:6.0f}/s   floor {rates[1]:6.0f}/s   ratio {ratio:.2f}"
                  f"{self.bench.verdict(aim, ratio)}", flush=True)
        print()


class Queue:
    """A full queue of ours for its own user, kept as a copy."""

    def __init__(self, bench, folder, count):
        self.tool = bench.tools / "floor_deliver"
        self.account = Account(folder, bench.programs)
        self.account.mail.mkdir()
        self.count = count
        (folder / "aliases").write_text("# none\n")
        for _ in range(count):
            done = self.account.sendmail("-odq", getpass.getuser(), input=SMALL)
            assert done.returncode == 0, done
        self.queue = self.account.spool / "queue"
        self.full = folder / "full"
        shutil.move(self.queue, self.full)

    def fill(self, kind):
        """The path of an empty mailbox, whose queue is full."""
        box = self.account.mail / "box"
        shutil.rmtree(self.account.mail)
        self.account.mail.mkdir()
        shutil.rmtree(self.queue, ignore_errors=True)
        shutil.copytree(self.full, self.queue)
        slash = "/" if kind == "maildir" else ""
        self.account.configure(f"[local]\naliases = {self.account.folder}/aliases\nmailbox = {box}{slash}\n")
        subprocess.run(["sync", "-f", self.queue], check=True)
        return box

    def timed(self, kind, box, deliver):
        start = time.monotonic()
        deliver()
        taken = time.monotonic() - start
        found = len(list((box / "new").iterdir())) if kind == "maildir" else box.read_bytes().count(b"\nSubject: a message\n")
        assert found == self.count and not any(self.queue.iterdir())
        return taken

    def ours(self, kind):
        box = self.fill(kind)

        def flush():
            done = self.account.flush(timeout=120)
            assert done.returncode == 0, done

        return self.timed(kind, box, flush)

    def floor(self, kind):
        box = self.fill(kind)
        command = [self.tool, kind, box, self.queue, self.account.spool / "run"]
        return self.timed(kind, box, lambda: subprocess.run(command, check=True))
