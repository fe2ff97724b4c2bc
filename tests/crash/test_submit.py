"""sendmail with each of its system calls going wrong: what was acknowledged is there and whole, all else is not."""

import dataclasses
import os
import re
import shutil
import subprocess

import faults
import pytest
from spoolcheck import Tally, queue_of, quick_base, report, timeless

CONFIGURATION = "[site]\ndomain = lan.example\n\n[spool]\ndirectory = {}/state/spool\n"
TEXT = b"To: bob@example.org\nCc: Carol <carol@example.org>\nBcc: dave@example.org\nSubject: hi\n\n.dot\nhello\n"
LARGE = TEXT + b"".join(b"%06d a line of a larger message\n" % n for n in range(6000))
# More header than is kept in memory.
WIDE = b"X-Wide: begin\n" + b"\tand so on and so on and so on and so on\n" * 5000 + TEXT
SECOND = b"Subject: second\r\n\r\n..stuffed\r\nworld\r\n"
DIALOGUE = (b"EHLO x\r\nMAIL FROM:<jane@lan.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
            + TEXT.replace(b"\n", b"\r\n").replace(b"\r\n.", b"\r\n..") + b".\r\n"
            b"MAIL FROM:<>\r\nRCPT TO:<eve@example.org>\r\nRCPT TO:<mallory@example.org>\r\nDATA\r\n"
            + SECOND + b".\r\nQUIT\r\n")
SENDER = ("-f", "jane@lan.example")
# A second of nothing is far more than a submission needs; a caller is promised an answer within five.
PROMISED = 5
# Calls after whose failure it is not known, or known to be told wrong, whether the entry is in the queue.
MAY_STAY = {"renameat2", "linkat", "fsync"}


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to hand in mail; existing: the spool is there and has an entry of somebody else's."""

    words: tuple
    text: bytes
    existing: bool = True

    @property
    def smtp(self):
        return "-bs" in self.words


WAYS = {
    "arguments, first mail ever": Way(("-odq", *SENDER, "bob@example.org"), TEXT, existing=False),
    "arguments": Way(("-odq", *SENDER, "bob@example.org"), TEXT),
    "arguments, large": Way(("-odq", *SENDER, "bob@example.org"), LARGE),
    "-t, first mail ever": Way(("-odq", *SENDER, "-t"), TEXT, existing=False),
    "-t": Way(("-odq", *SENDER, "-t"), TEXT),
    "-t, wide header": Way(("-odq", *SENDER, "-t"), WIDE),
    "-bs, first mail ever": Way(("-odq", "-bs"), DIALOGUE, existing=False),
    "-bs": Way(("-odq", "-bs"), DIALOGUE),
    "arguments and a flush": Way((*SENDER, "bob@example.org"), TEXT),
}


