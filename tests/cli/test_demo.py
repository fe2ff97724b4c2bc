"""make demo: shows the main job, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "tests/support/demo.sh"
ID = "[0-9A-V]{15}"

SHOWN = r"""
# A configuration .*
\$ cat postbag\.ini
\[site\]
domain = lan\.example

\[spool\]
directory = (?P<folder>/tmp/postbag-demo\.\w{6})/spool

\[smarthost\]
host = localhost:(?P<port>\d+)
security = none

# The smarthost is down.*
\$ printf 'Subject: hello from postbag\\n\\nNothing resident, nothing lost\.\\n' \| sendmail bob@example\.org

# mailq shows .*
\$ mailq
----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------
(?P<id>ID) .* (?P<user>\S+)
 +\(connect to localhost:(?P=port): Connection refused\)
 +bob@example\.org

\t\tTotal requests: 1
-- 0 Kbytes in 1 Request\.

# Now the smarthost is there\..*

# sendmail -q .*
\$ sendmail -q

# What the smarthost has got:
--- message 1 \(no TLS, \d+ bytes\)
    from  <(?P=user)@lan\.example>
    to    <bob@example\.org>
    \| Received: .*
    \| \tid (?P=id); .*
    \| Subject: hello from postbag
    \| Date: .*
    \| From: .*
    \| Message-ID: .*
    \| 
    \| Nothing resident, nothing lost\.

# And the queue:
\$ mailq
Mail queue is empty
""".replace("ID)", f"{ID})", 1)


@pytest.fixture
def start(tmp_path, programs):
    """start(): the demonstration, begun; home and work are empty folders."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "work"),
           "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
    return lambda: subprocess.Popen([DEMO, programs["sendmail"].parent], env=env, cwd=tmp_path / "work", text=True,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a shell's `&` ignores it


def users(folder):
    """Processes that have to do with this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            named = [(path / name).read_bytes() for name in ("cmdline", "environ")]
            if any(os.fsencode(folder) in text for text in (*named, os.fsencode(os.readlink(path / "cwd")))):
                found.append(path.name)
        except OSError:  # it ended
            pass
    return found


def assert_nothing_is_left(folder, tmp_path):
    deadline = time.monotonic() + 10
    while users(folder) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert users(folder) == []
    assert not Path(folder).exists()
    assert list(tmp_path.glob("*/*")) == []


def test_it_shows_a_message_wait_and_arrive(start, tmp_path):
    before = sorted(DEMO.parent.rglob("*"))
    demo = start()
    out, err = demo.communicate(timeout=60)
    assert (demo.returncode, err) == (0, "")
    shown = re.fullmatch(SHOWN, out)
    assert shown, out
    assert_nothing_is_left(shown["folder"], tmp_path)
    assert sorted(DEMO.parent.rglob("*")) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_clears_up(start, tmp_path, number):
    demo = start()
    folder = None
    for line in demo.stdout:
        folder = folder or re.search(r"/tmp/postbag-demo\.\w+", line)
        if line.startswith("# Now the smarthost"):
            demo.send_signal(number)
            break
    demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert_nothing_is_left(folder[0], tmp_path)


def test_make_demo_sees_to_packages_and_programs_first():
    # Without what a make above this one would say in the environment.
    done = subprocess.run(["make", "-n", "demo"], cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True,
                          text=True, timeout=60, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == "tests/setup build"
    assert lines[-1] == "tests/support/demo.sh build/release/bin"
