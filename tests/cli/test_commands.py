"""Commands that a message is handed to: twelve nasty ones, what they see, and what becomes of what they say."""

import os
import re
import shutil
import time

import pytest
from support.mail_user import Bed
from support.postfix import extracted
from support.world import World

TEXT = b"Subject: hello\n\nhello\nFrom here on\n"
AS_GIVEN = (b"From tom@example.org Fri Nov 20 11:56:07 2026\nReturn-Path: <tom@example.org>\nX-Original-To: jane\n"
            b"Delivered-To: jane@lan.example\n" + TEXT)


@pytest.fixture(scope="module")
def bed(programs):
    if os.geteuid() != 0:
        pytest.skip("a world of its own needs root")
    with World(users=["jane", "tom"]) as made:
        yield Bed(made, programs["postbag-flush"].parents[1] / "tests/deliver")


def given(bed, name="out"):
    return bed.world.path(f"/home/jane/{name}").read_bytes()


def test_a_command_gets_the_message(bed):
    assert bed.run("command", "cat >out") == "delivered 2.0.0 delivered to command: cat >out"
    assert given(bed) == AS_GIVEN
    assert bed.world.path("/home/jane/out").stat().st_mode & 0o777 == 0o600


NASTY = {
    "reads nothing": ("exit 0", "delivered 2.0.0 delivered to command: exit 0"),
    "reads one line": ("head -1 >/dev/null", "delivered 2.0.0 delivered to command: head -1 >/dev/null"),
    "closes everything": ("exec <&- >&- 2>&-; exit 0", "delivered 2.0.0 delivered to command: exec <&- >&- 2>&-; exit 0"),
    "many lines": ("seq 3; exit 75", "delayed 4.3.0 temporary failure. Command output: 1?2?3"),
    "a gigabyte": ("head -c 1000000000 /dev/zero | tr '\\0' x", "delivered 2.0.0 delivered to command: "
                   "head -c 1000000000 /dev/zero | tr '\\0' x"),
    "a daemon that holds the output": ("sleep 1000 & exit 0", "delivered 2.0.0 delivered to command: sleep 1000 & exit 0"),
    "no end": ("sleep 1000", 'delayed 4.3.0 Command time limit exceeded: "sleep 1000"'),
    "no end, with children, deaf to SIGTERM": ("trap '' TERM; sh -c 'trap \"\" TERM; sleep 1000' & sleep 1000; sleep 1000",
                                               "delayed 4.3.0 Command time limit exceeded: "),
    "stops itself": ("kill -STOP $$", 'delayed 4.3.0 Command time limit exceeded: "kill -STOP $$"'),
    "dies by a signal": ("kill -SEGV $$", 'delayed 4.3.0 Command died with signal 11: "kill -SEGV $$"'),
    "a broken pipe of its own": ("yes | true", "delivered 2.0.0 delivered to command: yes | true"),
    "escapes": ("printf '\\033[2J\\nFrom x\\r\\0\\n'; exit 67",
                "failed 5.1.1 user unknown. Command output: ?[2J?From x??"),
    "missing": ("/no/such/program", "delayed 4.3.0 Command died with status 127: "),
    "not executable": ("/etc/passwd", "delayed 4.3.0 Command died with status 126: "),
    "not a command": ("(", "failed 5.3.0 Command died with status 2: "),
    "kills its group": ("kill -KILL 0", 'delayed 4.3.0 Command died with signal 9: "kill -KILL 0"'),
}


@pytest.mark.parametrize("case", NASTY)
def test_nasty_commands(bed, case):
    command, told = NASTY[case]
    start = time.monotonic()
    answer = bed.run("command", command, command_limit=1 if "time limit" in told else 60)
    assert answer.startswith(told) and "\n" not in answer and len(answer) < 1100
    assert time.monotonic() - start < 20
    left = [pid for pid in bed.world.processes() if b"sleep\x001000" in open(f"/proc/{pid}/cmdline", "rb").read()]
    assert len(left) == (1 if "daemon" in case else 0)
    for pid in left:
        os.kill(pid, 9)
        while os.path.exists(f"/proc/{pid}"):
            pass