class Bench:
    """One way of submission on worlds that are copies of a template."""

    def __init__(self, sendmail, way, folder):
        self.sendmail, self.way = sendmail, way
        self.template = folder / "template"
        self.before, self.expected = set(), []
        self.template.mkdir()
        self.prepare(self.template)
        if way.existing:
            self.submit(self.template, ("-odq", "other@example.org"), b"Subject: other\n\nother\n")
            self.before = {path.name for path in self.queue(self.template).iterdir()}
        self.input = folder / "input"
        self.input.write_bytes(way.text)  # a file: a pipe would come in other pieces each time
        clean = folder / "clean"
        self.setup(clean)
        self.submit(clean, ("-odq", *(word for word in way.words if word != "-odq")), way.text)
        self.expected = [timeless(entry.message) for entry in self.fresh(clean)[0]]
        assert len(self.expected) == (2 if way.smtp else 1)

    @staticmethod
    def prepare(world):
        (world / "postbag.ini").write_text(CONFIGURATION.format(world))
        (world / "postbag.ini").chmod(0o600)

    @staticmethod
    def queue(world):
        return world / "state/spool/queue"

    @property
    def argv(self):
        return [self.sendmail, *self.way.words]

    def setup(self, world):
        shutil.copytree(self.template, world, dirs_exist_ok=True)
        self.prepare(world)

    def submit(self, world, words, text):
        """Without a fault; the result must be a success."""
        env = {"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": str(world / "postbag.ini")}
        done = subprocess.run([self.sendmail, *words], input=text, env=env, cwd=world, capture_output=True,
                              timeout=PROMISED, check=False)
        assert done.returncode == 0, done.stderr
        return done

    def fresh(self, world):
        """(entries that came since the template, complaints)"""
        whole, complaints = queue_of(world / "state/spool")
        gone = self.before - {entry.name for entry in whole}
        complaints += [f"the other entry is not there: {name}" for name in gone]
        return [entry for entry in whole if entry.name not in self.before], complaints

    def acknowledged(self, result):
        """How many messages the caller may forget, and their ids where it was told."""
        if not self.way.smtp:
            return int(result.status == 0), set()
        ids = set(re.findall(rb"^250 2\.0\.0 Ok: queued as ([0-9A-V]{15})\r$", result.stdout, re.M))
        return len(ids), {each.decode() for each in ids}


def of_stream(call):
    """Whether it is about standard input or output."""
    return call.path.startswith("fd1:") or call.path.endswith("/input")


def status_complaints(result, fault, smtp):
    """How the program ended."""
    if result.status == 124 or result.seconds > PROMISED:
        yield f"took {result.seconds:.1f} s"
    elif fault.kind.startswith("kill"):
        if result.status not in ({137} if result.hit and fault.call.process == 1 else {0, 137}):
            yield f"exit status {result.status}"
    else:
        # 74 is for trouble with standard input or output, 75 for all other.
        if result.status not in ({0, 74, 75} if of_stream(fault.call) else {0, 75}):
            yield f"exit status {result.status}"
    if result.status not in (0, 124, 137) and not smtp and not re.fullmatch(rb"(sendmail: [^\n]+\n)+", result.stderr):
        yield f"stderr {result.stderr!r}"


def check_world(bench, tally, world, result, fault):
    """The complaints about one run; the bench's template is what was there before."""
    way = bench.way
    yield from status_complaints(result, fault, way.smtp)
    found, complaints = bench.fresh(world)
    yield from complaints
    texts = [timeless(entry.message) for entry in found]
    yield from (f"not what was submitted: {text[:300]}" for text in texts if text not in bench.expected)
    count, ids = bench.acknowledged(result)
    if len(found) < count or not ids <= {entry.id for entry in found}:
        yield f"LOST: {count} acknowledged, {len(found)} there"
    more = len(found) - count
    tally.add(fault, "runs")
    tally.add(fault, "killed" if result.status == 137 else f"exit {result.status}")
    tally.add(fault, "acknowledged", count)
    if more > 0:
        tally.add(fault, "may be doubled", more)
        named = fault.kind.startswith("kill") or fault.call.name in MAY_STAY or of_stream(fault.call)
        if not named or more > 1:
            yield f"stored {more} more than acknowledged, exit status {result.status}"
    left = [path.name for path in (world / "state/spool/tmp").glob("*")]
    if left and not fault.kind.startswith("kill") and fault.call.name != "unlinkat":
        yield f"left in tmp/: {left}"
    known = {entry.name for entry in found}
    bench.submit(world, ("-odq", *SENDER, "bob@example.org"), TEXT)
    after, complaints = bench.fresh(world)
    if complaints or not known < {entry.name for entry in after} or len(after) != len(found) + 1:
        yield f"the next submission: {[entry.name for entry in after]} after {known}; {complaints}"


