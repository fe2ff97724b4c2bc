"""postbag-flush with each of its system calls going wrong: nothing is lost, and twice goes only what must."""

import collections
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import faults
import pytest
from spoolcheck import Tally, queue_of, quick_base, report
from support.smtpd import Gate, Server

CONFIGURATION = """[site]
domain = lan.example

[spool]
directory = {folder}/spool

[smarthost]
host = localhost:{port}
security = none
connections = {sessions}
connect_timeout = 2s
reply_timeout = 2s
data_timeout = 2s
dot_timeout = 2s
"""
MESSAGES = [
    (("bob@x.test",), b"Subject: one\n\n.dot\nhello\n"),
    (("ok@x.test", "tmp@x.test", "perm@x.test"), b"Subject: three\n\n" + b"a line for three\n" * 20),
    # More than one piece of what is read and sent at a time.
    (("carol@x.test",), b"Subject: large\n\n" + b"".join(b".%06d and so on\n" % n for n in range(9000))),
]
REFUSALS = {("rcpt", "tmp@x.test"): "450 4.2.1 busy", ("rcpt", "perm@x.test"): "550 5.1.1 nobody"}
REFUSED = {"tmp@x.test", "perm@x.test"}
SENDER = "jane@lan.example"
PROMISED = 5
BOUNCE = "bounce", SENDER  # stands for (entry's name, address)
# A failure of these between the final dot and the status byte leaves a message that is at the server pending: on the
# connection, on the way to the flush, or of the status byte itself.
WINDOW = {"sendto", "sendmsg", "recvfrom", "recvmsg", "poll", "pwrite64", "fdatasync"}


class Bench:
    """Worlds that are copies of a template, each with a server of its own."""

    def __init__(self, programs, folder, sessions=1, messages=MESSAGES):
        self.sessions = sessions
        self.flush = programs["postbag-flush"]
        self.template = folder / "template"
        self.template.mkdir()
        self.configure(self.template, 1)
        for addresses, text in messages:
            subprocess.run([programs["sendmail"], "-odq", "-f", SENDER, *addresses], input=text,
                           env=self.env(self.template), check=True)
        self.entries, complaints = queue_of(self.template / "spool")
        assert len(self.entries) == len(messages) and not complaints
        self.wire = {entry.message.replace(b"\n", b"\r\n"): entry for entry in self.entries}
        self.servers = {}

    @staticmethod
    def env(world):
        return {"PATH": "/usr/bin:/bin", "POSTBAG_CONFIG": str(world / "postbag.ini")}

    def configure(self, world, port):
        (world / "postbag.ini").write_text(CONFIGURATION.format(folder=world, port=port, sessions=self.sessions))
        (world / "postbag.ini").chmod(0o600)

    def setup(self, world):
        shutil.copytree(self.template, world, dirs_exist_ok=True)
        server = self.servers[world] = Server(REFUSALS).start()
        self.configure(world, server.port)

    def accepted(self, world):
        """(how often the server took each (entry's name, address), complaints)"""
        taken, complaints = collections.Counter(), []
        server = self.servers[world]
        # What a flush that is dead by now has sent may still be on its way.
        server.wait_until(lambda: all(record.ended for record in server.connections), what="the end of each session")
        for message in list(server.messages):
            if message.sender == "" and message.addresses == [SENDER]:
                complaints += self.notice_complaints(message.data.replace(b"\r\n", b"\n"))
                taken[BOUNCE] += 1
                continue
            entry = self.wire.get(message.data)
            if entry is None:
                complaints.append(f"TRUNCATED at the server: {len(message.data)} bytes to {message.addresses}")
                continue
            taken.update((entry.name, address) for address in message.addresses)
        complaints += [f"SMTP: {violation}" for violation in server.violations]
        return taken, complaints

    @staticmethod
    def notice_complaints(text):
        """The one bounce there may be: for the refused one, whole."""
        told = re.findall(rb"(?m)^Final-Recipient: rfc822; (.*)$", text)
        whole = re.search(rb"(?m)^--(\S+)--\n*\Z", text)
        return [] if told == [b"perm@x.test"] and whole else [f"not the bounce: {text!r}"]

    def pending(self, world):
        """({(name, address): status byte} of what is in the queue, complaints)"""
        whole, complaints = queue_of(world / "spool")
        complaints += [f"in bad/: {path.name}" for path in (world / "spool/bad").glob("*")]
        originals = {entry.name: entry for entry in self.entries}
        notices = [entry for entry in whole if entry.sender == "" and entry.addresses == [SENDER]]
        whole = [entry for entry in whole if entry not in notices]
        complaints += [complaint for entry in notices for complaint in self.notice_complaints(entry.message)]
        if len(notices) > 1:
            complaints.append(f"{len(notices)} bounces")
        found = {BOUNCE: notices[0].statuses} if notices else {}
        for entry in whole:
            if entry.name not in originals or originals[entry.name].message != entry.message:
                complaints.append(f"damaged: {entry.name}")
        found |= {(entry.name, each.address): each.status for entry in whole for each in entry.recipients}
        return found, complaints

    def run_again(self, world):
        return subprocess.run([self.flush, "--all"], env=self.env(world), cwd="/", capture_output=True,
                              timeout=20, check=False)


