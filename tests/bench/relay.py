"""The relay beside a floor relay and other relays: messages a second, the way of one message, a large one."""

import os
import re
import shutil
import statistics
import subprocess
import threading
import time
from pathlib import Path

import peers
from support.account import Account
from support.memory import run_measured
from support.sink import Sink

RECIPIENT = "bob@example.org"
HEADER = b"Subject: a message\nFrom: root@box.example\nTo: bob@example.org\n\n"
SMALL = HEADER + (b"x" * 71 + b"\n") * 13
CASES = ((0, 1, 200), (0, 4, 200), (0, 20, 400), (10, 1, 60), (10, 4, 200), (10, 20, 400))  # delay, sessions, messages
SLOW_PEERS = {0: 60, 10: 15}  # messages of relays that open a connection for each, by the delay
MEMORY_LIMIT = 20 * 1024  # KiB


def median(values):
    return statistics.median(values)


class Measured:
    """Rates and round trips a message of one relay in one case, a value for each round."""

    def __init__(self):
        self.rates, self.flights = [], []

    def add(self, taken):
        self.rates.append(taken.rate)
        self.flights.append(taken.flights / taken.messages)

    def over(self, other):
        return median([a / b for a, b in zip(self.rates, other.rates)])


class RelayBench:
    """bench: a Bench, for its programs, folder and verdicts. memory: a folder in memory, or None."""

    def __init__(self, bench, memory, rounds):
        self.bench = bench
        self.rounds = rounds
        self.sink = bench.tools / "sink"
        self.memory = memory

    def run(self):
        self.rates(self.bench.folder, "/tmp", CASES, "on disk")
        if self.memory:
            self.rates(self.memory, "/dev/shm", CASES[:3], "queue in memory")
        self.flights_without_riding()
        self.one_message()
        self.large_message()

    def verdict(self, met, aim):
        self.bench.missed += not met
        return f"aim {aim}: {'met' if met else 'MISSED'}"

    # Rates.

    def rates(self, folder, place, cases, what):
        """Each round runs all relays in turn, so that what disturbs the machine disturbs all of them."""
        queue = Queue(self.bench, folder / "relay", max(count for _, _, count in cases))
        print(f"relayed messages of 1 kB a second, {what}: medians of {self.rounds} rounds; round trips a message; "
              "ours as a multiple of it")
        beds = Beds(place, slow=place == "/tmp")
        try:
            for delay, sessions, count in cases:
                self.case(queue, beds.started, (delay, sessions, count))
        finally:
            beds.stop()
        print()

    def case(self, queue, beds, case):
        delay, sessions, count = case
        results = {}
        for _ in range(self.rounds):
            for name, relay in (("postbag", queue.ours), ("floor", queue.floor)):
                results.setdefault(name, Measured()).add(relay(self.sink, case))
            for name, bed in beds.items():
                if name != "Postfix" and sessions != 1:
                    continue
                number = count if name == "Postfix" else SLOW_PEERS[delay]
                make_sink = lambda popen, number=number: Sink(self.sink, number, delay, popen=popen)  # noqa: E731
                results.setdefault(name, Measured()).add(bed.relay(make_sink, number, sessions))
        self.show_case(case, results)

    def show_case(self, case, results):
        delay, sessions, _ = case
        print(f"  reply delay {delay} ms, {sessions} session{'s' if sessions > 1 else ''}")
        ours = results["postbag"]
        for name, each in results.items():
            ratio = "" if each is ours else f"   x {ours.over(each):.2f}"
            print(f"    {name:12} {median(each.rates):7.0f}/s {median(each.flights):6.2f}{ratio}")
        if sessions == 1:
            print("    " + self.verdict(median(ours.flights) <= 1.2, "one round trip a message, riding (<= 1.2)"))
        if "Postfix" in results:
            print("    " + self.verdict(ours.over(results["Postfix"]) >= 2, "2 x Postfix"), flush=True)

    def flights_without_riding(self):
        """A session for each message: nothing to ride with."""
        count = 20
        queue = Queue(self.bench, self.bench.folder / "alone", count)
        taken = queue.ours(self.sink, (0, 1, count), messages_per_connection=1)
        each = taken.flights / taken.messages
        print(f"round trips of a message that nothing rides with: {each:.2f}, "
              f"{self.verdict(each <= 2, 2)}\n", flush=True)

    # One message.

    def one_message(self):
        account = Account(self.bench.folder / "one", self.bench.programs)
        rows = [self.steps_of_one(account) for _ in range(10 * self.rounds)]
        print(f"one message from the start of sendmail, nothing resident, milliseconds: medians of {len(rows)}")
        for name in rows[0]:
            print(f"    {name:44} {median([row[name] for row in rows]) * 1000:6.1f}")
        whole = median([row["the server's 250"] for row in rows]) * 1000
        print("    " + self.verdict(whole <= 12, "12 ms"))
        resident = [self.flush_to_connection(account) for _ in range(10)]
        print(f"    of this, from the exec of postbag-flush to its connection {median(resident) * 1000:.1f}\n", flush=True)

    def steps_of_one(self, account):
        with Sink(self.sink, 1, trace=True) as sink:
            account.relay_through(sink.port, security="none", host=f"127.0.0.1:{sink.port}")
            start = time.monotonic()
            done = account.sendmail(RECIPIENT, input=SMALL)
            returned = time.monotonic() - start
            assert done.returncode == 0, done
            sink.wait()
            account.wait_until_idle()
            moments = {name: moment - start for name, moment in sink.steps}
        return {"sendmail has ended (committed)": returned, "the server accepts the connection": moments["accept"],
                "EHLO is there": moments["ehlo"], "MAIL, RCPT, DATA are there": moments["data"],
                "the text is there": moments["dot"], "the server's 250": moments["taken"]}

    def flush_to_connection(self, account):
        with Sink(self.sink, 1) as sink:
            account.relay_through(sink.port, security="none", host=f"127.0.0.1:{sink.port}")
            assert account.sendmail("-odq", RECIPIENT, input=SMALL).returncode == 0
            start = time.monotonic()
            account.flush()
            return sink.wait().first - start

    # A large message.

    def large_message(self):
        text = self.bench.folder / "large"
        write_large(text)
        account = Account(self.bench.folder / "large-account", self.bench.programs)
        account.configure("[spool]\nsize_limit = 2G\n")
        with open(text, "rb") as file:
            status, _, _, memory = run_measured(
                [self.bench.programs["sendmail"], "-odq", RECIPIENT],
                iter(lambda: file.read(1 << 20), b""), env=account.env)
        assert status == 0
        entry = next((account.spool / "queue").iterdir())
        kept = self.bench.folder / "kept"
        os.link(entry, kept)
        peaks, ratios, rates = {"sendmail": memory}, [], {"postbag": [], "raw": []}
        for _ in range(self.rounds):
            raw = self.transfer(lambda sink: self.send_raw(text, sink))
            ours = self.transfer(lambda sink: self.relay_large(account, kept, entry, sink, peaks))
            ratios.append(raw / ours)
            rates["raw"].append(raw)
            rates["postbag"].append(ours)
        self.show_large(text.stat().st_size, rates, ratios, peaks)

    def show_large(self, size, rates, ratios, peaks):
        print(f"a message of {size / 1e9:.2f} GB in plain text, from DATA to the final 250")
        for name, seconds in rates.items():
            print(f"    {name:12} {size / 1e6 / median(seconds):7.0f} MB/s")
        print(f"    {median(ratios) * 100:.0f} % of a raw socket, {self.verdict(median(ratios) >= 0.7, '70 %')}")
        for name, peak in peaks.items():
            print(f"    {name:12} {peak / 1024:7.1f} MiB at most, {self.verdict(peak < MEMORY_LIMIT, 'under 20 MiB')}")
        print(flush=True)

    def transfer(self, send):
        """Seconds from DATA to the 250."""
        with Sink(self.sink, 1, trace=True) as sink:
            send(sink)
            sink.wait()
            moments = dict(sink.steps)
            return moments["taken"] - moments["data"]

    def send_raw(self, text, sink):
        with open(text, "rb") as file:
            subprocess.run([self.bench.tools / "raw_sender", str(sink.port)], stdin=file, check=True)

    def relay_large(self, account, kept, entry, sink, peaks):
        undo_record(kept)
        if not entry.exists():
            os.link(kept, entry)
        account.relay_through(sink.port, security="none", host=f"127.0.0.1:{sink.port}")
        with subprocess.Popen([self.bench.programs["postbag-flush"]], env=account.env) as flush:
            watch_memory(flush, peaks)
        assert flush.returncode == 0


