"""make bench: the programs beside floor programs, which make the same system calls and do nothing else.

    bench.py BUILD [--pairs N] [--entries N] [--rounds N] [--only submission|relay|deliver|mail]

Each comparison is one run, A B A B …, and its ratio is the median of the ratios of the pairs: what disturbs the
machine disturbs both halves of a pair. Ends with 1 when an aim is missed. Uses nothing but BUILD and temporary folders.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

# pylint: disable=wrong-import-position
from deliver import DeliverBench  # noqa: E402
from mailx import MailBench  # noqa: E402
from relay import RelayBench  # noqa: E402
from support.account import Account  # noqa: E402
from support.certs import Certificates  # noqa: E402
from support.postfix import PEERS, Postfix  # noqa: E402

MESSAGE = b"Subject: hi\n\nhello\n"
RECIPIENT = "bob@example.org"
LIBC = {"libc.so.6", "linux-vdso.so.1", "ld-linux-x86-64.so.2"}  # with the loader and the kernel's own


@dataclass
class Times:
    """Of two commands: milliseconds, one for each run, and the most memory a run had, in MiB."""
    ours: list
    other: list
    memory: float
    other_memory: float

    def ratio(self):
        ratios = sorted(a / b for a, b in zip(self.ours, self.other))
        return statistics.median(ratios), ratios[len(ratios) // 4], ratios[len(ratios) * 3 // 4]


class Bench:
    """folder: a temporary one on the disk that holds the build."""

    def __init__(self, build, folder, counts):
        self.tools = build / "bench"
        self.programs = {path.name: path.resolve() for path in (build / "bin").iterdir()}
        self.folder = folder
        self.counts = counts
        self.missed = 0
        self.message = folder / "message"
        self.message.write_bytes(MESSAGE)

    def pairs(self, count, account, ours, other, env=None):
        command = [self.tools / "pairs", count, self.message, *ours, "--", *other]
        done = subprocess.run(list(map(str, command)), env={**account.env, **(env or {})}, stdout=subprocess.PIPE,
                              text=True, check=True)
        *lines, rss = [line.split() for line in done.stdout.splitlines()]
        return Times([int(a) / 1e6 for a, _ in lines], [int(b) / 1e6 for _, b in lines],
                     int(rss[1]) / 1024, int(rss[2]) / 1024)

    def verdict(self, aim, value):
        if aim is None:
            return ""
        if value <= aim:
            return f", aim {aim}: met"
        self.missed += 1
        return f", aim {aim}: MISSED"

    def show(self, title, names, times, aim=None):
        ratio, low, high = times.ratio()
        print(f"{title}, {len(times.ours)} pairs")
        for name, taken, memory in zip(names, (times.ours, times.other), (times.memory, times.other_memory)):
            print(f"    {name:24} {statistics.median(taken):8.2f} ms {memory:7.1f} MiB")
        print(f"    ratio {ratio:.2f} (half of the pairs {low:.2f} to {high:.2f}){self.verdict(aim, ratio)}\n")

    # What is measured.

    def submissions(self, memory):
        self.linkage()
        self.submission(self.folder / "submission", "on disk", 1.5)
        if memory:
            self.submission(memory / "submission", "in memory", None)
        self.peers()
        self.full_queue()

    def submission(self, folder, what, aim):
        account = Account(folder, self.programs)
        sendmail = [self.programs["sendmail"], "-odq", RECIPIENT]
        floor = [self.tools / "floor_submit", account.config, account.spool, RECIPIENT]
        assert account.sendmail("-odq", RECIPIENT, input=MESSAGE).returncode == 0  # makes the spool
        times = self.pairs(self.counts.pairs, account, sendmail, floor)
        self.show(f"a small message queued, {what}", ("sendmail -odq", "floor"), times, aim)

    def full_queue(self):
        account = Account(self.folder / "full", self.programs)
        entries = self.counts.entries
        subprocess.run([self.tools / "make_spool", account.spool, str(entries)], check=True)
        floor = [self.tools / "floor_list", account.spool / "queue"]
        count = max(5, self.counts.pairs // 30)
        if "mailq" in self.programs:
            listed = account.mailq().stdout.splitlines()[-1]
            assert listed.endswith(b" %d Requests." % entries), listed
            times = self.pairs(count, account, [self.programs["mailq"]], floor)
            self.show(f"a listing of {entries} messages", ("mailq", "floor"), times, 1.5)
        else:
            print("a listing: mailq is not built\n")
        times = self.pairs(count, account, [self.programs["postbag-flush"]], [*floor, "stat"])
        self.show(f"an idle flush over {entries} messages", ("postbag-flush", "floor"), times, 2)
        assert len(os.listdir(account.spool / "queue")) == entries

    def linkage(self):
        for name in ("sendmail", "mailq"):
            if name not in self.programs:
                continue
            text = subprocess.run(["ldd", self.programs[name]], stdout=subprocess.PIPE, text=True, check=True).stdout
            found = {os.path.basename(word) for word in re.findall(r"^\s*(\S+)", text, re.M)}
            more = sorted(found - LIBC)
            self.missed += bool(more)
            print(f"{name} links {'MORE than libc: ' + ' '.join(more) if more else 'nothing but libc'} dynamically")
        print()

    def peers(self):
        """Postfix's submission, where it lies extracted."""
        if os.geteuid() != 0 or not (PEERS / "postfix").is_dir():
            return
        account = Account(self.folder / "peers", self.programs)
        assert account.sendmail("-odq", RECIPIENT, input=MESSAGE).returncode == 0
        with Postfix(None, Certificates(self.folder / "certs")) as postfix:
            os.mkfifo(postfix.folder / "q/public/pickup")  # whom its submission tells; nobody listens
            main_cf = postfix.folder / "etc/main.cf"
            main_cf.write_text(main_cf.read_text() + "export_environment = MAIL_CONFIG LD_LIBRARY_PATH\n")
            os.utime(main_cf, (0, time.time() - 60))  # a younger one is read again and again
            theirs = [postfix.root / "usr/sbin/sendmail", "-i", RECIPIENT]
            env = {"MAIL_CONFIG": str(postfix.folder / "etc"), "LD_LIBRARY_PATH": postfix.libraries}
            times = self.pairs(self.counts.pairs // 3, account, [self.programs["sendmail"], "-odq", RECIPIENT], theirs,
                               env)
        self.show("a small message queued, beside a peer", ("sendmail -odq", "Postfix's sendmail"), times)


def memory_folder():
    """A temporary folder in memory, where there is such a place."""
    place = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="bench-", dir=place)) if os.access(place, os.W_OK) else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=Path)
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3, help="of relays and deliveries")
    parser.add_argument("--only", choices=("submission", "relay", "deliver", "mail"))
    parser.add_argument("--messages", type=int, default=100_000, help="in the mailbox that mail reads")
    counts = parser.parse_args()
    build = counts.build.resolve()
    folder, memory = Path(tempfile.mkdtemp(prefix="bench-", dir=build)), memory_folder()
    try:
        bench = Bench(build, folder, counts)
        if counts.only in (None, "submission"):
            bench.submissions(memory)
        if counts.only in (None, "relay"):
            RelayBench(bench, memory, counts.rounds).run()
        if counts.only in (None, "deliver"):
            DeliverBench(bench, memory, counts.rounds).run()
        if counts.only in (None, "mail") and os.geteuid() == 0:
            MailBench(bench, counts.messages, counts.rounds).run()
    finally:
        for each in filter(None, (folder, memory)):
            shutil.rmtree(each)
    print("all aims met" if bench.missed == 0 else f"{bench.missed} missed")
    return 1 if bench.missed else 0


if __name__ == "__main__":
    sys.exit(main())