def status_complaints(result, fault, accepted):
    if result.status == 124 or result.seconds > PROMISED:
        yield f"took {result.seconds:.1f} s, status {result.status}"
    elif result.status == 143 and fault.kind == "signal":
        if accepted:
            yield "died of SIGTERM after it had begun to send"
    elif result.status not in (0, 69, 71, 74, 75) and not (result.status == 137 and fault.kind.startswith("kill")):
        yield f"exit status {result.status}"
    if re.search(rb"internal error|terminate|assert", result.stderr):
        yield f"stderr {result.stderr!r}"


def in_window(result, fault):
    """Whether the fault may be one that design 4 names: killed, connection lost, or no status byte."""
    return fault.kind.startswith("kill") or (result.hit is not None and result.hit.name in WINDOW)


def most_doubled(bench, result, fault):
    """One message a session where the fault may have that effect at all; the bounce, where its commit is told to have
    failed and has not."""
    if fault.kind.startswith("kill"):
        return bench.sessions
    committed = fault.kind == "error-after" and result.hit is not None and result.hit.name in ("renameat2", "fsync")
    return 1 if in_window(result, fault) or committed else 0


def check_world(bench, tally, world, result, fault):
    accepted, complaints = bench.accepted(world)
    yield from status_complaints(result, fault, accepted)
    pending, more = bench.pending(world)
    yield from complaints + more
    doubled = set()
    for entry in bench.entries:
        for address in entry.addresses:
            key = entry.name, address
            status = pending.get(key, "gone")
            if not accepted[key] and status != "." and address != "perm@x.test":
                yield f"LOST: {key} is {status!r} and was not accepted"
            if address == "perm@x.test" and status != "." and not accepted[BOUNCE] and pending.get(BOUNCE) != ".":
                yield f"LOST: the bounce for {key} is {pending.get(BOUNCE)!r} and was not accepted"
            if accepted[key] > 1:
                yield f"sent {accepted[key]} times in one run: {key}"
            if accepted[key] and status == ".":
                doubled.add(key)
    if accepted[BOUNCE] > 1:
        yield f"sent {accepted[BOUNCE]} bounces in one run"
    # Of itself, or because its parent does not know of it.
    again = [status for key, status in pending.items() if key == BOUNCE or key[1] == "perm@x.test"]
    if accepted[BOUNCE] and "." in again:
        doubled.add(BOUNCE)
    tally.add(fault, "runs")
    tally.add(fault, "sent", sum(accepted.values()))
    tally.add(fault, "to be doubled", len(doubled))
    if len(doubled) > most_doubled(bench, result, fault):
        yield f"would be sent again: {doubled}"
    if doubled - {BOUNCE} and result.hit.name in WINDOW - {"pwrite64", "fdatasync"} and not fault.kind.startswith("kill"):
        yield from too_soon(world, doubled)
    yield from check_end(bench, tally, world, fault, doubled)