class Queue:
    """A full queue of ours, kept as a copy."""

    def __init__(self, bench, folder, count):
        self.bench = bench
        self.account = Account(folder, bench.programs)
        for _ in range(count):
            done = self.account.sendmail("-odq", RECIPIENT, input=SMALL)
            assert done.returncode == 0, done
        self.queue = self.account.spool / "queue"
        self.full = folder / "full"
        shutil.move(self.queue, self.full)

    def fill(self, count):
        shutil.rmtree(self.queue, ignore_errors=True)
        self.queue.mkdir(mode=0o700)
        for path in sorted(self.full.iterdir())[:count]:
            shutil.copy2(path, self.queue)
        subprocess.run(["sync", "-f", self.queue], check=True)

    def ours(self, program, case, **settings):
        delay, sessions, count = case
        self.fill(count)
        with Sink(program, count, delay) as sink:
            self.account.relay_through(sink.port, host=f"127.0.0.1:{sink.port}", security="none", connections=sessions,
                                       **settings)
            done = self.account.flush(timeout=120)
            assert done.returncode == 0, done
            return sink.wait()

    def floor(self, program, case):
        delay, sessions, count = case
        self.fill(count)
        with Sink(program, count, delay) as sink:
            subprocess.run([self.bench.tools / "floor_relay", str(sink.port), str(sessions), self.queue], check=True)
            return sink.wait()


