"""mail beside bsd-mailx, s-nail, GNU mail and mutt over one large mailbox, and beside a plain boundary scan.

The peers are extracted from their packages, never installed (mutt is there for the tests). What only reads shares a
mailbox; who writes has a copy of its own.
"""

import os
import pty
import shutil
import statistics
import subprocess
import time

from make_mailbox import NEEDLE, make_mailbox
from support.postfix import extracted

NEAR_END = 99_900  # of 100 000
LIBRARIES = ("liblockfile1", "libmailutils9", "libmariadb3")


class MailBench:
    """bench: a Bench, for its programs, folder and verdicts."""

    def __init__(self, bench, count, rounds):
        self.bench, self.count, self.rounds = bench, count, rounds
        self.near_end = NEAR_END * count // 100_000
        self.home = bench.folder / "mail-home"
        self.home.mkdir()
        self.box = make_mailbox(bench.folder / "box", count)
        libraries = ":".join(str(extracted(name) / "usr/lib/x86_64-linux-gnu") for name in LIBRARIES)
        self.env = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "LOGNAME": "root", "USER": "root",
                    "MAILRC": "/dev/null", "TERM": "xterm", "TMPDIR": str(bench.folder), "LD_LIBRARY_PATH": libraries}
        self.readers = {"mail": [bench.programs["mail"], "-n", "-N", "-f"],
                        "bsd-mailx": [extracted("bsd-mailx") / "usr/bin/bsd-mailx", "-n", "-N", "-f"],
                        "s-nail": [extracted("s-nail") / "usr/bin/s-nail", "-:/", "-N", "-f"],
                        "GNU mail": [extracted("mailutils") / "usr/bin/mail.mailutils", "-n", "-N", "-f"]}

    def run(self):
        size = self.box.stat().st_size / 1e6
        print(f"mail over a mailbox of {self.count} messages, {size:.0f} MB, medians of {self.rounds} rounds")
        subprocess.run(["cat", self.box], stdout=subprocess.DEVNULL, check=True)  # into memory, for all alike
        last, needle = "h $\nx\n", f"f /{NEEDLE}\nx\n"
        floor = self.task("a plain boundary scan", {"floor": ([self.bench.tools / "floor_scan", self.box], "")})["floor"]
        found = self.reading("open, list the last 20", last, mutt="push '<last-entry><exit>'", aim=0.5)
        ratio = found["mail"] / floor
        print(f"    mail beside the floor: {ratio:.2f}{self.bench.verdict(1.5, ratio)}")
        print(f"    memory: {self.memory:.1f} MiB{self.bench.verdict(20, self.memory)}")
        self.reading("list all headers", "f *\nx\n", aim=0.5)
        self.reading("search by subject", needle, mutt=f"push '<limit>~s {NEEDLE}<enter><exit>'", aim=0.5)
        self.reading(f"print message {self.near_end}", f"p {self.near_end}\nx\n",
                     mutt=f"push '{self.near_end}<enter><display-message><exit><exit>'", aim=0.5)
        self.deleting()
        self.exists()
        self.sending()
        print(flush=True)

    # One run.

    def spent(self, argv, commands):
        """Seconds, and MiB at most."""
        source = self.bench.folder / "commands"
        source.write_text(commands)
        done = subprocess.run(list(map(str, [self.bench.tools / "pairs", 1, source, *argv, "--", "/bin/true"])), env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        taken, memory = (line.split() for line in done.stdout.splitlines())
        return int(taken[0]) / 1e9, int(memory[1]) / 1024

    def mutt(self, box, commands, *options):
        """mutt wants a terminal."""
        settings = self.home / "muttrc"
        settings.write_text(f"set folder={self.home} quit=yes delete=yes move=no pager=builtin\nunset wait_key\n{commands}\n")
        argv = ["/usr/bin/mutt", "-n", "-F", str(settings), *options, "-f", str(box)]
        start = time.monotonic()
        child, screen = pty.fork()
        if child == 0:
            os.execve(argv[0], argv, self.env)
        try:
            while os.read(screen, 65536):
                pass
        except OSError:  # the terminal is gone with its last user
            pass
        _, status, usage = os.wait4(child, 0)
        os.close(screen)
        assert status == 0, f"mutt: wait status {status}"
        return time.monotonic() - start, usage.ru_maxrss / 1024

    # What is compared.

    def task(self, title, commands, aim=None, mutt=None):
        """Medians in seconds by name. aim: of ours beside the fastest peer."""
        runs = {name: (lambda argv=argv, given=given: self.spent(argv, given)) for name, (argv, given) in commands.items()}
        if mutt:
            runs["mutt"] = mutt
        taken = {name: [] for name in runs}
        for _ in range(self.rounds):
            for name, each in runs.items():
                taken[name].append(each())
        medians = {name: statistics.median(seconds for seconds, _ in found) for name, found in taken.items()}
        if "mail" in taken:
            self.memory = max(memory for _, memory in taken["mail"])
        shown = ", ".join(f"{name} {seconds:.3f} s" for name, seconds in medians.items())
        peers = [seconds for name, seconds in medians.items() if name not in ("mail", "floor")]
        verdict = ""
        if "mail" in medians and peers:
            ratio = medians["mail"] / min(peers)
            verdict = f": {ratio:.2f} of the fastest peer{self.bench.verdict(aim, ratio)}"
        print(f"    {title}: {shown}{verdict}", flush=True)
        return medians

    def reading(self, title, commands, aim, mutt=None):
        return self.task(title, {name: ([*argv, self.box], commands) for name, argv in self.readers.items()}, aim,
                         mutt and (lambda: self.mutt(self.box, mutt, "-R")))

    def deleting(self):
        boxes = {name: self.bench.folder / f"box-{name.replace(' ', '-')}" for name in [*self.readers, "mutt"]}
        for box in boxes.values():
            shutil.copyfile(self.box, box)
        commands = f"d {self.near_end}\nq\n"
        self.task(f"delete {self.near_end} and quit",
                  {name: ([*argv, boxes[name]], commands) for name, argv in self.readers.items()}, 0.2,
                  lambda: self.mutt(boxes["mutt"], f"push '{self.near_end}<enter><delete-message><quit>'"))
        for box in boxes.values():
            box.unlink()

    def exists(self):
        """Time does not grow with the mailbox."""
        small = make_mailbox(self.bench.folder / "small", 10)
        ours = self.bench.programs["mail"]
        pairs = {name: ([ours, "-n", "-e", "-f", box], "") for name, box in (("floor", small), ("mail", self.box))}
        taken = self.task("-e, of 10 messages (floor) and of all", pairs)
        ratio = taken["mail"] / taken["floor"]
        print(f"    of all beside of 10: {ratio:.2f}{self.bench.verdict(1.5, ratio)}")

    def sending(self):
        mta = self.bench.folder / "sendmail"
        shutil.copy(self.bench.tools / "take_all", mta)
        line = self.bench.folder / "line"
        line.write_text("one line\n")
        env = {**self.env, "sendmail": str(mta)}
        (self.home / "rc").write_text(f"set sendmail={mta}\n")
        env["MAILRC"] = str(self.home / "rc")
        words = ["-n", "-s", "subject", "bob@example.org"]
        done = subprocess.run([str(self.bench.tools / "pairs"), str(self.bench.counts.pairs), str(line),
                               str(self.bench.programs["mail"]), *words, "--",
                               str(extracted("bsd-mailx") / "usr/bin/bsd-mailx"), *words],
                              env=env, stdout=subprocess.PIPE, text=True, check=True)
        *lines, rss = [each.split() for each in done.stdout.splitlines()]
        ours, theirs = ([int(each[index]) / 1e6 for each in lines] for index in (0, 1))
        ratio = statistics.median(a / b for a, b in zip(ours, theirs))
        print(f"    send one line: mail {statistics.median(ours):.2f} ms ({int(rss[1]) / 1024:.1f} MiB), bsd-mailx "
              f"{statistics.median(theirs):.2f} ms ({int(rss[2]) / 1024:.1f} MiB): ratio {ratio:.2f}"
              f"{self.bench.verdict(1, ratio)}")
