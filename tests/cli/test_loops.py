"""Mail that goes round in circles ends, and much that fails makes no more than its share of work."""

import os
import re
from contextlib import ExitStack

import pytest
from support.lab import FLUSH, SITE, TEXT, Lab, relay_through
from support.report import parse
from support.smtp_client import ProgramSMTP

OWN = SITE + "[local]\naliases = ~/aliases\n"


# Loops on one machine.

LOOPS = {
    "an alias of itself": "a: a\n",
    "two aliases": "a: b\nb: a\n",
    "a ring of many": "".join(f"a{n or ''}: a{n + 1}\n" for n in range(90)) + "a90: a\n",
    "longer than anybody needs": "".join(f"a{n or ''}: a{n + 1}\n" for n in range(150)) + "a150: jane\n",
    "a file of itself": "a: :include:/home/jane/list\n",
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_of_aliases_comes_back(lab, loop):
    jane = lab.person("jane", OWN)
    jane.give({"aliases": LOOPS[loop], "list": ":include:/home/jane/list\n"})
    jane.deliver("a")
    assert parse(*jane.texts).actions[0][1:] == ("failed", "5.4.6") and jane.entries == []


def test_a_loop_with_a_way_out_takes_it(lab):
    jane = lab.person("jane", OWN)
    jane.give({"aliases": "a: b, jane\nb: a, /home/jane/archive\n", ".forward": "\\jane, a\n"})
    jane.deliver("a", "b")
    assert len(jane.mail) == 1 and jane.read("archive").count(b"\nDelivered-To: ") == 1 and jane.entries == []


def test_ones_own_delivered_to_is_a_loop(lab):
    jane = lab.person("jane", SITE)
    jane.deliver("jane", sender="x@y.test", text=b"Delivered-To: Jane@BOX.lan.example\n" + TEXT)
    assert jane.box == b""
    report, = jane.entries  # nobody takes it away
    assert parse(report.message).actions == [("jane@lan.example", "failed", "5.4.6")]


# Two machines whose mail goes to each other.


class Pair:
    """a.example and b.example: each relays through the other's `sendmail -bs`. jane lives on both."""

    def __init__(self, programs, stack, **server):
        self.labs = [stack.enter_context(Lab(programs, ["jane"], mailname=f"{name}.example")) for name in "ab"]
        self.servers = [lab.smtpd(**server) for lab in self.labs]
        self.people = [self._settle(index) for index in range(2)]
        self.carried = 0

    def _settle(self, index):
        name = "ab"[index]
        site = f"[site]\ndomain = {name}.example\nlocal = {name}.example\n[local]\naliases = ~/aliases\n"
        person = self.labs[index].person("jane", site + relay_through(self.servers[index]))
        person.give({"aliases": "# none\n"})
        return person

    def run(self, most):
        """Delivers and carries until nothing moves; at most so many messages may go from one to the other."""
        moved = True
        while moved:
            moved = False
            for index, person in enumerate(self.people):
                person.flush()
                taken, self.servers[index].messages[:] = list(self.servers[index].messages), []
                for message in taken:
                    moved = True
                    self.carry(message, self.people[1 - index])
                    self.carried += 1
                    assert self.carried <= most, "it does not end"

    def carry(self, message, person):
        with ProgramSMTP(person.world.command(["sendmail", "-bs", "-odq"], user="jane")) as client:
            client.ehlo()
            assert client.mail(message.sender)[0] == 250
            for address in message.addresses:
                assert client.rcpt(address)[0] == 250
            assert client.data(message.data)[0] == 250
            client.quit()


@pytest.fixture
def pair(programs):
    if os.geteuid() != 0:
        pytest.skip("two machines need root")
    with ExitStack() as stack:
        yield Pair(programs, stack, without=["DSN"])


def test_two_that_forward_to_each_other_end_by_delivered_to(pair):
    first, second = pair.people
    first.give({".forward": "jane@b.example\n"})
    second.give({".forward": "jane@a.example\n"})
    first.send("jane", sender="jane+sender")
    pair.run(most=8)
    # The message comes back once; its bounce does, and so does the report to postmaster, who is jane too.
    held, = first.entries + second.entries
    assert held.sender == "" and held.state[0] == "h" and "mail forwarding loop" in first.mailq() + second.mailq()
    assert held.message.count(b"\n\nhello\n") == 1


def test_two_whose_aliases_name_each_other_end_by_the_count_of_hops(pair):
    first, second = pair.people
    first.give({"aliases": "jane: jane@b.example\n"})
    second.give({"aliases": "jane: jane@a.example\n"})
    first.send("jane", sender="ann", text=b"Received: by x; Mon, 1 Jan 2024 00:00:00 +0000\n" * 40 + TEXT)
    first.give({"aliases": "jane: jane@b.example\nann: \\jane\n"})
    pair.run(most=12)
    report, = map(parse, first.texts)
    assert [(action, status) for _, action, status in report.actions] == [("failed", "5.4.6")]
    assert "too many hops" in report.text and first.entries == second.entries == []


def test_two_postmasters_elsewhere_end(pair):
    """Each machine's undeliverable reports go to the other, which knows nobody of that name."""
    for person, other in zip(pair.people, ("b.example", "a.example")):
        person.give({"aliases": f"postmaster: pm@{other}\n"})
    pair.people[0].send("nobody-here", sender="")
    pair.run(most=4)
    held = pair.people[0].entries + pair.people[1].entries
    assert [entry.state[0] for entry in held] == ["h"]


# Storms: each message has its share of work, and no more. Where a sanitizer slows all, some hundreds show it.

FEW = 500
STORM = pytest.param(10_000, marks=pytest.mark.release, id="10 000")


def submit(person, sender, recipient, count):
    """Queues them in one session."""
    lines = ["EHLO x"]
    for number in range(count):
        lines += [f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA", f"Subject: {number}", "", "hello", "."]
    done = person.run("sendmail", "-bs", "-odq", input="\r\n".join([*lines, "QUIT", ""]).encode(), timeout=120)
    assert done.returncode == 0 and done.stdout.count(b"\n250 2.0.0") == count, done.stdout[-500:]


def tasks_begun(lab):
    """How many processes and threads the world has had."""
    done = lab.world.run(["cat", "/proc/sys/kernel/ns_last_pid"])
    return int(done.stdout)


@pytest.mark.parametrize("sender, recipient, reports, processes", [
    ("jane", "nobody-here", 1, 0), ("jane", "no", 1, 1), ("nobody-here", "no", 2, 1), ("nobody-here", "nobody-here", 2, 0)])
@pytest.mark.parametrize("count", [FEW, STORM])
def test_many_messages_that_fail_make_bounded_work(lab, count, sender, recipient, reports, processes):
    jane = lab.person("jane", OWN)
    jane.give({"aliases": "no: |exit 67\n"})
    submit(jane, sender, recipient, count)
    before = tasks_begun(lab)
    log = "\n".join(jane.log(timeout=120))
    # A flush and a few agents besides.
    assert tasks_begun(lab) - before <= processes * count + 20
    assert len(re.findall("sender non-delivery notification: ", log)) == reports * count
    assert len(set(re.findall(r"qmgr: (\w+): from=", log))) == (1 + reports) * count
    assert jane.box.count(b"\nSubject: Undelivered Mail Returned to Sender\n") >= count
    assert jane.box.count(b"\nReturn-Path: <>\n") == count and jane.entries == []


@pytest.mark.parametrize("count", [FEW, STORM])
def test_many_messages_that_nobody_can_be_told_of_wait_quietly(lab, count):
    jane = lab.person("jane", OWN.replace("[local]", "postmaster = nobody-there\n[local]"))
    jane.give({"aliases": "# none\n"})
    submit(jane, "nobody-here", "nobody-else", count)
    jane.flush(timeout=120)
    assert len(jane.entries) == count and {entry.state[0] for entry in jane.entries} == {"h"}
    before = tasks_begun(lab)
    jane.flush("--all", timeout=120)
    assert len(jane.entries) == count and tasks_begun(lab) - before <= 10


@pytest.mark.release
def test_the_queue_is_not_read_for_each_message_that_fails(lab):
    jane = lab.person("jane", OWN)
    jane.give({"aliases": "no: |exit 67\n"})
    submit(jane, "jane", "no", 2000)
    done = jane.run("strace", "-e", "trace=getdents64", "-o", "calls", FLUSH, timeout=120)
    assert done.returncode == 0 and jane.entries == []
    assert jane.read("calls").count(b"getdents64(") < 1000  # a look for each made nearly 3000
