"""`sendmail -b…` and `-q…`: what they exec and refuse; and that no option opens a file or costs time."""

import os
import shlex
import subprocess
import time

import pytest
from support import entries, stand_ins
from support.watch import Watch

MESSAGE = b"Subject: s\n\nbody\n"


@pytest.fixture(scope="session")
def beside(programs, tmp_path_factory):
    """The real sendmail beside siblings that only record how they were called."""
    return stand_ins.make(tmp_path_factory.mktemp("bin"), programs)


@pytest.fixture
def quiet(make_account, beside):  # pylint: disable=redefined-outer-name
    """An account with those."""
    account = make_account(name="quiet")
    account.programs = beside
    return account


def untouched(account):
    return account.entries() == [] and not list(account.spool.glob("tmp/*")) and stand_ins.never_started(account)


# Modes.


@pytest.mark.parametrize("words", ["-bm b@x.test", "-bm -t", "-t -bm", "-bs -bm b@x.test"])
def test_bm_delivers(quiet, words):
    done = quiet.sendmail("-odq", *words.split(), input=b"To: b@x.test\n\nbody\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [entry.addresses for entry in quiet.entries()] == [["b@x.test"]]


DAEMON = "postbag has no daemon; nothing needs to run"
REFUSED = {f"-b{mode}": "unknown mode; nothing was sent" for mode in [*"aBehHlPqStVwz", "sx", "vv", "mm", "",
                                                                      "x" * 300]}
REFUSED.update({"-bd": DAEMON, "-bD": DAEMON, "-bd -q30m": DAEMON, "-q1h -bd": DAEMON})


@pytest.mark.parametrize("words, why", REFUSED.items(), ids=[words[:12] for words in REFUSED])
def test_other_modes_are_refused_and_never_deliver(quiet, words, why):
    done = quiet.sendmail(*words.split(), "-t", "b@x.test", input=b"To: c@x.test\n\nbody\n")
    assert (done.returncode, done.stdout) == (64, b"")
    mode = next(word for word in words.split() if word.startswith("-b"))
    assert done.stderr.decode() == f"sendmail: {mode}: {why}\n"
    assert untouched(quiet)


@pytest.mark.parametrize("words", ["-b p b@x.test", "-b s", "-b m b@x.test"])
def test_a_bare_b_takes_no_next_word(quiet, words):
    done = quiet.sendmail(*words.split(), input=MESSAGE)
    assert (done.returncode, done.stderr) == (64, b"sendmail: -b: unknown mode; nothing was sent\n")
    assert untouched(quiet)


def test_a_mode_with_control_characters_is_shown_harmlessly(quiet):
    done = quiet.sendmail("-b\x1b[2J\n", "b@x.test", input=MESSAGE)
    assert done.returncode == 64 and b"\x1b" not in done.stderr and done.stderr.count(b"\n") == 1


# Siblings.

SIBLINGS = {"-bp": ("mailq", []), "-bp -v": ("mailq", []), "-v -bp": ("mailq", []), "-tbp": ("mailq", []),
            "-bi": ("newaliases", []), "-I": ("newaliases", []), "-bi -v": ("newaliases", []),
            "-vI": ("newaliases", []),
            "-bi -oA/etc/aliases": ("newaliases", []),
            "-bv jane": ("postbag-flush", ["--verify", "--", "jane"]),
            "-bv -v a@x.test,b c": ("postbag-flush", ["--verify", "--", "a@x.test", "b", "c"]),
            "-q": ("postbag-flush", ["--all"]), "-qf": ("postbag-flush", ["--all"]),
            "-v -q": ("postbag-flush", ["--all"]),
            "-vq": ("postbag-flush", ["--all"]), "-qGgroup": ("postbag-flush", ["--all"]),
            "-qI1J0MPEO205NB8BF": ("postbag-flush", ["--id=1J0MPEO205NB8BF"]),
            "-qRexample.org": ("postbag-flush", ["--recipient=example.org"]),
            "-qSjane@x.test": ("postbag-flush", ["--sender=jane@x.test"]),
            "-qRa -qSb": ("postbag-flush", ["--recipient=a", "--sender=b"]), "-qI-x": ("postbag-flush", ["--id=-x"])}


@pytest.mark.parametrize("words, called", SIBLINGS.items(), ids=SIBLINGS)
def test_a_sibling_is_executed_and_its_output_and_status_are_ours(quiet, words, called):
    name, arguments = called
    done = quiet.sendmail(*words.split(), input=MESSAGE)
    assert (done.returncode, done.stdout, done.stderr) == (stand_ins.EXEC_STATUS, f"output of {name}\n".encode(), b"")
    assert stand_ins.called(quiet, name) == (arguments, MESSAGE)  # which sendmail did not read
    assert untouched(quiet)


@pytest.mark.parametrize("option", ["-bi", "-I"])
def test_newaliases_where_it_is_not_installed(world, programs, option):
    inside = world()
    for place in ("/usr/bin/newaliases", "/usr/sbin/newaliases"):
        inside.path(place).unlink(missing_ok=True)
    target = inside.path("/usr/sbin/sendmail")
    target.unlink(missing_ok=True)
    target.write_bytes(programs["sendmail"].read_bytes())
    target.chmod(0o755)
    done = inside.run(["sendmail", option], user="jane")
    assert (done.returncode, done.stdout, done.stderr) == (69, b"", b"sendmail: /usr/bin/newaliases: not installed\n")
    newaliases = inside.path("/usr/bin/newaliases")
    newaliases.write_text("#!/bin/sh\necho \"$0 $#\"; exit 3\n")
    newaliases.chmod(0o755)
    done = inside.run(["sendmail", option], user="jane")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"/usr/bin/newaliases 0\n", b"")