@pytest.mark.parametrize("number, told", [
    (0, "delivered 2.0.0"), (1, "failed 5.3.0"), (64, "failed 5.3.0 command line usage error"),
    (65, "failed 5.6.0 data format error"), (66, "failed 5.3.0"), (67, "failed 5.1.1 user unknown"), (68, "failed 5.1.2"),
    (69, "failed 5.3.0 service unavailable"), (70, "failed 5.3.0"), (71, "delayed 4.3.0"), (72, "failed 5.3.0"),
    (73, "delayed 4.2.0"), (74, "delayed 4.3.0"), (75, "delayed 4.3.0 temporary failure"), (76, "failed 5.5.0"),
    (77, "failed 5.7.0"), (78, "delayed 4.3.5"), (126, "delayed 4.3.0"), (127, "delayed 4.3.0"), (143, "delayed 4.3.0")])
def test_exit_statuses(bed, number, told):
    assert bed.run("command", f"exit {number}").startswith(told)


def test_what_a_command_sees(bed):
    command = "env >out; ls /proc/self/fd >fds; cut -d' ' -f5,6 /proc/$$/stat >ids; echo $$ >>ids; pwd >where; " \
              "grep -E 'Sig(Blk|Ign)' /proc/self/status >signals"
    told = bed.run("command", command, original="root", final="jane+lists@lan.example", user="jane", env={
        "LD_PRELOAD": "/x.so", "IFS": "x", "SECRET": "1", "BASH_ENV": "/x", "PATH": "/home/tom"})
    assert told.startswith("delivered")
    lines = dict(line.split("=", 1) for line in given(bed).decode().splitlines())
    lines.pop("_", None), lines.pop("SHLVL", None), lines.pop("OLDPWD", None)
    assert lines == {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin", "HOME": "/home/jane", "USER": "jane",
        "LOGNAME": "jane", "LANG": "C", "SHELL": "/bin/sh", "SENDER": "tom@example.org", "PWD": "/home/jane",
        "RECIPIENT": "jane+lists@lan.example", "ORIGINAL_RECIPIENT": "root", "LOCAL": "jane+lists",
        "DOMAIN": "lan.example", "EXTENSION": "lists"}
    assert given(bed, "fds").split() == [b"0", b"1", b"2", b"3"]  # 3 is the listing's own
    ids = given(bed, "ids").split()
    assert ids[0] == ids[1] == ids[2]  # leads a session and a group of its own
    assert given(bed, "where") == b"/home/jane\n"
    assert given(bed, "signals") == b"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"


def test_signals_that_libc_keeps_for_itself_are_not_ignored_either(bed):
    # 32 and 33: signal() refuses them, and what runs the tests may have had them ignored.
    ignoring = ("import ctypes, os, sys\n"
                "action = (ctypes.c_ulong * 4)(1)\n"  # SIG_IGN
                "for number in (32, 33):\n"
                "    ctypes.CDLL(None).syscall(13, number, action, None, ctypes.c_ulong(8))\n"  # rt_sigaction
                "os.execv(sys.argv[1], sys.argv[1:])\n")
    done = bed.world.run(["/usr/bin/python3", "-c", ignoring, *bed.argv("command", "grep SigIgn /proc/self/status >signals")],
                         user="jane")
    assert done.stdout.startswith(b"delivered"), done
    assert given(bed, "signals") == b"SigIgn:\t0000000000000000\n"


SHELL = "() { :;}; touch /tmp/canary-%d; `touch /tmp/canary-%d` $(touch /tmp/canary-%d) ; | & touch canary" % ((os.getpid(),) * 3)


@pytest.mark.parametrize("value", [SHELL, "-rf", "a;touch canary;@x", "`touch canary`@x", "$(touch canary)@x", "a|b@x", "a b",
                                   "'\"\\", "\xfc@x", "%n%s", "a\nb"])