def too_soon(world, doubled):
    """What is in doubt is not tried again before 15 minutes have passed."""
    for name, _ in doubled - {BOUNCE}:
        wait = os.stat(world / "spool/queue" / name).st_mtime - time.time()
        if wait < 14 * 60:
            yield f"in doubt, and tried again in {wait:.0f} s"


def check_end(bench, tally, world, fault, doubled):
    """A run without faults brings everything to its end."""
    done = bench.run_again(world)
    if done.returncode != 0:
        yield f"the next run: exit {done.returncode}, {done.stderr!r}"
    accepted, complaints = bench.accepted(world)
    pending, more = bench.pending(world)
    yield from (f"after the next run: {complaint}" for complaint in complaints + more)
    for entry in bench.entries:
        for address in entry.addresses:
            key = entry.name, address
            wanted = 0 if address in REFUSED else 2 if key in doubled else 1
            if accepted[key] != wanted:
                yield f"sent {accepted[key]} times in all, not {wanted}: {key}"
    if accepted[BOUNCE] != (2 if BOUNCE in doubled else 1):
        yield f"sent {accepted[BOUNCE]} bounces in all; {fault}"
    tally.add(fault, "doubled", sum(count - 1 for count in accepted.values() if count > 1))
    left = {address: status for (_, address), status in pending.items()}
    if left != ({"ok@x.test": "D", "tmp@x.test": ".", "perm@x.test": "B"} if len(bench.entries) > 1 else {}):
        yield f"left in the queue: {left}"
    # What was killed while it wrote a bounce leaves the draft, which goes after 36 hours.
    if len(list((world / "spool/tmp").iterdir())) > fault.kind.startswith("kill"):
        yield "tmp/ is not empty"
    bench.servers.pop(world).stop()


def choose(fault):
    """Not the configuration (its mistakes are another test's), and ELOOP of an entry is no fault: a link, for bad/."""
    return not re.search(r"/postbag\.ini$|/world\.[^/]*$", fault.call.path) and not (
        fault.value == "ELOOP" and "/queue/" in fault.call.path)


def run_matrix(bench, title, kinds, name):
    tally = Tally(title)
    streams = {} if kinds == ("full",) else {"on": ("sockets", "all")}
    outcome = faults.matrix(
        [bench.flush], lambda *arguments: list(check_world(bench, tally, *arguments)), setup=bench.setup, kinds=kinds,
        by="point", base=quick_base(), env=bench.env(Path("{folder}")), cwd="/", timeout=PROMISED,
        fallible=kinds not in (("error-after",), ("full",)), keep=choose, **streams)
    for server in bench.servers.values():  # of the run that lists the calls
        server.stop()
    report(name, tally.text(outcome))
    assert outcome.complaints == [], outcome
    return outcome


@pytest.mark.parametrize("kinds", [("kill", "kill-process"), ("error", "short"), ("error-after",), ("full",), ("signal",)],
                         ids="+".join)
def test_nothing_is_lost_and_little_sent_twice(kinds, programs, tmp_path):
    bench = Bench(programs, tmp_path)
    outcome = run_matrix(bench, f"postbag-flush, {' and '.join(kinds)}", kinds, "flush-" + "-".join(kinds))
    assert outcome.hit >= outcome.points * 0.9, outcome


def test_three_sessions_lose_nothing_either(programs, tmp_path):
    """What runs side by side does not always make the same calls, so fewer faults find theirs."""
    bench = Bench(programs, tmp_path, sessions=3)
    outcome = run_matrix(bench, "postbag-flush with three sessions, killed", ("kill",), "flush-sessions")
    assert outcome.hit >= outcome.points * 0.7, outcome


@pytest.mark.parametrize("kinds", [("kill",), ("error", "error-after"), ("full",)], ids="+".join)
def test_a_bounce_is_never_lost(kinds, programs, tmp_path):
    bench = Bench(programs, tmp_path, messages=[(("perm@x.test",), b"Subject: none\n\nhello\n")])
    outcome = run_matrix(bench, f"the way of a bounce, {' and '.join(kinds)}", kinds, "bounce-" + "-".join(kinds))
    assert outcome.hit >= outcome.points * 0.9, outcome