def test_bp_shows_what_mailq_shows(account):
    assert account.sendmail("-bp").stdout == b"Mail queue is empty\n"
    account.sendmail("-odq", "b@x.test", input=MESSAGE)
    shown = account.sendmail("-bp")
    assert shown.stdout == account.mailq().stdout and b"b@x.test" in shown.stdout
    assert (shown.returncode, shown.stderr) == (0, b"")


# Queue runs.


@pytest.mark.parametrize("option", ["-q30m", "-q1h30m", "-q0", "-q5", "-q99999999999999999999", "-q1\n"], ids=ascii)
def test_a_queue_interval_returns_at_once_and_reads_nothing(quiet, option):
    reading, writing = os.pipe()  # stays open: who reads to its end would wait for ever
    os.write(writing, MESSAGE)
    done = quiet.sendmail(option, input=None, stdin=reading, timeout=10)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert os.read(reading, 1000) == MESSAGE
    os.close(reading)
    os.close(writing)
    assert not quiet.spool.exists() and stand_ins.called(quiet, "postbag-flush") is None


@pytest.fixture
def waiting(account, smtpd):
    """An account with three entries that are due in an hour, and the smarthost they are for."""
    server = smtpd()
    account.relay_through(server, security="none")
    for sender, recipient in (("ann@x.test", "one@y.test"), ("bob@x.test", "two@y.test"),
                              ("bob@x.test", "three@z.test")):
        account.sendmail("-odq", "-f", sender, recipient, input=MESSAGE)
    for entry in account.entries():
        os.utime(entry.path, (time.time() + 3600,) * 2)
    assert account.flush().returncode == 0 and len(account.entries()) == 3 and not server.messages
    return account, server


CHOICES = {"-q": {"one@y.test", "two@y.test", "three@z.test"}, "-qf": {"one@y.test", "two@y.test", "three@z.test"},
           "-qRy.test": {"one@y.test", "two@y.test"}, "-qRTWO": {"two@y.test"},
           "-qSbob": {"two@y.test", "three@z.test"},
           "-qRz.test -qSann": {"one@y.test", "three@z.test"}, "-qRnobody": set(), "-q30m": set()}