class Beds:
    """The peers that can be had; why others cannot is printed."""

    def __init__(self, place, slow):
        self.started = {}
        wanted = {"Postfix": lambda: peers.Postfix(SMALL, place)}
        if slow:
            wanted.update(nullmailer=lambda: peers.Nullmailer(SMALL), dma=lambda: peers.Dma(SMALL))
        for name, make in wanted.items():
            if os.geteuid() != 0:
                print(f"  {name}: not measured, needs root")
                continue
            try:
                bed = make()
                self.started[name] = bed.__enter__()
            except (RuntimeError, OSError) as error:
                print(f"  {name}: not measured: {error}")

    def stop(self):
        for bed in self.started.values():
            bed.__exit__(None, None, None)


def write_large(path):
    block = b"".join(bytes([65 + line % 26]) * 76 + b"\n" for line in range(13617))  # 1 MiB, nearly
    with open(path, "wb") as file:
        file.write(HEADER)
        for _ in range(1024):
            file.write(block)


def undo_record(path):
    """The one recipient of an entry is pending again."""
    with open(path, "r+b") as file:
        found = re.search(rb"^done 1 (.)$", file.read(4096), re.M)
        file.seek(found.start(1))
        file.write(b".")


def watch_memory(process, peaks):
    """Notes the peak of a flush and of its workers while it runs."""
    while process.poll() is None:
        for name, pid in (("flush", process.pid), *(("worker", child) for child in children(process.pid))):
            peaks[name] = max(peaks.get(name, 0), high_water(pid))
        threading.Event().wait(0.005)


def children(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it ended
        return []


def high_water(pid):
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:  # it ended
        return 0
    return int(found[1]) if found else 0