def choose(fault):
    """All but what leads to another spool, which is test_an_unread_configuration, and what is no fault.

    ELOOP from opening an entry says that it is a symbolic link; that goes to bad/, as it should.
    """
    call = fault.call
    if fault.value == "ELOOP" and "/queue/" in call.path:
        return False
    # Of a world's own folder only what making the spool in it does: the rest is whether to trust the configuration.
    making = call.name in ("mkdir", "openat", "fsync", "close")
    return not call.path.endswith("/postbag.ini") and (making or not re.search(r"/world\.[^/]*$", call.path))


def together(*outcomes):
    """The sum of several matrices."""
    return faults.Outcome(sum(each.points for each in outcomes), sum(each.hit for each in outcomes),
                          {kind: count for each in outcomes for kind, count in each.counts.items()},
                          [complaint for each in outcomes for complaint in each.complaints],
                          sum(each.seconds for each in outcomes))


@pytest.mark.parametrize("name", WAYS)
def test_nothing_acknowledged_is_lost(name, programs, tmp_path):
    way = WAYS[name]
    bench = Bench(programs["sendmail"], way, tmp_path)
    tally = Tally(f"sendmail, {name}")
    flushing = "-odq" not in way.words
    common = {"setup": bench.setup, "stdin": bench.input, "base": quick_base(), "timeout": PROMISED, "keep": choose,
              "env": {"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": "{folder}/postbag.ini"}, "cwd": "{folder}",
              "by": "point" if flushing else "number",
              "check": lambda *arguments: list(check_world(bench, tally, *arguments))}
    streams = {"on": ("stdin", "stdout", "sockets", "all"), **common}
    both = together(faults.matrix(bench.argv, kinds=("kill", "error", "short"), fallible=True, **streams),
                    faults.matrix(bench.argv, kinds=("kill-process", "error-after"), **streams),
                    faults.matrix(bench.argv, kinds=("full",), **common))
    report("submit-" + re.sub("[^a-z]+", "-", name), tally.text(both))
    assert both.complaints == [], both
    assert both.hit >= both.points * (0.9 if flushing else 1), both
    assert tally.total("acknowledged") > 0 and tally.total("exit 75") > 0 and tally.total("killed") > 0


def test_an_unread_configuration_stores_all_the_same(world, programs):
    bed = world()
    sendmail, config = "/usr/local/bin/sendmail", bed.path("/home/jane/postbag.ini")
    shutil.copy(programs["sendmail"], bed.path(sendmail))
    config.write_text(CONFIGURATION.format("/home/jane/named"))
    os.chown(config, bed.uids["jane"], bed.uids["jane"])
    spools = [bed.path(f"/home/jane/{path}/spool") for path in ("named/state", ".local/state/postbag")]
    argv = bed.command([sendmail, *WAYS["arguments"].words], user="jane",
                       env={"POSTBAG_CONFIG": "/home/jane/postbag.ini"})
    options = {"stdin": TEXT, "fallible": True, "paths": ["/home/jane"], "timeout": PROMISED}
    calls = faults.list_calls(argv, **options)
    reading = [call for call in calls if call.path == "/home/jane/postbag.ini"]
    assert len(reading) > 3
    expected = timeless(queue_of(spools[0])[0][0].message)
    used = [1, 0]
    for fault in faults.faults(reading, "/home/jane", ("error", "short")):
        where = {**fault.options(), "at": fault.call.n}
        result = faults.run(argv, **options, **where)
        assert (result.status, result.hit.n) == (0, fault.call.n), (fault, result)
        found = [queue_of(spool) for spool in spools]
        assert [complaints for _, complaints in found if complaints] == [], fault
        counts = [len(whole) for whole, _ in found]
        assert sum(counts) == sum(used) + 1, fault
        # What it did not find or could not read it says; a file read piece by piece is read.
        assert counts[1] == used[1] or re.fullmatch(rb"sendmail: /home/jane/postbag\.ini: [^\n]+\n", result.stderr), fault
        used = counts
    assert used[0] > 1 and used[1] > 1
    assert {timeless(entry.message) for spool in spools for entry in queue_of(spool)[0]} == {expected}