@pytest.mark.parametrize("words, delivered", CHOICES.items(), ids=CHOICES)
def test_a_queue_run_sends_what_it_names(waiting, words, delivered):
    account, server = waiting
    done = account.sendmail(*words.split(), input=None, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (0, b"")
    assert {address for message in server.messages for address, _ in message.recipients} == delivered
    assert {entry.addresses[0] for entry in account.entries()} == CHOICES["-q"] - delivered


def test_a_queue_run_of_one_id(waiting):
    account, server = waiting
    chosen = account.entries()[1]
    assert account.sendmail(f"-qI{chosen.id}").returncode == 0
    message, = server.messages
    assert message.recipients[0][0] == chosen.addresses[0]
    assert chosen.id not in [entry.id for entry in account.entries()] and len(account.entries()) == 2


# No file that a command line names is touched (A7: CVE-2016-10033), no number is believed (A8: CVE-2001-0653).

ATTACKS = ["-C {0}/there b", "-C{0}/there b", "-X {0}/new b", "-X{0}/new b", "-D {0}/there b", "-D{0}/new b",
           "-d{0}/new b",
           "-d99.{0}/new b", "-O QueueDirectory={0} b", "-OQueueDirectory={0} b", "-O AliasFile={0}/there b",
           "-OForwardPath={0}/there b", "-OControlSocketName={0}/new b", "-OPidFile={0}/new b",
           "-OStatusFile={0}/new b",
           "-ODeadLetterDrop={0}/new b", "-OSafeFileEnvironment={0} b", "-oA{0}/there b", "-oQ{0} b", "-oS{0}/new b",
           "-oH{0}/there b",
           "-o A{0}/there b", "-E{0}/new b", "-L {0}/new b", "-M{0}/new b", "-p {0}/new:h b", "-S{0}/new b",
           "-z{0}/new b",
           "-A{0}/there b", "-A {0}/there b", "-B {0}/there b", "-Q{0}/new b", "-V {0}/new b", "-R {0}/new b",
           "-N {0}/new b",
           "-bp -C{0}/there", "-q -C{0}/there", "-bs -C{0}/there -X{0}/new", "-be {0}/there", "-bt -C{0}/there",
           "-bi -oA{0}/there",
           "b -X{0}/new", "-- b -C{0}/there", "{0}/there", "'|cat >{0}/new'", ":include:{0}/there", "-F {0}/there b",
           "-f {0}/there b",
           "-f 'x -OQueueDirectory={0} -X{0}/new' b", "-f'attacker\\' -oQ{0}/ -X{0}/new 'some\"@x.test' b",
           "-f a@x.test -OQueueDirectory={0} -X{0}/new -t b", "--config={0}/there b", "--log={0}/new b"]


@pytest.mark.parametrize("line", ATTACKS)
def test_no_file_named_on_the_command_line_is_touched(quiet, tmp_path, line):
    target = tmp_path / "target"
    target.mkdir()
    (target / "there").write_text("O PrivacyOptions=x\nroot: |touch canary\n")
    with Watch(target) as watch:
        done = quiet.sendmail("-odq", *shlex.split(line.format(target)), input=b"To: b\n\n<?php system($_GET[0]); ?>\n")
        assert watch.touched() == set()
    assert sorted(path.name for path in target.iterdir()) == ["there"]
    assert (target / "there").read_text() == "O PrivacyOptions=x\nroot: |touch canary\n"
    assert done.returncode in (0, 64, 65, stand_ins.EXEC_STATUS) and not list(quiet.work.iterdir())
    assert all(entry.addresses == ["b"] for entry in quiet.entries())


def test_the_watch_sees_what_is_opened_and_made(tmp_path):
    (tmp_path / "there").write_text("")
    with Watch(tmp_path) as watch:
        assert watch.touched() == set()
        subprocess.run(["cat", tmp_path / "there"], check=True)
        subprocess.run(["touch", tmp_path / "new"], check=True)
        assert watch.touched() == {"there", "new"}


NUMBERS = ["-1", "0", "4294967295", "2147483648", "-2147483649", "9223372036854775808", "18446744073709551616",
           "1" * 100000,
           "%n%s%s%s", "0x7f", "1.1e400", ""]


@pytest.mark.parametrize("option", ["-h", "-d", "-p", "-B", "-L", "-OMaxHopCount=", "-oh", "-M", "-e", "-V", "-F"])
def test_numbers_out_of_range(quiet, option):
    for count, number in enumerate(NUMBERS, 1):
        apart = option in ("-h", "-L") or (number == "" and option in ("-p", "-B", "-M", "-V", "-F"))
        words = [option, number] if apart else [option + number]
        done = quiet.sendmail("-odq", *words, "b@x.test", input=MESSAGE)
        assert (done.returncode, done.stdout) == (0, b""), number[:30]
        # No server takes an ENVID that long.
        assert bool(done.stderr) == (option == "-V" and len(number) > 100), number[:30]
        assert len(quiet.entries()) == count
    assert {(*entry.addresses, entry.body) for entry in quiet.entries()} == {("b@x.test", b"body\n")}


@pytest.mark.parametrize("option", ["-d-2147483648-4294967295.255", "-d" + "9" * 500 + "." + "9" * 500, "-q-1",
                                    "-q" + "9" * 5000 + "d",
                                    "-qI" + "A" * 100000, "-qR%n%s"], ids=lambda text: text[:24])
def test_numbers_of_debugging_and_queue_runs(quiet, option):
    done = quiet.sendmail("-odq", option, "b@x.test", input=MESSAGE)
    assert done.returncode in (0, stand_ins.EXEC_STATUS) and done.stderr == b""
    assert len(quiet.entries()) == option.startswith("-d")


# A caller is neither kept waiting nor spoken to.


@pytest.mark.release
def test_a_submission_takes_milliseconds(quiet):
    def once():
        begin = time.monotonic()
        assert quiet.sendmail("bob@x.test", input=MESSAGE).returncode == 0
        return time.monotonic() - begin

    assert min(once() for _ in range(20)) < 0.05  # also how long a process takes to start from here


def test_the_callers_pipes_are_released_while_the_flush_runs(make_account, tmp_path, beside):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    programs = stand_ins.make(tmp_path / "slow", beside)
    programs["postbag-flush"].write_text(f'#!/bin/sh\necho "$$" >"${{1#*:}}.started"\nread go <{gate}\n')
    account = make_account(name="slow")
    account.programs = programs
    done = account.sendmail("b@x.test", input=MESSAGE, timeout=10)  # returns at the end of both pipes
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    pid, = stand_ins.started(account)
    assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)} == {"/dev/null"}
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    environment = open(f"/proc/{pid}/environ", "rb").read().split(b"\0")
    assert not [variable for variable in environment if variable.startswith(b"POSTBAG")]
    assert entries.committed(account.spool)
    gate.write_text("go\n")