def calls_of_one(bench, world):
    """(all calls of a run that sends one message, the place of its status byte among them)"""
    bench.setup(world)
    calls = faults.list_calls([bench.flush], env=bench.env(world), cwd="/", paths=[world], on=("sockets", "all"),
                              fallible=True)
    bench.servers.pop(world).stop()
    shutil.rmtree(world)
    return calls, next(i for i, call in enumerate(calls) if call.name == "pwrite64" and "/queue/" in call.path)


def test_the_window_in_which_a_message_goes_twice_is_one_call_wide(programs, tmp_path):
    """From the server's 250 to the status byte: which calls of the worker there are, and which change the disk."""
    bench = Bench(programs, tmp_path, messages=MESSAGES[:1])
    calls, number = calls_of_one(bench, tmp_path / "world")
    verdict, *later = [call for call in calls[number:] if call.process == calls[number].process]
    before = [call for call in calls[:number] if call.process == verdict.process]
    start = max(i for i, call in enumerate(before) if call.name == "recvfrom")
    window = [*before[start + 1:], verdict]
    report("flush-window", f"from the server's 250 to the status byte: {len(window)} call ({verdict.name}, then "
           f"{later[0].name}, then the answer by {later[1].name})\n")
    assert window == [verdict] and verdict.process != 1
    assert [call.name for call in later[:2]] == ["fdatasync", "sendmsg"]


@pytest.mark.parametrize("kind", ["tree", "process"])
@pytest.mark.parametrize("moment, doubled", [("pwrite64", 1), ("fdatasync", 0), ("sendmsg", 0)])
def test_who_dies_in_the_window(programs, tmp_path, kind, moment, doubled):
    """All or the worker alone, before the status byte, before it is synced, before it is told of."""
    bench = Bench(programs, tmp_path, messages=MESSAGES[:1])
    world = tmp_path / "world"
    calls, number = calls_of_one(bench, world)
    bench.setup(world)
    call = next(call for call in calls[number:] if call.name == moment and call.process == calls[number].process)
    nth = sum((each.name, each.path) == (call.name, call.path) for each in calls[:calls.index(call) + 1])
    result = faults.run([bench.flush], point=f"{nth}:{moment}:{faults.glob_of(call.path, world)}", kill=kind,
                        env=bench.env(world), cwd="/", paths=[world], on=("sockets", "all"), fallible=True)
    assert result.hit is not None and result.hit.name == moment
    assert result.status == (137 if kind == "tree" else 0)
    key = bench.entries[0].name, "bob@x.test"
    accepted, complaints = bench.accepted(world)
    pending, more = bench.pending(world)
    assert (accepted[key], complaints + more) == (1, [])
    # The flush that lives on reads what its worker has written, and takes the message out of the queue.
    assert pending.get(key, "gone") == ("." if doubled else "gone" if kind == "process" else "D")
    if doubled and kind == "process":
        assert not list(too_soon(world, {key}))
    assert bench.run_again(world).returncode == 0
    accepted, complaints = bench.accepted(world)
    assert (accepted[key], complaints, bench.pending(world)) == (1 + doubled, [], ({}, []))
    bench.servers.pop(world).stop()


def test_a_worker_does_not_outlive_its_flush(account, smtpd):
    """Else it would go on sending what the next run sends, too."""
    held = Gate()
    server = smtpd({"dot": [held]})
    for n in range(3):
        assert account.sendmail("-odq", "bob@x.test", input=b"Subject: %d\n\nhello\n" % n).returncode == 0
    account.relay_through(server, security="none", connections=1)
    with subprocess.Popen([account.programs["postbag-flush"]], env=account.env, cwd="/") as flush:
        held.wait_reached()
        flush.kill()
    again = account.flush("--all")
    held.open()
    assert again.returncode == 0 and account.entries() == []
    server.wait_until(lambda: all(record.ended for record in server.connections), what="the end of each session")
    told = collections.Counter(re.search(rb"Subject: (.)", message.data)[1] for message in server.messages)
    assert told[b"1"] == told[b"2"] == 1 and 1 <= told[b"0"] <= 2