def test_data_is_never_a_command(bed, value):
    bed.run("command", "env >out; eval : \"$SENDER\" $RECIPIENT $ORIGINAL_RECIPIENT $LOCAL $EXTENSION $DOMAIN; "
            "bash -c 'echo $LOCAL' >/dev/null", original=value, final=value + "+" + value)
    assert not bed.world.path("/home/jane/canary").exists() and not os.path.exists(f"/tmp/canary-{os.getpid()}")
    for line in given(bed).decode().splitlines():
        if re.match("SENDER|RECIPIENT|ORIGINAL|LOCAL|DOMAIN|EXTENSION", line):
            assert re.fullmatch("[A-Z_]+=[A-Za-z0-9@._+=/:,-]*", line)


def test_descriptors_after_many(bed):
    """The driver delivers a thousand in one process."""
    assert bed.run("command", "ls /proc/self/fd | tr -d '\\n' >>many", count=1000).count("delivered 2.0.0") == 1000
    assert given(bed, "many") == b"0123" * 1000


def test_root_runs_nothing(bed):
    assert bed.run("command", "touch /root/canary", user=None) == (
        'delayed 4.7.0 command "touch /root/canary": not as root; let an alias name a user instead')
    assert not bed.world.path("/root/canary").exists()


def test_a_folder_of_commands(bed):
    folder = bed.world.path("/etc/commands")
    folder.mkdir(exist_ok=True)
    bed.write("/etc/commands/keep", b'#!/bin/sh\nfor word; do echo "$word"; done >"$HOME/words"; cat >"$HOME/kept"\n', 0o755,
              None)
    bed.world.path("/home/jane/evil").write_bytes(b"#!/bin/sh\ntouch /home/jane/canary\n")
    bed.world.path("/home/jane/evil").chmod(0o755)
    assert bed.run("command", "/anything/keep -a jane@x", commands="/etc/commands") == (
        "delivered 2.0.0 delivered to command: /anything/keep -a jane@x")
    assert given(bed, "words") == b"-a\njane@x\n" and given(bed, "kept") == AS_GIVEN
    for command in ("/home/jane/evil", "keep || /home/jane/evil", "keep; /home/jane/evil", "keep/../../home/jane/evil",
                    "../home/jane/evil", "keep `/home/jane/evil`", "keep $(/home/jane/evil)", "keep & /home/jane/evil",
                    "keep\n/home/jane/evil", "|| /home/jane/evil", "sh -c /home/jane/evil", "exec /home/jane/evil"):
        told = bed.run("command", command, commands="/etc/commands")
        assert told.startswith('delayed 4.2.0 cannot run command "') and "\n" not in told
    assert not bed.world.path("/home/jane/canary").exists()


# What mailboxes are handed to.

def test_procmail(bed):
    bed.write("/home/jane/.procmailrc", b"DEFAULT=$HOME/sorted\n:0:\n* ^Subject: hello\nhello\n", 0o600)
    assert bed.run("command", "procmail -a \"$EXTENSION\"").startswith("delivered 2.0.0")
    assert given(bed, "hello") == AS_GIVEN.replace(b"\nFrom here", b"\n>From here") + b"\n"


def test_dovecot_lda(bed):
    root = extracted("dovecot-core")
    mounted = bed.world.run(["mount", "-t", "overlay", "-o", f"lowerdir={root}/usr:/usr", "overlay", "/usr"])
    assert mounted.returncode == 0, mounted.stderr
    bed.write("/home/jane/lda.conf", b"mail_location = maildir:/home/jane/Maildir\nssl = no\nprotocols =\nlog_path = /dev/stderr\n"
              b"stats_writer_socket_path =\ndefault_internal_user = tom\ndefault_login_user = tom\n"
              b"postmaster_address = root@lan.example\n", 0o644)
    # The world's /usr was covered: the driver goes with it.
    driver = bed.world.path("/home/jane/deliver")
    shutil.copy(bed.driver, driver)
    done = bed.world.run(["/home/jane/deliver", *bed.argv("command", "/usr/lib/dovecot/dovecot-lda -c /home/jane/lda.conf "
                                                          "-f \"$SENDER\"")[1:]], user="jane")
    assert done.stdout.startswith(b"delivered 2.0.0"), done.stdout + done.stderr
    delivered, = bed.world.path("/home/jane/Maildir/new").iterdir()
    assert delivered.read_bytes().endswith(b"Subject: hello\n\nhello\nFrom here on\n")
